"""One packed, memory-mapped file of encoded images, read at random by row from both environments.

An Arrow IPC file with one large_binary column `image`. Decoding raw files and choosing what to keep is `prepare`'s.
"""

import contextlib
from functools import cached_property
from pathlib import Path
from typing import Self

import pyarrow as pa

from bakeoff.core.errors import DataError
from bakeoff.core.files import replacing
from bakeoff.data.photo import Photo, open_packed

_SCHEMA = pa.schema([pa.field("image", pa.large_binary())])
_BATCH_ROWS = 256
_BATCH_BYTES = 32 * 2**20


class StoreWriter(contextlib.ExitStack):
    """Writes a store; the file appears under its name only when the `with` block ends without an error."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path, self._pending, self._n_rows = path, list[bytes](), 0

    def __enter__(self) -> Self:
        partial = self.enter_context(replacing(self._path))
        sink = self.enter_context(pa.OSFile(str(partial), "wb"))
        self._writer = self.enter_context(pa.ipc.new_file(sink, _SCHEMA))
        self.push(lambda kind, error, trace: self._flush() if kind is None else None)
        return self

    def append(self, encoded: bytes) -> int:
        """Add one encoded image and return its row number, from 0."""
        self._pending.append(encoded)
        self._n_rows += 1
        if len(self._pending) >= _BATCH_ROWS or sum(map(len, self._pending)) >= _BATCH_BYTES:
            self._flush()
        return self._n_rows - 1

    def _flush(self) -> None:
        """Write the pending images as one record batch."""
        if self._pending:
            self._writer.write_batch(pa.record_batch([pa.array(self._pending, type=pa.large_binary())], schema=_SCHEMA))
            self._pending = []


class ImageStore:
    """Reads a store by row; picklable, and safe in forked loader workers: a read-only map has no position to share."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    @cached_property
    def _images(self) -> pa.ChunkedArray:
        """The column of pictures, opened when the first is asked for: not everybody who has a catalogue looks at it."""
        if not self.path.is_file():
            raise DataError(f"image store {self.path} is missing; run `dvc repro prepare` to build it.")
        try:
            return pa.ipc.open_file(pa.memory_map(str(self.path))).read_all().column(0)
        except pa.ArrowInvalid as error:
            raise DataError(f"{self.path} is not an image store ({error}); run `dvc repro -f prepare`.") from None

    def __len__(self) -> int:
        return len(self._images)

    def encoded(self, row: int) -> bytes:
        """Return the bytes of row `row` as they were stored (JPEG or PNG); DataError where there is none."""
        if not 0 <= row < len(self):
            raise DataError(f"{self.path} has rows 0 to {len(self) - 1}, got row {row}; run `dvc repro prepare`.")
        return self._images[row].as_py()

    def read(self, row: int) -> Photo:
        """Return row `row` decoded."""
        return open_packed(self.encoded(row))

    def __reduce__(self) -> tuple[type, tuple[Path]]:
        return ImageStore, (self.path,)
