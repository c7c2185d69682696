"""A file of features that grows by whole batches, so that a killed extraction goes on where it was."""

import io
import json
import math
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from bakeoff.core.files import write_json

FEATURES_FILE = "features.npy"
RECORD_FILE = "features.json"


class FeatureFile:
    """features.npy, (N, …) float32, and features.json beside it, which says how many of its rows are complete."""

    def __init__(self, folder: Path, shape: tuple[int, ...]) -> None:
        self.path, self.record, self.shape = folder / FEATURES_FILE, folder / RECORD_FILE, shape
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
        self.header = header.getvalue()

    def progress(self) -> tuple[int, float]:
        """Return the complete rows and what they took, s; an unusable file is named on stderr and counts as none."""
        if not self.record.is_file():
            return 0, 0.0
        try:
            known = json.loads(self.record.read_bytes())
            n_rows, seconds = int(known["n_rows"]), float(known["seconds"])
            with self.path.open("rb") as handle:
                found, size = handle.read(len(self.header)), self.path.stat().st_size
            if found != self.header or size < self._size(n_rows):
                raise ValueError(f"{size} bytes; expected {self._size(n_rows)} of shape {self.shape}")
        except (ValueError, KeyError, TypeError, OSError) as error:
            told = f"features in {self.path.parent} cannot be used ({error}); computing them again"
            sys.stderr.write(f"bakeoff: {told}.\n")
            self.record.unlink()
            return 0, 0.0
        return n_rows, seconds

    def open(self, n_rows: int) -> BinaryIO:
        """Return features.npy open for rows to be appended to the first `n_rows`."""
        if not n_rows:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.unlink(missing_ok=True)  # another process may have mapped it: never cut it short in place
            self.path.write_bytes(self.header)
        os.truncate(self.path, self._size(n_rows))
        return self.path.open("ab")

    def settle(self, handle: BinaryIO, n_rows: int, seconds: float, **made_by: Any) -> None:
        """Record that `n_rows` are complete, once they are on the disk."""
        handle.flush()
        os.fsync(handle.fileno())
        write_json(self.record, {"n_rows": n_rows, "shape": self.shape, "seconds": seconds, **made_by})

    def _size(self, n_rows: int) -> int:
        return len(self.header) + 4 * n_rows * math.prod(self.shape[1:])
