"""The classes of an earlier project's model, in the order of its outputs, from the user's file. Loads no framework."""

from __future__ import annotations

import json
from pathlib import Path

from bakeoff.core.errors import DataError


def read_class_names(path: Path) -> list[str]:
    """Return the earlier model's classes in the order of its outputs.

    Args:
        path: a text file with one name a line, or JSON: a list of names, or {index: name} or {name: index}.

    Raises:
        DataError: the file is missing, unreadable, empty, or names a class twice.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"class names {path} are missing; baseline.class_names must list the earlier model's classes.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text; baseline.class_names is a text file or JSON.") from None
    names = _json_names(text, path) if path.suffix == ".json" else [line.strip() for line in text.splitlines()]
    names = [name for name in names if name]
    if not names or len(set(names)) != len(names):
        raise DataError(f"{path} must list each of the earlier model's classes once, in output order; got {names}.")
    return names


def _json_names(text: str, path: Path) -> list[str]:
    try:
        value = json.loads(text)
        if isinstance(value, list):
            return [str(name) for name in value]
        if all(str(key).isdigit() for key in value):
            return [str(value[key]) for key in sorted(value, key=int)]
        return [str(name) for name, _ in sorted(value.items(), key=lambda item: int(item[1]))]
    except (ValueError, TypeError, AttributeError):
        raise DataError(
            f"{path} must be a JSON list of class names in output order, or a mapping of index and name."
        ) from None
