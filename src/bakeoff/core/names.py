"""What people see as one name is one name: labels, ids and file names from outside, read and compared in one way."""

import ast
import contextlib
import json
import os
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

_ESCAPED = re.compile(r"[\ud800-\udfff]+")
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff]"
    r"|(?<![\u0590-\U0010ffff])[\u200c\u200d]"  # joiners belong to Arabic and Indic scripts and to emoji
)
_BREAKS_A_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_TREE = re.compile(r"""\[\s*["'].*|\[[^][]*>>[^][]*\]|\[\s*\]""", re.DOTALL)
_LEVEL_MARK = ">>"
_VARIATIONS = dict.fromkeys(range(0xFE00, 0xFE10))
"""Say how the sign before them is drawn, such as a heart as text or as a picture."""
_ONE_FOR_ALL = {"Pd": "-", "Pi": "'", "Pf": "'", "Cf": ""}
"""How dashes, quotation marks and what is not drawn (Unicode's categories) are compared."""


def readable(text: str) -> str:
    """Return text that any file can hold: bytes of a file name that are not UTF-8 are read as cp1252."""
    return _ESCAPED.sub(lambda found: _decode_escaped(found[0]), text)


def _decode_escaped(text: str) -> str:
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a character, which no file name brought
        return text.encode("utf-8", "backslashreplace").decode()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "backslashreplace")


def visible(text: str) -> str:
    """Return text for one line of a screen: line ends, control and direction signs as escapes."""
    return _BREAKS_A_LINE.sub(lambda found: found[0].encode("unicode_escape").decode(), readable(text))


def clean_label(text: str) -> str:
    """Return a class's name: Unicode form NFC, single spaces, no invisible signs; case and brackets stay."""
    return unicodedata.normalize("NFC", " ".join(_INVISIBLE.sub("", readable(text)).split()))


def table_label(text: str, level: int = 1) -> str:
    """Return the class's name in a table's cell: of a category tree (`category_levels`) one level, or its last."""
    return category_levels(text)[:level][-1]


def category_levels(text: str) -> list[str]:
    """Return the levels of a category tree (`["A >> B >> C"]`, `A >> B`, `["A", "B"]`); any other text is one level."""
    top, *others = _parse_list(text) or [""] if _TREE.fullmatch(text.strip()) else [text]
    levels = top.split(_LEVEL_MARK) if _LEVEL_MARK in top else [top, *others]
    first, *below = map(clean_label, levels)
    return [first, *filter(None, below)]


def split_cell(text: str, separator: str) -> list[str]:
    """Return what a cell with several entries holds: a JSON or Python list, or text between separators (a pattern)."""
    entries = _parse_list(text) if _TREE.fullmatch(text.strip()) else re.split(separator, text)
    return [entry.strip() for entry in entries if entry.strip()]


def _parse_list(text: str) -> list[str]:
    text = text.strip()
    for parse in (json.loads, ast.literal_eval):
        with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            return [str(entry) for entry in parse(text)]
    return [text.strip("[]\"' ")]


def find_alike(labels: Iterable[str]) -> list[list[str]]:
    """Return the groups of different labels that differ by case, dash or quotation mark or print alike, each sorted."""
    groups: dict[str, list[str]] = {}
    for label in sorted(set(labels)):
        plain = unicodedata.normalize("NFKC", label.translate(_VARIATIONS)).replace('"', "'")
        signs = (_ONE_FOR_ALL.get(unicodedata.category(sign), sign) for sign in plain)
        groups.setdefault("".join(signs).casefold(), []).append(label)
    return [group for group in groups.values() if len(group) > 1]


def find_file(folder: Path, name: str) -> Path:
    r"""Return where the file lies that a table names: as written, in another Unicode form, with `\` or `%20`."""
    slashed = name.replace("\\", "/")
    for spelling in dict.fromkeys((name, slashed, unquote(name), unquote(slashed))):
        place: Path | None = folder
        for part in Path(spelling).parts:
            place = place and _find_entry(place, part)
        if place:
            return place
    return folder / name


def _find_entry(folder: Path, name: str) -> Path | None:
    if os.path.lexists(folder / name):
        return folder / name
    try:
        found = _list_entries(folder, folder.stat().st_mtime_ns).get(_form(name))
    except (OSError, ValueError):
        return None
    return folder / found if found else None


@lru_cache(maxsize=64)
def _list_entries(folder: Path, changed_ns: int) -> dict[str, str]:
    """Return the names in a folder by the form that they are compared in; `changed_ns` says which state is known."""
    return {_form(name): name for name in sorted(os.listdir(folder), reverse=True)}


def _form(name: str) -> str:
    return unicodedata.normalize("NFC", readable(name))
