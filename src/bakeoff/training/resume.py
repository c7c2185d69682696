"""Resume checkpoints of a training in progress: .bakeoff/checkpoints/<key>/, atomic, locked, gone after success."""

import os
import pickle
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from bakeoff.core.files import replacing
from bakeoff.core.locks import waiting_lock

STATE_FILE = "state.pt"


class CheckpointFolder:
    """One training's checkpoint; what is written there never changes a result, only how much is done again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._last_write_s = 0.0
        self._written_at: float | None = None

    def load(self) -> dict[str, Any] | None:
        """Return the last state, or None where there is none; an unreadable one is named on stderr and dropped."""
        path = self.folder / STATE_FILE
        for partial in self.folder.glob(f"{STATE_FILE}.*.tmp"):  # of a process that was killed while it wrote
            partial.unlink()
        if not path.is_file():
            return None
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, pickle.UnpicklingError, ValueError, KeyError) as error:
            first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
            sys.stderr.write(f"bakeoff: checkpoint {path} cannot be read ({first_line}); training starts anew.\n")
            self.clear()
            return None

    def is_due(self) -> bool:
        """Return whether to write: the first time always, then so that writing takes a tenth of the time at most."""
        return self._written_at is None or time.monotonic() - self._written_at >= 9 * self._last_write_s

    def save(self, state: dict[str, Any]) -> None:
        """Replace the state in one step: a killed process leaves the old one or the new one."""
        started = time.monotonic()
        try:
            with replacing(self.folder / STATE_FILE) as partial, partial.open("wb") as handle:
                torch.save(state, handle)
                handle.flush()
                os.fsync(handle.fileno())
        except (OSError, RuntimeError) as error:  # torch turns a full disk into a RuntimeError
            sys.stderr.write(f"bakeoff: warning: no resume checkpoint written ({error}); the training goes on.\n")
        self._written_at = time.monotonic()
        self._last_write_s = self._written_at - started

    def clear(self) -> None:
        """Remove the folder, after success."""
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def locked_checkpoint(root: Path, key: str) -> Iterator[CheckpointFolder]:
    """Yield the key's checkpoint folder; a second process that trains the same thing waits and says so.

    `root` is .bakeoff/checkpoints of the main checkout.
    """
    with waiting_lock(root / f"{key}.lock", what=f"training {key}"):
        yield CheckpointFolder(root / key)
