"""Excel and OpenDocument sheets as rows of text, read by calamine in a process of its own.

Of damaged files, calamine 0.9.1 panics at some and aborts the process at others (a .xls that asks for a terabyte).
`python -m bakeoff.catalogue.spreadsheet FILE [SHEET]` prints the rows, or what is wrong, as JSON.
"""

import io
import json
import os
import resource
import subprocess
import sys
from contextlib import suppress
from datetime import datetime, time
from pathlib import Path
from typing import Any

from bakeoff.core.errors import DataError

SPREADSHEETS = (".xlsx", ".xls", ".ods")
_LONGEST_S, _LARGEST_BYTES = 600, 4 * 2**30
_REMEDY = "open it in a spreadsheet program and save it again, as .xlsx or as CSV UTF-8"


def is_spreadsheet(path: Path, raw: bytes) -> bool:
    """Return whether a file is a spreadsheet, by its suffix or its content."""
    is_zipped_sheet = raw.startswith(b"PK\x03\x04") and (b"xl/" in raw or b"content.xml" in raw)
    return path.suffix.lower() in SPREADSHEETS or is_zipped_sheet or raw.startswith(b"\xd0\xcf\x11\xe0")


def read_spreadsheet(path: Path, sheet: str | None) -> Any:
    """Return a sheet, the first by default, as a DataFrame of text below its first row with any, less empty rows."""
    import pandas as pd  # which the other process does not load

    command = [sys.executable, "-m", __name__, str(path), *([sheet] if sheet else [])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUTF8": "1"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=_LONGEST_S, check=True)
        told = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError):  # it died of what it read
        told = {"problem": f"cannot be read as a spreadsheet (it is damaged, or needs over 4 GiB of memory); {_REMEDY}"}
    if problem := told.get("problem"):
        raise DataError(f"{path} {problem}.")
    rows = [row for row in told["rows"] if any(cell and cell.strip() for cell in row)]
    if not rows:
        raise DataError(f"{path} must begin with a row of column names, then one row per product; the sheet is empty.")
    header, *cells = rows
    return pd.DataFrame(cells, columns=pd.Index([name or "" for name in header], dtype=object), dtype=object)


def _look_into(path: str, sheet: str | None) -> dict[str, Any]:
    from python_calamine import CalamineError, PasswordError, load_workbook

    try:
        named_so = Path(path).suffix in SPREADSHEETS  # alone tells calamine of a password
        book = load_workbook(path if named_so else io.BytesIO(Path(path).read_bytes()))
        if sheet and sheet not in book.sheet_names:
            return {"problem": f"has no sheet {sheet!r} (dataset.sheet); its sheets are {', '.join(book.sheet_names)}"}
        found = book.get_sheet_by_name(sheet) if sheet else book.get_sheet_by_index(0)
        return {"rows": [list(map(_text, row)) for row in found.to_python()]}
    except PasswordError:
        return {"problem": f"is protected by a password; {_REMEDY} without one"}
    except CalamineError as error:
        return {"problem": f"cannot be read as a spreadsheet ({error}); {_REMEDY}"}


def _text(cell: Any) -> str | None:
    """Return a cell as a CSV file would have it; whole numbers have no `.0`, days no midnight."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, datetime) and cell.time() == time():
        cell = cell.date()
    return str(cell) or None


if __name__ == "__main__":
    with suppress(ValueError, OSError):  # macOS sets none
        resource.setrlimit(resource.RLIMIT_AS, (_LARGEST_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    json.dump(_look_into(sys.argv[1], *(sys.argv[2:] or [None])), sys.stdout)
