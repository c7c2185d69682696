"""What may fail at the price of a warning: pictures, pages and mirrors of numbers that are on disk already.

Numbers are written first, and this is the one place that catches what goes wrong afterwards, so that a study never
loses a candidate to a figure. A failure is told on stderr and kept, with its traceback, in failures.json of the folder
that lacks the picture, from where the report and `bakeoff doctor` name it.
"""

import contextlib
import json
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bakeoff.core.files import write_json
from bakeoff.core.names import readable

FILE = "failures.json"
_MAX_CHARS = 300
_told: set[str] = set()


@dataclass(frozen=True)
class Failure:
    """One thing that is missing: what it is, why in one line, and the traceback."""

    what: str
    error: str
    traceback: str


@dataclass
class Attempt:
    """How a block ended: `error` is None where it succeeded."""

    error: Exception | None = None


@contextlib.contextmanager
def surviving(
    what: str,
    folder: Path,
    *,
    tell: Callable[[Exception], str | None] = lambda _: None,
    unless: tuple[type[Exception], ...] = (),
) -> Iterator[Attempt]:
    """Let the block, which makes `what`, fail: warn, keep the error in `folder`/failures.json, and go on after it.

    A block that succeeds takes back what an earlier one of the same name left there. The same warning comes once per
    process; `tell` returns that of an error that has one of its own. Errors in `unless` pass through.

    Yields:
        How the block ended, to be read after it.
    """
    attempt = Attempt()
    try:
        yield attempt
    except unless:
        raise
    except Exception as error:
        attempt.error = error
        failure = Failure(what, in_one_line(error), clean(traceback.format_exc()))
        try:
            _replace(folder, what, failure)
            where = f"The traceback is in {folder / FILE}; please report it."
        except OSError as full:
            where = f"Its traceback could not be kept ({full})."
        line = tell(error) or f"WARNING: {what} could not be made ({failure.error}); no number is lost. {where}"
        if line not in _told:
            _told.add(line)
            sys.stderr.write(f"bakeoff: {clean(line)}\n")
        return
    with contextlib.suppress(OSError):  # what was made is there, whatever is told of an earlier attempt
        if any(failure.what == what for failure in read_failures(folder)):
            _replace(folder, what)


@contextlib.contextmanager
def drawing(path: Path, folder: Path, *, kept: Path | None = None) -> Iterator[Path]:
    """Let the picture or page `path` below `folder` fail (`surviving`); half a file does not stay.

    Its folder is made, and failures.json kept in `kept` or else in `folder`.
    """
    with surviving(path.relative_to(folder).as_posix(), kept or folder):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield path
        except Exception:
            path.unlink(missing_ok=True)
            raise


def read_failures(folder: Path) -> list[Failure]:
    """Return what failed in a folder, oldest first; an unreadable file counts as one failure."""
    file = folder / FILE
    if not file.is_file():
        return []
    try:
        return [Failure(**entry) for entry in json.loads(file.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as error:
        return [Failure(FILE, f"{file} cannot be read ({error})", "")]


def write_failures(folder: Path, failures: Sequence[Failure]) -> None:
    """Write failures.json, whole or not at all."""
    write_json(folder / FILE, [asdict(failure) for failure in failures])


def _replace(folder: Path, what: str, *new: Failure) -> None:
    """Keep `new` in place of what was kept under the same name; a file without failures goes."""
    kept = [failure for failure in read_failures(folder) if failure.what not in (what, FILE)]
    if kept or new:
        write_failures(folder, [*kept, *new])
    else:
        (folder / FILE).unlink()


def in_one_line(error: BaseException) -> str:
    """Return an error's type and message, shortened."""
    text = " ".join(clean(str(error)).split())
    return f"{type(error).__name__}: {text}"[:_MAX_CHARS] if text else type(error).__name__


def clean(text: str) -> str:
    """Return text that can be written and shown: no user and password of a URL, no half characters of a file name."""
    return readable(re.sub(r"(?<=://)[^/\s@]+@", "", text))
