"""Tables as text: encoding, separator and quotes are found; no row is lost and no quote swallows the rows after it."""

import codecs
import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from bakeoff.core.errors import DataError
from bakeoff.core.names import readable

_PACKED = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")  # ZIP, gzip, bzip2, xz
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SEPARATORS = (",", ";", "\t", "|")
_SAMPLE_ROWS, _SAMPLE_CHARS = 50, 100_000
_SHOWN_CHARS = 80
_RARE, _USUAL, _MOST = 0.05, 0.2, 0.8
_CELL_LINES = 100
_Shapes = dict[int, set[frozenset[str]]]


def read_text_table(
    path: Path, raw: bytes, *, separator: str | None, encoding: str | None
) -> tuple[pd.DataFrame, list[str | None]]:
    """Return the rows below the header, and for each what is wrong with it; malformed rows have null cells."""
    text = re.sub(r"\x1a+\s*\Z", "", _decode(raw, path, encoding).replace("\0", ""))
    csv.field_size_limit(2**31 - 1)
    text = re.sub(r'((?<!")(?:"")*"|(?<![^ ,;\t|\n])"") +(?=[,;\t|\r\n]|\Z)', r"\1", text)  # "a" ,"b"
    lines = list(io.StringIO(text, newline=""))
    first = next((place for place, line in enumerate(lines) if line.strip()), 0)
    hint = re.fullmatch(r'"?sep=(.)"?\s*', lines[first], re.IGNORECASE) if lines else None  # Excel's own line
    first += bool(hint)
    between = separator or (hint[1] if hint else _find_separator("".join(lines[first:])[:_SAMPLE_CHARS]))
    rules = {"delimiter": between, "strict": True, "skipinitialspace": True}
    rows = list(_split(lines, rules, start=first))
    if '\\"' in text and sum(row is None for _, row in rows) > _RARE * len(rows):  # as Spark and MySQL write quotes
        rules |= {"escapechar": "\\", "doublequote": False}
        rows = list(_split(lines, rules, start=first))
    if not rows or rows[0][1] is None:
        raise DataError(f"{path} must begin with a line of column names, then one row per product; got {text[:40]!r}.")
    header, width = _settle_width(rows[0][1], [row for _, row in rows[1:] if row])
    cells, malformed = [], []
    shapes = _usual_shapes(sound := [row for _, row in rows[1:] if row and len(row) == width])
    n_broken = sum(re.search(r"[\r\n]", "".join(row)) is not None for row in sound)
    suspect = width if shapes or n_broken <= max(2, _RARE * len(sound)) else None
    below = rows[1][0] - 1 if len(rows) > 1 else len(lines)
    for line, row in _split(lines, rules, start=below, width=suspect, shapes=shapes):
        fits = row is not None and len(row) in (width, len(header)) and not any(map(str.strip, row[len(header) :]))
        cells.append(row[: len(header)] if row and fits else [None] * len(header))
        what = "a quote that is not closed as it should be" if row is None else f"{len(row)} fields, expected {width}"
        malformed.append(None if fits else f"line {line} has {what}: {lines[line - 1].strip()[:_SHOWN_CHARS]}")
    return pd.DataFrame(cells, columns=pd.Index(header, dtype=object), dtype=object), malformed


def _decode(raw: bytes, path: Path, encoding: str | None) -> str:
    if raw.startswith(_PACKED):
        raise DataError(f"{path} is compressed; unpack it first and name the table that was in it.")
    known = encoding or next((name for mark, name in _BOMS if raw.startswith(mark)), None)
    n_zeros = [raw[first::2].count(0) for first in (0, 1)]
    if known is None and max(n_zeros) > len(raw) / 8 and min(n_zeros) < max(n_zeros) / 4:  # UTF-16 without its mark
        known = "utf-16-le" if n_zeros[1] > n_zeros[0] else "utf-16-be"
    try:
        text = raw.decode(known or "utf-8", "strict" if known else "surrogateescape").removeprefix("\ufeff")
    except (LookupError, UnicodeError) as error:
        raise DataError(
            f"{path} cannot be read with encoding {known} ({error}); save it as UTF-8, or set dataset.encoding "
            "(utf-8, cp1252, utf-16, …)."
        ) from None
    n_escaped = len(re.findall(r"[\ud800-\udfff]", text))
    if not n_escaped:
        return text
    is_mostly_utf8 = len(text) - n_escaped - sum(map(str.isascii, text)) >= n_escaped
    what = f"is UTF-8 but for {n_escaped} bytes, which were" if is_mostly_utf8 else "is not UTF-8 and was"
    sys.stderr.write(
        f"bakeoff: {path} {what} read as cp1252 (Windows, Western Europe); where accents are wrong, "
        "save it as UTF-8 or set dataset.encoding.\n"
    )
    return readable(text) if is_mostly_utf8 else raw.decode("cp1252", "backslashreplace")


def _find_separator(sample: str) -> str:
    """Return the separator that gives the header most fields, and most rows as many."""

    def agreement(separator: str) -> tuple[bool, bool, int]:
        rows = csv.reader(io.StringIO(sample, newline=""), delimiter=separator, skipinitialspace=True)
        widths = [len(row) for row in islice(rows, _SAMPLE_ROWS) if row] or [0]
        return widths[0] > 1, 2 * widths.count(widths[0]) > len(widths), widths[0]

    return max(_SEPARATORS, key=agreement)


def _settle_width(header: list[str], rows: list[list[str]]) -> tuple[list[str], int]:
    """Return the named columns and how many fields a row has: a separator may end every row, or the header alone."""
    usual = Counter(map(len, rows)).most_common(1)[0][0] if rows else len(header)
    if usual < len(header) and not any(map(str.strip, header[usual:])):
        return header[:usual], usual
    beyond = [any(map(str.strip, row[len(header) :])) for row in rows if len(row) == usual]
    return header, usual if usual > len(header) and 2 * sum(beyond) < len(beyond) else len(header)


def _split(
    lines: list[str], rules: dict[str, Any], *, start: int, width: int | None = None, shapes: _Shapes | None = None
) -> Iterator[tuple[int, list[str] | None]]:
    """Yield (its line, from 1; its fields, or None where its quotes are broken) for each row that is not blank.

    Such a row is given up at its first line, so that no quote swallows the rows after it; with shapes, what follows up
    to the next odd quote is a row only where it looks like one, not where it is the rest of a cell.
    """
    doubtful_end = 0
    while start < len(lines):
        base = start
        reader = csv.reader((lines[place] for place in range(base, len(lines))), **rules)
        try:
            for row in reader:
                end = base + reader.line_num
                if end > start + 1 and width and _swallows_rows(row, rules["delimiter"], width, shapes or {}):
                    raise csv.Error
                if len(row) > 1 or any(map(str.strip, row)):
                    is_rest = start < doubtful_end and (
                        not _looks_usual(row, shapes) if shapes else end == doubtful_end
                    )
                    yield start + 1, None if is_rest else row
                start = end
        except csv.Error:
            yield start + 1, None
            start += 1
            after = range(start, min(start + _CELL_LINES, len(lines))) if shapes is not None else ()
            doubtful_end = next((place + 1 for place in after if lines[place].count('"') % 2), doubtful_end)


def _swallows_rows(row: list[str], separator: str, width: int, shapes: _Shapes) -> bool:
    """Return whether a field's lines are rows: all of them, or one where columns have shapes to tell it by."""
    tight = re.compile(re.escape(separator) + r"(?!\s)")  # in prose a comma is followed by a space
    for column, field in enumerate(row):
        first, *more = [tight.split(line) for line in re.split(r"\r\n|\r|\n", field)]
        if not more or width == 1:
            continue
        *inner, last = more
        whole = [len(cells) == width and _looks_usual(cells, shapes) for cells in inner]
        at_ends = (len(first), len(last)) == (width - column, column + 1)
        if at_ends and not inner:
            whole = [_looks_usual([*last[:-1], "", *first[1:]], shapes, column)]
        if whole and (any if shapes else all)(whole):
            return True
    return False


def _usual_shapes(rows: list[list[str]]) -> _Shapes:
    """Return the kinds of sign that cells have, of the columns (ids, file names) that are told by them."""
    shapes = {}
    for column, cells in enumerate(zip(*rows, strict=True)):
        counts = Counter(map(_shape, cells))
        usual = {shape for shape, count in counts.items() if count >= _USUAL * len(cells)}
        if frozenset("a") not in usual and sum(counts[shape] for shape in usual) >= _MOST * len(cells):
            shapes[column] = usual
    return shapes


def _shape(cell: str) -> frozenset[str]:
    return frozenset(re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", "".join(cell.split()))))


def _looks_usual(cells: list[str], shapes: _Shapes, but: int | None = None) -> bool:
    """Return whether the cells of a row, but for one column, have the shapes of their columns."""
    inside = ((column, usual) for column, usual in shapes.items() if column != but and column < len(cells))
    return all(_shape(cells[column]) in usual for column, usual in inside)
