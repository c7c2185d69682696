"""Which of the package's code a result comes from: what a file imports, and what that imports, down to the last.

The same closure writes dvc.yaml's dependencies (tools/stage_deps.py, by room) and keys the feature cache (by file).
"""

import ast
import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1]
KEY_DIGITS = 16


def digest(values: Any) -> str:
    """Return what keys are: the first 16 hex digits of the SHA-256 of the values' JSON, keys sorted."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Return the dotted names a file imports, in functions too; `from a import b` gives a and a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "import_module" and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                names.add(first.value)
    return frozenset(names)


def module_file(name: str) -> Path | None:
    """Return the file of a module of this package, or None for a name that is none."""
    if name != PACKAGE.name and not name.startswith(f"{PACKAGE.name}."):
        return None
    base = PACKAGE.parent / name.replace(".", "/")
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def code_of(start: Path, *, skip: Callable[[str, Path], bool] = lambda name, path: False) -> frozenset[Path]:
    """Return the package's files that a file imports, directly or not, the `__init__.py` above them included.

    A module of the package counts itself. What `skip` (of name and file) is true for is left out, and what it alone
    imports.
    """
    found = {start} if start.is_relative_to(PACKAGE) else set()
    todo = [start]
    while todo:
        for name in imports_of(todo.pop()):
            parts = name.split(".")
            for level in range(1, len(parts) + 1):
                path = module_file(".".join(parts[:level]))
                if path is not None and path not in found and not skip(name, path):
                    found.add(path)
                    todo.append(path)
    return frozenset(found)


def room_of(path: Path) -> str | None:
    """Return the room (folder of the package) that holds a file; None for what lies beside the rooms."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else None


@cache
def code_digest(start: Path) -> str:
    """Return a digest of the code behind a module: its closure's files, and native sources in their folders."""
    files = code_of(start)
    native = {source for folder in {path.parent for path in files} for source in (folder / "native").glob("*.[ch]*")}
    content = b"\0".join(path.read_bytes() for path in sorted({*files, *native}))
    return hashlib.sha256(content).hexdigest()[:KEY_DIGITS]
