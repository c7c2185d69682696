from __future__ import annotations

import multiprocessing
import os
import pickle

import pytest

from bakeoff.core.errors import DataError
from bakeoff.data.store import ImageStore, StoreWriter
from catalogue.bad_images import encode, picture


def test_rows_come_back_byte_for_byte_across_batches(tmp_path):
    contents = [f"image {n}".encode() for n in range(600)]  # three batches of 256
    with StoreWriter(tmp_path / "images.arrow") as writer:
        assert [writer.append(content) for content in contents] == list(range(600))
    store = ImageStore(tmp_path / "images.arrow")
    assert len(store) == 600
    assert [store.encoded(row) for row in (0, 255, 256, 599)] == [contents[row] for row in (0, 255, 256, 599)]


def test_read_decodes_rgb(tmp_path):
    with StoreWriter(tmp_path / "images.arrow") as writer:
        writer.append(encode(picture(), "PNG"))
    assert ImageStore(tmp_path / "images.arrow").read(0).tobytes() == picture().tobytes()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_store_is_picklable_and_fork_safe(tmp_path):
    with StoreWriter(tmp_path / "images.arrow") as writer:
        writer.append(b"one")
    store = pickle.loads(pickle.dumps(ImageStore(tmp_path / "images.arrow")))
    assert store.encoded(0) == b"one"
    reader = multiprocessing.get_context("fork").Process(target=lambda: os._exit(store.encoded(0) != b"one"))
    reader.start()
    reader.join()
    assert reader.exitcode == 0


def _fail_while_writing(path):
    with StoreWriter(path) as writer:
        writer.append(b"one")
        raise RuntimeError("stop")


def test_failure_leaves_no_file_and_keeps_the_earlier_one(tmp_path):
    path = tmp_path / "images.arrow"
    with pytest.raises(RuntimeError, match="stop"):
        _fail_while_writing(path)
    assert list(tmp_path.iterdir()) == []
    with StoreWriter(path) as writer:
        writer.append(b"kept")
    with pytest.raises(RuntimeError, match="stop"):
        _fail_while_writing(path)
    assert ImageStore(path).encoded(0) == b"kept"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_disk_surfaces_and_leaves_no_store(tmp_path):
    (tmp_path / f"images.arrow.{os.getpid()}.tmp").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught, StoreWriter(tmp_path / "images.arrow") as writer:
        writer.append(b"x" * 100)
    assert caught.value.errno == 28
    assert list(tmp_path.iterdir()) == []


def test_errors_name_the_file_and_the_rows(tmp_path):
    with pytest.raises(DataError, match="missing; run `dvc repro prepare`"):
        ImageStore(tmp_path / "none.arrow").encoded(0)
    (tmp_path / "other.arrow").write_bytes(b"no arrow at all")
    with pytest.raises(DataError, match="is not an image store"):
        len(ImageStore(tmp_path / "other.arrow"))
    with StoreWriter(tmp_path / "images.arrow") as writer:
        writer.append(b"one")
    with pytest.raises(DataError, match="rows 0 to 0, got row 1"):
        ImageStore(tmp_path / "images.arrow").encoded(1)
