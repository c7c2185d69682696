"""One packed, memory-mapped file of encoded images, read at random by row from both environments.

An Arrow IPC file with one large_binary column `image`. Decoding raw files and choosing what to keep is `prepare`'s.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
from PIL import Image

from bakeoff.core.errors import DataError

_SCHEMA = pa.schema([pa.field("image", pa.large_binary())])
_BATCH_ROWS = 256
_BATCH_BYTES = 32 * 2**20


class StoreWriter:
    """Writes a store; the file appears under its name only when the `with` block ends without an error."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._partial = self.path.with_name(self.path.name + ".tmp")
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._n_rows = 0

    def __enter__(self) -> StoreWriter:
        """Open the partial file beside the target."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._sink = pa.OSFile(str(self._partial), "wb")
        self._writer = pa.ipc.new_file(self._sink, _SCHEMA)
        return self

    def append(self, encoded: bytes) -> int:
        """Add one encoded image and return its row number, from 0."""
        self._pending.append(encoded)
        self._pending_bytes += len(encoded)
        self._n_rows += 1
        if len(self._pending) >= _BATCH_ROWS or self._pending_bytes >= _BATCH_BYTES:
            self._flush()
        return self._n_rows - 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish and rename the file, or remove the partial one where something went wrong."""
        finished = False
        try:
            if kind is None:
                self._flush()
                self._writer.close()
                self._sink.close()
                os.replace(self._partial, self.path)
                finished = True
        finally:
            if not finished:
                self._abandon()

    def _flush(self) -> None:
        """Write the pending images as one record batch."""
        if self._pending:
            column = pa.array(self._pending, type=pa.large_binary())
            self._writer.write_batch(pa.record_batch([column], schema=_SCHEMA))
            self._pending, self._pending_bytes = [], 0

    def _abandon(self) -> None:
        """Remove the partial file; a disk that is full may refuse even the closing bytes."""
        try:
            if not self._sink.closed:
                self._sink.close()
        finally:
            self._partial.unlink(missing_ok=True)


def open_packed(encoded: bytes) -> Image.Image:
    """Return a packed photo decoded: RGB, upright and on white since `prepare`."""
    image = Image.open(io.BytesIO(encoded))
    image.load()
    return image if image.mode == "RGB" else image.convert("RGB")


class ImageStore:
    """Reads a store by row; picklable, and safe in forked loader workers (each process maps the file itself)."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._open()

    def __len__(self) -> int:
        """Return the number of images."""
        if self._pid != os.getpid():
            self._open()
        return int(self._ends[-1]) if len(self._ends) else 0

    def encoded(self, row: int) -> bytes:
        """Return the bytes of row `row` as they were stored (JPEG or PNG).

        Raises:
            DataError: there is no such row.
        """
        n = len(self)
        if not 0 <= row < n:
            raise DataError(f"{self.path} has rows 0 to {n - 1}, got row {row}; run `dvc repro prepare`.")
        batch = int(np.searchsorted(self._ends, row, side="right"))
        start = int(self._ends[batch - 1]) if batch else 0
        return self._columns[batch][int(row) - start].as_py()

    def read(self, row: int) -> Image.Image:
        """Return row `row` decoded: RGB, upright and on white since `prepare`."""
        return open_packed(self.encoded(row))

    def __reduce__(self) -> tuple[type[ImageStore], tuple[Path]]:
        return ImageStore, (self.path,)

    def _open(self) -> None:
        """Map the file and note where each batch ends, as cumulated rows (B,) int64."""
        if not self.path.is_file():
            raise DataError(f"image store {self.path} is missing; run `dvc repro prepare` to build it.")
        try:
            reader = pa.ipc.open_file(pa.memory_map(str(self.path)))
            batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
        except pa.ArrowInvalid as error:
            raise DataError(f"{self.path} is not an image store ({error}); run `dvc repro -f prepare`.") from None
        self._columns = [batch.column(0) for batch in batches]
        self._ends = np.cumsum([len(column) for column in self._columns], dtype=np.int64)
        self._pid = os.getpid()
