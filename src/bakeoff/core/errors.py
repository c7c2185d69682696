"""What can go wrong in bakeoff, each told in one clear sentence; the command line prints it without a traceback."""

import contextlib
import difflib
import errno
import io
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some space"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "make it usable for you"),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "allow more with `ulimit -n 4096`"),
}
"""What to do about the system's errors; about most it is plain."""
_MAX_LISTED = 15


class BakeoffError(Exception):
    """Base of every error a user can mend; the message says what was expected, what was given and what to do."""


class ParamsError(BakeoffError):
    """params.yaml or conf/ holds something the product cannot use."""


class DataError(BakeoffError):
    """The catalogue, a split or a stored file cannot be used."""


class WeightsError(BakeoffError):
    """Pretrained weights are missing, or do not belong to the architecture."""


class TrainingError(BakeoffError):
    """A training cannot start or cannot go on."""


class EvaluationError(BakeoffError):
    """Predictions, metrics or measurements cannot be used."""


class MemoryExhaustedError(EvaluationError):
    """A batch does not fit into the device's memory; a smaller one may."""


class TrackingError(BakeoffError):
    """The MLflow store cannot be used."""


class SetupError(BakeoffError):
    """An environment, a tool or the repository is not as it should be."""


def unknown_name(what: str, name: str, legal: Sequence[str]) -> ParamsError:
    """Return the error that says which names are near `name`, and the legal ones (all where they are few)."""
    near = difflib.get_close_matches(name, legal, n=5, cutoff=0.6)
    message = f"unknown {what} {name!r}"
    if near:
        message += f"; did you mean {', '.join(near)}?"
    if len(legal) <= _MAX_LISTED:
        message += f" Legal names: {', '.join(sorted(legal))}."
    elif not near:
        message += f"; {len(legal)} names are known, the first of them {', '.join(sorted(legal)[:3])}."
    return ParamsError(message)


@contextlib.contextmanager
def exit_cleanly(*, debug: bool = False) -> Iterator[None]:
    """Turn what goes wrong into one sentence on stderr and exit status 1 (130 after Ctrl-C); `debug` shows where.

    What no message was written for leaves its traceback in .bakeoff/logs. Signs that the screen's encoding lacks are
    replaced there.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        if debug or os.environ.get("BAKEOFF_DEBUG") == "1":
            raise
        sys.stderr.write(f"bakeoff: {_sentence(error)}\n")
        raise SystemExit(130 if isinstance(error, KeyboardInterrupt) else 1) from None


def _sentence(error: BaseException) -> str:
    """Return the one sentence that the user reads."""
    from bakeoff.core.failures import in_one_line

    if isinstance(error, KeyboardInterrupt):
        return "interrupted; the same command starts again, and goes on where it can."
    if isinstance(error, BakeoffError):
        return str(error)
    if isinstance(error, OSError) and error.strerror and isinstance(error.filename, str | bytes | os.PathLike):
        names = map(os.fsdecode, filter(None, (error.filename, error.filename2)))
        remedy = _REMEDIES.get(error.errno or 0) or f"mend that ({_keep(error)})"
        return f"{error.strerror}: {' and '.join(names)}; {remedy} and run again."
    told = in_one_line(error)
    if isinstance(error, OSError) and error.errno in _REMEDIES:
        return f"{told}; {_REMEDIES[error.errno]} and run again; {_keep(error)}."
    if isinstance(error, ImportError):
        return f"a package cannot be loaded ({told}); run `make setup`; {_keep(error)}."
    return f"unexpected error: {told}; {_keep(error)}, please report it."


def _keep(error: BaseException) -> str:
    """Write the traceback to a file of its own and return where it is, as the rest of a sentence."""
    from bakeoff.core.paths import state_dir

    text = "".join(traceback.format_exception(error))
    try:
        file = state_dir("logs") / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}-{os.getpid()}.log"
        file.write_text(f"{sys.argv}\n{text}", encoding="utf-8", errors="backslashreplace")
    except OSError as failed:
        return f"the traceback could not be kept ({failed}), BAKEOFF_DEBUG=1 shows it"
    return f"the traceback is in {file}"
