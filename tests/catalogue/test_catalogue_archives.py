"""Photos inside ZIP and tar files: read in place, and nothing leads out of them."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from bakeoff.catalogue.fetch import fetch
from bakeoff.catalogue.params import PrepareParams
from bakeoff.catalogue.photo_file import list_members
from bakeoff.catalogue.prepare import Prepared, prepare
from bakeoff.core.errors import DataError
from bakeoff.data.table import read_prepared
from bakeoff.records.catalogue import LabelsRecord
from catalogue.bad_images import encode, picture
from catalogue.dataset_sections import NO_COLUMNS, dataset_params

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("no_rendering")]  # imagehash is in .venv-torch alone
PREPARE = PrepareParams(store_px=64, max_megapixels=80, min_side_px=16, class_too_small="reject", require="image")
TREE = {f"{label}/{number}.png": 10 * place + number for place, label in enumerate("ab") for number in range(4)}


def run(root: Path, kind: str = "folder", **changes: object) -> Prepared:
    data = dataset_params(kind, **changes)
    fetch(data, root, root / "data" / "source.json")
    return prepare(root / "data" / "source.json", data, PREPARE, root / "data" / "catalogue")


def products(root: Path) -> pd.DataFrame:
    return read_prepared(root / "data" / "catalogue").set_index("product_id")


def write_zip(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def write_tar(path: Path, files: dict[str, bytes | str]) -> None:
    """A text is where a link leads to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            if isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))


def tree(below: str = "") -> dict[str, bytes]:
    return {f"{below}{name}": encode(picture(number), "PNG") for name, number in TREE.items()}


@pytest.mark.parametrize("form", ["zip", "stored", "tar"])
def test_a_tree_of_classes_is_the_same_inside_an_archive_and_outside(root, form):
    raw = root / "data" / "raw" / "folder"
    for name, content in tree("inside/").items():
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(content)
    outside = run(root)
    expected = (root / "data" / "catalogue" / "images.arrow").read_bytes(), products(root)["label"].tolist()
    for name in tree("inside/"):
        (raw / name).unlink()
    if form == "tar":
        write_tar(raw / "photos.tar", tree("inside/") | {"inside/.DS_Store": b"x"})
    else:
        write_zip(raw / "photos.zip", tree("inside/"), zipfile.ZIP_STORED if form == "stored" else zipfile.ZIP_DEFLATED)
    assert run(root) == outside
    found = (root / "data" / "catalogue" / "images.arrow").read_bytes(), products(root)["label"].tolist()
    assert found == expected
    assert products(root).index[0].startswith("photos/inside/a/0")


def test_archives_named_like_splits_are_the_official_split(root):
    raw = root / "data" / "raw" / "folder"
    write_zip(raw / "train.zip", tree())
    write_zip(
        raw / "test.zip", {name.replace("/", "/t"): encode(picture(90 + n), "PNG") for n, name in enumerate(TREE)}
    )
    run(root)
    assert products(root)["official_split"].value_counts().to_dict() == {"train": 8, "test": 8}


def test_an_archive_beside_its_unpacked_folders_is_left_alone(root):
    raw = root / "data" / "raw" / "folder"
    for name, content in tree().items():
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(content)
    write_zip(raw / "photos.zip", tree())
    assert run(root).n_read == 8


def test_what_leads_out_of_an_archive_is_refused_and_counted(root):
    raw = root / "data" / "raw" / "folder"
    files = tree() | {"../../../evil.png": b"x", "/etc/passwd.png": b"x", "a/link.png": "/etc/passwd"}
    write_tar(raw / "photos.tar", files)
    found = run(root)
    assert (found.n_read, found.n_accepted, found.rejected) == (11, 8, {"outside_data_folder": 3})
    assert not (root / "evil.png").exists()
    detail = pd.read_csv(root / "data" / "catalogue" / "rejected.csv")["detail"].tolist()
    assert "'../../../evil.png' leads out of the archive" in detail
    assert "a link or device inside the tar" in detail


def test_members_that_cannot_be_read_are_rejected_alone(root):
    raw = root / "data" / "raw" / "folder"
    write_zip(raw / "photos.zip", tree())
    with zipfile.ZipFile(raw / "photos.zip", "a", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a/other.png", encode(picture(99), "PNG"))
        link = zipfile.ZipInfo("a/link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    content = bytearray((raw / "photos.zip").read_bytes())
    flags = content.rindex(b"PK\x01\x02", 0, content.rindex(b"a/link.png")) + 8
    content[flags] |= 1  # says that the last member is encrypted
    (raw / "photos.zip").write_bytes(bytes(content))
    assert run(root).rejected == {"unreadable": 2}
    detail = pd.read_csv(root / "data" / "catalogue" / "rejected.csv")["detail"].tolist()
    assert any("method other than deflate" in told for told in detail)
    assert any("encrypted inside the ZIP" in told for told in detail)


def test_a_link_inside_a_zip_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        link = zipfile.ZipInfo("a/link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    (member,) = list_members(tmp_path / "a.zip")
    assert member.refused is not None
    assert (member.refused.reason, member.refused.detail) == ("outside_data_folder", "a link inside the ZIP")


@pytest.mark.parametrize("name", ["photos.tar.gz", "photos.tgz", "photos.7z"])
def test_an_archive_compressed_as_a_whole_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match="compressed as a whole, so no photo can be read alone; unpack it"):
        list(list_members(tmp_path / name))


@pytest.mark.parametrize("name", ["photos.zip", "photos.tar"])
def test_a_damaged_archive_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK\x03\x04 and nothing else" * 50)
    with pytest.raises(DataError, match=rf"{name} cannot be read as an archive .*get it again"):
        list(list_members(tmp_path / name))


def shard(numbers: range, *, label: str = "cls") -> dict[str, bytes | str]:
    files: dict[str, bytes | str] = {}
    for number in numbers:
        kind = number % 2
        said = str(kind) if label == "cls" else json.dumps({"category": "ab"[kind], "name": f"thing {number}"})
        files |= {f"{number:04d}.jpg": encode(picture(number), "JPEG"), f"{number:04d}.{label}": said.encode()}
        files[f"{number:04d}.txt"] = b"a caption"
    return files


def test_shards_are_read_by_key_with_numbered_classes_and_official_splits(root):
    raw = root / "data" / "raw" / "webdataset"
    write_tar(raw / "train-000000.tar", shard(range(8)) | {"orphan.cls": b"0", "._0001.jpg": b"x"})
    write_tar(raw / "test-000000.tar", shard(range(8, 12)))
    (raw / "classes.txt").write_text("shoes\nbags\n")
    columns = NO_COLUMNS.model_copy(update={"label": "cls", "title": "txt"})
    found = run(root, "webdataset", columns=columns)
    assert (found.n_read, found.n_accepted) == (12, 12)
    assert LabelsRecord.read(root / "data" / "catalogue" / "labels.json").labels == ["shoes", "bags"]
    table = products(root)
    assert (table.loc["train-000000/0001", "label"], table.loc["test-000000/0009", "official_split"]) == (
        "bags",
        "test",
    )
    texts = pd.read_parquet(root / "data" / "catalogue" / "texts.parquet")
    assert texts["title"].unique().tolist() == ["a caption"]


def test_labels_of_shards_may_lie_in_their_json(root):
    files = shard(range(8), label="json") | {"0008.jpg": encode(picture(8), "JPEG"), "0008.json": b"{no json"}
    write_tar(root / "data" / "raw" / "webdataset" / "a.tar", files)
    columns = NO_COLUMNS.model_copy(update={"label": "json.category", "title": "json.name"})
    found = run(root, "webdataset", columns=columns)
    assert (found.n_accepted, found.rejected) == (8, {"empty_label": 1})
    assert products(root)["label"].tolist() == ["a", "b"] * 4


def test_shards_need_a_label_column(tmp_path):
    from bakeoff.catalogue.sources import SOURCES

    write_tar(tmp_path / "a.tar", shard(range(2)))
    with pytest.raises(DataError, match=r"must name what holds the label, such as cls, txt or json\.category"):
        SOURCES["webdataset"].read(dataset_params("webdataset"), tmp_path)
    with pytest.raises(DataError, match=r"dataset 'webdataset' needs tar shards in .*nowhere; put them there and run"):
        SOURCES["webdataset"].acquire(dataset_params("webdataset"), tmp_path / "nowhere")


def test_shards_whose_keys_start_anew_and_groups_in_their_json(tmp_path):
    from bakeoff.catalogue.sources import SOURCES

    for name in ("a", "b"):
        write_tar(tmp_path / f"{name}.tar", shard(range(2), label="json"))
    columns = NO_COLUMNS.model_copy(update={"label": "json.category", "group": "json.name"})
    products = SOURCES["webdataset"].read(dataset_params("webdataset", columns=columns), tmp_path)
    assert [product.product_id for product in products] == ["a/0000", "a/0001", "b/0000", "b/0001"]
    assert [product.group for product in products] == ["thing 0", "thing 1"] * 2


@pytest.mark.parametrize("harm", ["flip", "cut"])
def test_a_tar_that_is_damaged_behind_its_beginning_is_named(tmp_path, harm):
    write_tar(tmp_path / "a.tar", {f"{number}.png": bytes(100) for number in range(10)})
    content = bytearray((tmp_path / "a.tar").read_bytes())
    content[4 * 1024 + 150] ^= 0xFF  # of the fifth header's checksum
    (tmp_path / "a.tar").write_bytes(content if harm == "flip" else content[: 4 * 1024 + 100])
    with pytest.raises(DataError, match=r"a.tar cannot be read as an archive"):
        list(list_members(tmp_path / "a.tar"))


def test_a_zip_of_a_later_version_is_named(tmp_path):
    write_zip(tmp_path / "a.zip", {"a.png": b"x"})
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[content.index(b"PK\x01\x02") + 6] = 99
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"a.zip cannot be read as an archive"):
        list(list_members(tmp_path / "a.zip"))


def test_a_member_whose_bytes_are_not_those_that_were_packed_is_rejected(root):
    raw = root / "data" / "raw" / "folder"
    write_zip(raw / "photos.zip", tree(), zipfile.ZIP_STORED)
    content = bytearray((raw / "photos.zip").read_bytes())
    content[content.index(b"IEND") - 12] ^= 1  # inside the first photo's checksums, which Pillow does not read
    (raw / "photos.zip").write_bytes(bytes(content))
    assert run(root).rejected == {"truncated": 1}
    assert "its checksum differs" in (root / "data" / "catalogue" / "rejected.csv").read_text()


def test_archives_of_one_name_keep_their_products_apart(root):
    raw = root / "data" / "raw" / "folder"
    write_zip(raw / "a.zip", {f"{n}.png": encode(picture(n), "PNG") for n in range(4)})
    write_tar(raw / "a.tar", {f"{n}.png": encode(picture(20 + n), "PNG") for n in range(3)})
    write_zip(raw / "b.zip", {f"{n}.png": encode(picture(40 + n), "PNG") for n in range(3)})
    assert (run(root).n_accepted, run(root).rejected) == (10, {})
    assert products(root)["label"].value_counts().to_dict() == {"a": 7, "b": 3}
    assert {"a.tar/0.png", "a.zip/0.png", "a/3.png", "b/0.png"} <= set(products(root).index)
