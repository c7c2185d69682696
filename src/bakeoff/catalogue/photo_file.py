"""Where a photo's bytes lie: in a file of its own, in a stretch of an archive, or in a cell of a Parquet table."""

import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from bakeoff.data.decode import Rejection


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
        except zlib.error as error:
            return Rejection("truncated", f"the archive is damaged here ({error})")
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
            encoded = zlib.decompressobj(-zlib.MAX_WBITS).decompress(encoded, limit + 1)
        return len(encoded), encoded


def _read_cell(path: Path, cell: Cell) -> bytes:
    first, group = next((first, group) for first, end, group in _row_groups(path) if cell.row < end)
    value = _read_column(path, group, cell.column)[cell.row - first].as_py()
    return (value.get("bytes") if isinstance(value, dict) else value) or b""


@lru_cache(maxsize=8)
def _row_groups(path: Path) -> list[tuple[int, int, int]]:
    """Return (first row, row behind the last, number) of each row group."""
    import pyarrow.parquet as pq

    metadata, found, first = pq.read_metadata(path), [], 0
    for group in range(metadata.num_row_groups):
        end = first + metadata.row_group(group).num_rows
        found.append((first, end, group))
        first = end
    return found


@lru_cache(maxsize=2)  # rows come in order
def _read_column(path: Path, group: int, column: str) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(path).read_row_group(group, columns=[column]).column(0)
