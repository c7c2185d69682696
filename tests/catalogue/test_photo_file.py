"""Photos are read where they lie: alone, inside an archive, inside a Parquet table."""

import tarfile
import zipfile

import numpy as np
import pandas as pd
import pytest

from bakeoff.catalogue.photo_file import Cell, PhotoFile, Stretch
from bakeoff.data.decode import Rejection

PHOTOS = [bytes([value]) * (100 + value) for value in range(6)]


def test_a_file_is_read_whole(tmp_path):
    (tmp_path / "a.jpg").write_bytes(PHOTOS[1])
    assert PhotoFile(tmp_path / "a.jpg").read(1) == PHOTOS[1]


def test_members_of_a_tar_are_read_at_their_offset(tmp_path):
    for number, photo in enumerate(PHOTOS):
        (tmp_path / f"{number}.jpg").write_bytes(photo)
    with tarfile.open(tmp_path / "shard.tar", "w") as archive:
        for number in range(len(PHOTOS)):
            archive.add(tmp_path / f"{number}.jpg", f"{number}.jpg")
    with tarfile.open(tmp_path / "shard.tar") as archive:
        parts = [Stretch(member.name, member.offset_data, member.size) for member in archive]
    assert [PhotoFile(tmp_path / "shard.tar", part).read(1) for part in parts] == PHOTOS


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_of_a_zip_are_unpacked(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("a.jpg", PHOTOS[5])
        start = 30 + len("a.jpg")
        member = archive.getinfo("a.jpg")
    part = Stretch("a.jpg", start, member.compress_size, deflated=method == zipfile.ZIP_DEFLATED)
    assert PhotoFile(tmp_path / "a.zip", part).read(1) == PHOTOS[5]


@pytest.mark.parametrize("form", ["bytes", "struct"])
def test_cells_of_a_table_are_read_by_row(tmp_path, form):
    cells = PHOTOS if form == "bytes" else [{"bytes": photo, "path": None} for photo in PHOTOS]
    pd.DataFrame({"id": range(6), "photo": cells}).to_parquet(tmp_path / "t.parquet", row_group_size=4)
    found = [PhotoFile(tmp_path / "t.parquet", Cell("photo", row)).read(1) for row in range(6)]
    assert found == PHOTOS


def test_an_empty_cell_is_an_empty_photo(tmp_path):
    pd.DataFrame({"photo": [None, b"x"]}).to_parquet(tmp_path / "t.parquet")
    assert PhotoFile(tmp_path / "t.parquet", Cell("photo", 0)).read(1) == b""


def test_what_cannot_be_a_picture_is_refused_before_it_is_unpacked(tmp_path):
    limit = 0.0001  # megapixels: 800 bytes
    (tmp_path / "a.jpg").write_bytes(bytes(801))
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jpg", bytes(10**6))
        packed = archive.getinfo("a.jpg").compress_size
    assert packed < 2_000
    for photo in (
        PhotoFile(tmp_path / "a.jpg"),
        PhotoFile(tmp_path / "a.jpg", Stretch("x", 0, 801)),
        PhotoFile(tmp_path / "bomb.zip", Stretch("a.jpg", 35, min(packed, 800), deflated=True)),
    ):
        refusal = photo.read(limit)
        assert isinstance(refusal, Rejection)
        assert (refusal.reason, "more than 0.0001 megapixels can need" in refusal.detail) == ("too_large", True)


def test_damage_and_missing_files_are_reasons(tmp_path):
    (tmp_path / "a.zip").write_bytes(np.random.default_rng(0).bytes(100))
    damaged = PhotoFile(tmp_path / "a.zip", Stretch("a.jpg", 0, 100, deflated=True)).read(1)
    assert isinstance(damaged, Rejection)
    assert (damaged.reason, "the archive or table is damaged here" in damaged.detail) == ("truncated", True)
    gone = PhotoFile(tmp_path / "gone.jpg").read(1)
    assert isinstance(gone, Rejection)
    assert (gone.reason, "FileNotFoundError" in gone.detail) == ("unreadable", True)
