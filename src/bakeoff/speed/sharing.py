"""One measurement for all modes and seeds of an architecture, and one at a time on this machine."""

from __future__ import annotations

import contextlib
import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from bakeoff.data.table import Catalogue
from bakeoff.predictors.protocol import Predictor
from bakeoff.records.files import write_record
from bakeoff.speed.attempts import measure
from bakeoff.speed.clocks import Clocks
from bakeoff.speed.protocol import PROTOCOL
from bakeoff.speed.subject import Plan, Subject, speed_key

_LOG = logging.getLogger(__name__)


def default_lock() -> Path:
    """Return the lock file that all measurements on this machine share, so that two never overlap."""
    return Path(tempfile.gettempdir()) / "bakeoff-throughput.lock"


@contextlib.contextmanager
def machine_lock(on_wait: Callable[[], None] | None = None, *, path: Path | None = None) -> Iterator[None]:
    """Hold the machine's lock; `on_wait` is called, and a line logged, where another measurement has it."""
    lock = FileLock(path or default_lock(), mode=0o666)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        _LOG.warning("another measurement runs on this machine; waiting for %s", lock.lock_file)
        if on_wait:
            on_wait()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@dataclass(frozen=True)
class Workplace:
    """Where measurements are kept and how they wait for each other."""

    folder: Path
    """Holds <speed_key>.json of every architecture measured so far."""
    on_wait: Callable[[], None] | None = None
    """Called where another measurement has the machine."""
    lock: Path | None = None
    """Lock file instead of the machine-wide one."""
    clocks: Clocks = field(default_factory=Clocks)


def shared_throughput(
    predictor: Predictor, catalogue: Catalogue, plan: Plan, *, candidate: str, workplace: Workplace
) -> dict[str, Any]:
    """Return the candidate's throughput record: that of its architecture where a steady one exists, else measured now.

    Waiting for the lock is outside the budget. Of two noisy records the steadier one is kept.

    Args:
        predictor: its threads are set already.
        catalogue: its test photos are used.
        plan: batch sizes and budget.
        candidate: whose record it becomes.
        workplace: the records so far, the lock, the clocks.

    Raises:
        EvaluationError: the test split is empty.
    """
    path = workplace.folder / f"{speed_key(predictor, plan)}.json"
    held = read_shared(path)
    if held is None or held["noisy"]:
        with machine_lock(workplace.on_wait, path=workplace.lock):
            held = read_shared(path)  # it may have been measured while this process waited
            if held is None or held["noisy"]:
                subject = Subject(predictor, catalogue, plan)
                found = {"measured_on": candidate, **measure(subject, clocks=workplace.clocks)}
                if held is None or found["restlessness"] <= held["restlessness"]:
                    held = found
                    write_record(path, held)
    return {"protocol": PROTOCOL, "candidate": candidate, **held}


def read_shared(path: Path) -> dict[str, Any] | None:
    """Return a record of this protocol, or None where there is none; half a file counts as none, it is a cache."""
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return record if isinstance(record, dict) and record.get("protocol") == PROTOCOL else None
