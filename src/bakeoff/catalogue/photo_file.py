"""Where a photo's bytes lie: in a file of its own, in a stretch of an archive, or in a cell of a Parquet table."""

import zlib
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from bakeoff.data.decode import Box, Rejection

_ROWS = 16


@dataclass(frozen=True)
class Stretch:
    """A member of a tar or ZIP."""

    name: str
    """As the archive has it."""
    offset: int
    """Of its first byte in the archive."""
    length: int
    """Bytes in the archive."""
    deflated: bool = False
    crc: int | None = None
    """CRC-32 of the unpacked bytes; None = the archive has none."""


@dataclass(frozen=True)
class Cell:
    """A picture inside a Parquet table: bytes, or a struct with a field `bytes` as Hugging Face stores it."""

    column: str
    row: int

    @property
    def name(self) -> str:
        """Return it as people find it."""
        return f"row {self.row}"


@dataclass(frozen=True)
class PhotoFile:
    """A file, and where in it the photo is; None = it is the photo."""

    path: Path
    part: Stretch | Cell | None = None
    box: Box | None = None
    """What of the photo to pack; None = all. Bytes are of the whole."""

    def read(self, max_megapixels: float) -> bytes | Rejection:
        """Return the photo's bytes, as a file of its own would have them, or why there are none.

        Args:
            max_megapixels: what cannot hold less uncompressed (16-bit RGBA) is refused, before it is read or unpacked.
        """
        limit = int(max_megapixels * 1e6 * 8)
        try:
            size, encoded = self._read(limit)
        except OSError as error:
            return Rejection("unreadable", f"{type(error).__name__}: {error.strerror or error}")
        except (zlib.error, ValueError) as error:  # pyarrow's ArrowInvalid is a ValueError
            return Rejection("truncated", f"the archive or table is damaged here ({error})")
        if size > limit:
            return Rejection("too_large", f"{size} bytes, more than {max_megapixels:g} megapixels can need")
        return encoded

    def _read(self, limit: int) -> tuple[int, bytes]:
        """Return the number of bytes, and the bytes where these are not more than `limit`."""
        if isinstance(self.part, Cell):
            encoded = _read_cell(self.path, self.part)
            return len(encoded), encoded
        size = self.part.length if self.part else self.path.stat().st_size
        if size > limit:
            return size, b""
        if self.part is None:
            return size, self.path.read_bytes()
        with self.path.open("rb") as archive:
            archive.seek(self.part.offset)
            encoded = archive.read(size)
        if self.part.deflated:
            unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
            encoded = unpacking.decompress(encoded, limit + 1)
            if len(encoded) <= limit and not unpacking.eof:
                raise zlib.error("cut short")
        if self.part.crc not in (None, zlib.crc32(encoded)) and len(encoded) <= limit:
            raise zlib.error("its checksum differs")
        return len(encoded), encoded


def picture_in(value: Any) -> bytes:
    """Return the bytes of a cell's picture, of several the first; none where it is empty."""
    if isinstance(value, list):
        value = value[0] if value else None
    return (value.get("bytes") if isinstance(value, dict) else value) or b""


def _read_cell(path: Path, cell: Cell) -> bytes:
    starts = _row_groups(path)
    group = bisect_right(starts, cell.row) - 1
    return picture_in(_open_column(path, group, cell.column)[cell.row - starts[group]])


@lru_cache(maxsize=8)
def _row_groups(path: Path) -> list[int]:
    """Return the first row of each row group."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    sizes = (metadata.row_group(group).num_rows for group in range(metadata.num_row_groups - 1))
    return list(accumulate(sizes, initial=0))


class _Column:
    """A column of a row group, a few rows at a time: pandas writes 85,000 photos as one group of 4 GB."""

    def __init__(self, path: Path, group: int, column: str) -> None:
        import pyarrow.parquet as pq

        read = pq.ParquetFile(path, memory_map=True).iter_batches
        self._read = partial(read, _ROWS, row_groups=[group], columns=[column], use_threads=False)
        self._restart()

    def _restart(self) -> None:
        self._first, self._batches, self._batch = 0, self._read(), ()

    def __getitem__(self, row: int) -> Any:
        if row < self._first:
            self._restart()
        while row >= self._first + len(self._batch):
            self._first += len(self._batch)
            self._batch = next(self._batches).column(0)
        return self._batch[row - self._first].as_py()


_open_column = lru_cache(maxsize=2)(_Column)  # rows come in order
