"""A `prepare` that is killed: what was packed is not packed again, nothing stays behind, and the bytes are the same."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from PIL import Image

from bakeoff.catalogue.fetch import fetch
from bakeoff.catalogue.pack import PackedPhotos, packing_folder
from bakeoff.catalogue.photo_file import PhotoFile
from bakeoff.data.decode import Rejection
from bakeoff.records.catalogue import PackParams
from catalogue.bad_images import encode, picture
from catalogue.dataset_sections import dataset_params as dataset

pytestmark = pytest.mark.torch  # imagehash is in .venv-torch alone

PACK = PackParams(store_px=64, max_megapixels=80, min_side_px=16)


@pytest.fixture
def photos(tmp_path):
    """Four photos, the third broken."""
    pytest.importorskip("imagehash")
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for number, path in enumerate(paths):
        path.write_bytes(b"" if number == 2 else encode(picture(number), "PNG"))
    return [PhotoFile(path) for path in paths]


def pack(folder, photos) -> tuple[int, list[int]]:
    """How many were there, and what was packed besides, as it was told."""
    packed, told = PackedPhotos(folder, photos, PACK), list[int]()
    n_packed = packed.n_packed
    packed.pack(told.append)
    return n_packed, told


def test_only_what_is_missing_is_packed(tmp_path, photos):
    assert pack(tmp_path, photos) == (0, [1, 1, 1, 1])
    assert pack(tmp_path, photos) == (4, [])
    next(tmp_path.glob("1-*")).unlink()
    photos[3].path.write_bytes(encode(picture(9), "PNG"))
    assert pack(tmp_path, photos) == (2, [1, 1])
    packed = PackedPhotos(tmp_path, photos, PACK)
    results = list(packed)
    assert [isinstance(result, Rejection) for result in results] == [False, False, True, False]
    assert packed.encoded(3) == encode(picture(9), "PNG") == results[3].encoded


def test_the_folder_stays_until_all_went_well(tmp_path):
    given = {"files": "a", "packing": {}}
    with contextlib.suppress(RuntimeError), packing_folder(tmp_path, given, name="shop") as folder:
        (folder / "0-a").write_bytes(b"kept")
        raise RuntimeError
    with packing_folder(tmp_path, {"files": "b", "packing": {}}, name="bags") as other:
        assert not list(other.iterdir())
    with packing_folder(tmp_path, given, name="shop") as again:
        assert again == folder
        assert (again / "0-a").read_bytes() == b"kept"
    assert not folder.exists()


def test_what_another_run_of_the_data_set_left_goes_unless_it_still_runs(tmp_path):
    with packing_folder(tmp_path, {"files": "a"}, name="shop") as running:
        with contextlib.suppress(RuntimeError), packing_folder(tmp_path, {"files": "b"}, name="shop") as left:
            raise RuntimeError
        with packing_folder(tmp_path, {"files": "c"}, name="shop"):
            assert running.is_dir()
            assert not left.exists()


PREPARE = """
import sys
from pathlib import Path
from bakeoff.catalogue.params import PrepareParams
from bakeoff.catalogue.prepare import prepare
from catalogue.dataset_sections import dataset_params
if __name__ == "__main__":
    params = PrepareParams(store_px=64, max_megapixels=80, min_side_px=16, class_too_small="reject", require="image")
    print(prepare(Path("data/source.json"), dataset_params("folder"), params, Path("data/catalogue")))
"""


def start(root, **options) -> subprocess.Popen:
    (root / "run.py").write_text(PREPARE)
    # the tests' folder holds a package `catalogue`, too
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = os.environ | {"PYTHONPATH": paths}
    return subprocess.Popen([sys.executable, "run.py"], cwd=root, env=environment, text=True, **options)


def kept(root) -> list[str]:
    return [path.name for path in root.glob(".bakeoff/packed/*/*-*") if not path.name.endswith(".tmp")]


@pytest.mark.slow
def test_a_killed_prepare_goes_on_and_gives_the_same_bytes(root):
    pytest.importorskip("imagehash")
    n = 600
    for number in range(n):
        folder = root / "data" / "raw" / "folder" / f"class {number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        photo = np.random.default_rng(number).integers(0, 255, (8, 8, 3), dtype=np.uint8)
        content = encode(Image.fromarray(photo).resize((90, 80)), "JPEG") if number % 50 else b"broken"
        (folder / f"{number}.jpg").write_bytes(content)
    fetch(dataset("folder"), root, root / "data" / "source.json")
    before = sorted(path.name for path in (root / "data").iterdir())

    running = start(root)
    process = psutil.Process(running.pid)
    n_processes = os.cpu_count() or 1
    chunk = max(1, n // (50 * n_processes))
    while len(kept(root)) * chunk < n / 2:
        assert running.poll() is None
        time.sleep(0.02)
    children = process.children(recursive=True)
    assert children
    running.kill()
    running.wait()
    n_kept = len(kept(root))
    gone, alive = psutil.wait_procs(children, timeout=20)
    assert (len(gone), alive) == (len(children), [])
    assert sorted(path.name for path in (root / "data").iterdir()) == before

    again = start(root, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = again.communicate(timeout=300)
    assert f"588 of {n} products accepted" in out, err
    found = re.search(r"(\d+) of 600 photos were packed by a run that was cut short", err)
    assert found, err
    assert int(found[1]) >= n_kept * chunk  # a process may have finished one while we looked
    assert n_processes * chunk <= 0.05 * n  # what was being packed is lost, no more
    first = {path.name: path.read_bytes() for path in (root / "data" / "catalogue").iterdir()}

    assert start(root).wait() == 0
    assert {path.name: path.read_bytes() for path in (root / "data" / "catalogue").iterdir()} == first
    assert sorted(path.name for path in (root / "data").iterdir()) == sorted([*before, "catalogue"])
    assert not list((root / ".bakeoff" / "packed").glob("*/*"))
