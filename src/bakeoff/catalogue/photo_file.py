"""Where a photo's bytes lie: in a file, in a stretch of a tar or ZIP (never unpacked), in a cell of a Parquet table."""

import struct
import tarfile
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import Any

from bakeoff.core.errors import DataError
from bakeoff.data.decode import Box, Rejection

_ARCHIVES = {".zip", ".tar"}
_COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".7z", ".rar")
_LOCAL_HEADER = struct.Struct("<26xHH")
_ROWS = 16


@dataclass(frozen=True)
class Stretch:
    """A member of a tar or ZIP."""

    name: str  # as the archive has it
    offset: int  # of its first byte in the archive
    length: int  # bytes in the archive
    deflated: bool = False
    crc: int | None = None  # CRC-32 of the unpacked bytes; None = the archive has none


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
    box: Box | None = None  # what of the photo to pack; None = all. Bytes are of the whole.

    def read(self, max_megapixels: float) -> bytes | Rejection:
        """Return the photo's bytes, as a file of its own would have them, or why there are none.

        What cannot hold less than `max_megapixels` uncompressed (16-bit RGBA) is refused before it is read or unpacked.
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
            encoded = picture_in(_open_column(self.path, self.part.column)[self.part.row])
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


class _Column:
    """A column of a Parquet file, a few rows at a time: pandas writes 85,000 photos as one group of 4 GB."""

    def __init__(self, path: Path, column: str) -> None:
        import pyarrow.parquet as pq

        file = pq.ParquetFile(path, memory_map=True)
        sizes = (file.metadata.row_group(group).num_rows for group in range(file.num_row_groups - 1))
        self._starts, self._group = list(accumulate(sizes, initial=0)), -1
        self._read = partial(file.iter_batches, _ROWS, columns=[column], use_threads=False)

    def __getitem__(self, row: int) -> Any:
        group = bisect_right(self._starts, row) - 1
        if group != self._group or row < self._first:
            self._group, self._first, self._batch = group, self._starts[group], ()
            self._batches = self._read(row_groups=[group])
        while row >= self._first + len(self._batch):
            self._first += len(self._batch)
            self._batch = next(self._batches).column(0)
        return self._batch[row - self._first].as_py()


_open_column = lru_cache(maxsize=2)(_Column)  # rows come in order


@dataclass(frozen=True)
class Member:
    """A file of a folder or of an archive."""

    parts: tuple[str, ...]  # its path
    where: Stretch | None = None  # in the archive
    refused: Rejection | None = None


def list_members(archive: Path) -> Iterator[Member]:
    """Yield the files of a tar or ZIP in its order; links, encrypted members and paths that lead out are refused.

    Raises:
        DataError: it is compressed as a whole, or damaged.
    """
    if archive.name.lower().endswith(_COMPRESSED):
        raise DataError(
            f"{archive} is compressed as a whole, so no photo can be read alone; unpack it beside and remove it."
        )
    try:
        yield from (_list_zip if archive.suffix.lower() == ".zip" else _list_tar)(archive)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, struct.error, ValueError, NotImplementedError) as error:
        raise DataError(f"{archive} cannot be read as an archive ({error}); get it again, or unpack it.") from None


def is_archive(path: Path) -> bool:
    """Return whether a file is an archive by its name, one that cannot be read photo by photo included."""
    return path.suffix.lower() in _ARCHIVES or path.name.lower().endswith(_COMPRESSED)


def _list_zip(archive: Path) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as opened, archive.open("rb") as raw:
        for entry in opened.infolist():
            if entry.is_dir():
                continue
            raw.seek(entry.header_offset)
            name_length, extra_length = _LOCAL_HEADER.unpack(raw.read(_LOCAL_HEADER.size))
            start = entry.header_offset + _LOCAL_HEADER.size + name_length + extra_length
            deflated = entry.compress_type == zipfile.ZIP_DEFLATED
            where = Stretch(entry.filename, start, entry.compress_size, deflated, entry.CRC)
            refused = None
            if entry.flag_bits & 1:
                refused = Rejection("unreadable", "encrypted inside the ZIP; unpack it with its password")
            elif not deflated and entry.compress_type != zipfile.ZIP_STORED:
                refused = Rejection("unreadable", "packed by a method other than deflate; unpack the ZIP")
            elif entry.external_attr >> 28 == 0o12:
                refused = Rejection("outside_data_folder", "a link inside the ZIP")
            yield _member(where, refused)


def _list_tar(archive: Path) -> Iterator[Member]:
    with tarfile.open(archive, "r:") as opened:
        for entry in opened:
            if entry.isdir():
                continue
            refused = None if entry.isreg() else Rejection("outside_data_folder", "a link or device inside the tar")
            if entry.issparse():
                refused = Rejection("unreadable", "a sparse file inside the tar")
            yield _member(Stretch(entry.name, entry.offset_data, entry.size), refused)
        end = opened.offset  # tarfile stops without a word at a header that it cannot read
    with archive.open("rb") as raw:
        raw.seek(end)
        rest = raw.read(tarfile.RECORDSIZE)
    if len(rest) < tarfile.BLOCKSIZE or any(rest):
        raise tarfile.ReadError(f"what follows byte {end} is no member and not the end of the archive")


def _member(where: Stretch, refused: Rejection | None) -> Member:
    path = PurePosixPath(where.name.replace("\\", "/"))
    parts = tuple(part for part in path.parts if part != ".")
    if path.is_absolute() or ".." in parts:
        refused = Rejection("outside_data_folder", f"{where.name!r} leads out of the archive")
    return Member(tuple(part for part in parts if part not in ("/", "..")) or ("nameless",), where, refused)
