"""What is inside tar and ZIP files, without unpacking them: where each member's bytes lie, or why it is refused."""

import struct
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bakeoff.catalogue.photo_file import Stretch
from bakeoff.core.errors import DataError
from bakeoff.data.decode import Rejection

SUFFIXES = {".zip", ".tar"}
_COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".7z", ".rar")
_METHODS = {zipfile.ZIP_STORED: False, zipfile.ZIP_DEFLATED: True}
_LOCAL_HEADER = struct.Struct("<26xHH")


@dataclass(frozen=True)
class Member:
    """A file inside an archive."""

    parts: tuple[str, ...]
    """Its path."""
    where: Stretch
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
    return path.suffix.lower() in SUFFIXES or path.name.lower().endswith(_COMPRESSED)


def _list_zip(archive: Path) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as opened, archive.open("rb") as raw:
        for entry in opened.infolist():
            if entry.is_dir():
                continue
            raw.seek(entry.header_offset)
            name_length, extra_length = _LOCAL_HEADER.unpack(raw.read(_LOCAL_HEADER.size))
            start = entry.header_offset + _LOCAL_HEADER.size + name_length + extra_length
            deflated = _METHODS.get(entry.compress_type, False)
            where = Stretch(entry.filename, start, entry.compress_size, deflated, entry.CRC)
            refused = None
            if entry.flag_bits & 1:
                refused = Rejection("unreadable", "encrypted inside the ZIP; unpack it with its password")
            elif entry.compress_type not in _METHODS:
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
