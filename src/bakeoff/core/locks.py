"""Locks that wait for another process and say so; they are freed when a process dies."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def waiting_lock(path: Path, *, what: str) -> Iterator[None]:
    """Hold a lock file; where another process has it, say on stderr `what` it holds, and wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, mode=0o666)
    try:
        held = lock.acquire(timeout=0)
    except Timeout:
        sys.stderr.write(f"bakeoff: another process holds {what} ({path}); waiting for it.\n")
        held = lock.acquire()
    with held:
        yield


def measuring_lock() -> Path:
    """Return the lock file that all measurements on this machine share, so that two never overlap."""
    return Path(tempfile.gettempdir()) / "bakeoff-throughput.lock"
