"""What can go wrong in bakeoff, each told in one clear sentence; the command line prints it without a traceback."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator


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


@contextlib.contextmanager
def exit_cleanly(*, debug: bool = False) -> Iterator[None]:
    """Turn a `BakeoffError` (and a full disk) into one sentence on stderr and exit status 1; `debug` shows where.

    Signs that the screen's encoding lacks are replaced there.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        yield
    except (BakeoffError, OSError) as error:
        if debug or os.environ.get("BAKEOFF_DEBUG") == "1":
            raise
        sys.stderr.write(f"bakeoff: {_sentence(error)}\n")
        raise SystemExit(1) from None


def _sentence(error: BaseException) -> str:
    """Return the one sentence that the user reads, in words even where the system gives a number."""
    if isinstance(error, OSError) and error.errno == 28:
        return f"no space left on the disk while writing {error.filename or 'a file'}; free some and run again."
    return str(error)
