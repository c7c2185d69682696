"""Data sets that Hugging Face's `datasets` wrote or finds in a folder: no network, no stand-in for the library."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bakeoff.catalogue.fetch import fetch
from bakeoff.catalogue.params import ColumnNames, DatasetParams, PrepareParams
from bakeoff.catalogue.photo_file import Cell
from bakeoff.catalogue.prepare import prepare
from bakeoff.catalogue.sources import SOURCES, SourceUnavailableError
from bakeoff.catalogue.sources.huggingface import _explain
from bakeoff.core.errors import DataError
from bakeoff.records.catalogue import LabelsRecord
from catalogue.bad_images import encode, picture
from catalogue.dataset_sections import dataset_params

pytestmark = pytest.mark.torch  # `datasets` is there alone
SOURCE = SOURCES["huggingface"]
COLUMNS = ColumnNames(id=None, image="image", label="label", title=None, description=None)
PREPARE = PrepareParams(store_px=64, max_megapixels=10, min_side_px=8, class_too_small="reject", require="image")


def dataset(table: str | None, **changes: object) -> DatasetParams:
    return dataset_params("huggingface", **{"columns": COLUMNS, "table": table, **changes})


def image_folder(root: Path) -> Path:
    for number in range(20):
        path = root / "mine" / ("test" if number % 5 == 4 else "train") / "AB"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(picture(number), "PNG"))
    return root / "mine"


def test_an_image_folder_keeps_photos_and_splits(root):
    image_folder(root)
    raw = root / "data" / "raw" / "huggingface"
    fetch(dataset("mine"), root, root / "source.json")
    assert sorted(path.name for path in raw.iterdir()) == ["huggingface.json", "test.parquet", "train.parquet"]
    products = SOURCE.read(dataset("mine"), raw)
    assert [(one.product_id, one.label, one.official_split) for one in products[-2:]] == [
        ("test_row_2", "B", "test"),
        ("test_row_3", "B", "test"),
    ]
    assert (products[0].image_path, products[0].part) == ("train.parquet", Cell("image", 0))
    found = prepare(root / "source.json", dataset("mine"), PREPARE, root / "data" / "catalogue")
    assert (found.n_accepted, found.rejected) == (20, {})
    before = (raw / "train.parquet").stat().st_mtime_ns
    SOURCE.acquire(dataset("mine"), raw)
    assert (raw / "train.parquet").stat().st_mtime_ns == before
    (root / "mine" / "train" / "A" / "more.png").write_bytes(encode(picture(99), "PNG"))
    assert not SOURCE.present(dataset("mine"), raw)
    SOURCE.acquire(dataset("mine"), raw)
    assert len(SOURCE.read(dataset("mine"), raw)) == 21


def test_a_saved_data_set_keeps_the_order_of_its_classes(root):
    import datasets

    features = datasets.Features(
        {
            "picture": datasets.Image(),
            "kind": datasets.ClassLabel(names=["zebra", "ant"]),
            "sku": datasets.Value("string"),
        }
    )
    cells = {
        "picture": [{"bytes": encode(picture(number), "PNG"), "path": None} for number in range(8)],
        "kind": [0, 1] * 3 + [-1, 1],
        "sku": [f"00{number}" for number in range(8)],
    }
    datasets.Dataset.from_dict(cells, features=features).save_to_disk(str(root / "saved"))
    columns = ColumnNames(id="sku", image="picture", label="kind", title=None, description=None)
    params = dataset("saved", columns=columns)
    fetch(params, root, root / "source.json")
    found = prepare(root / "source.json", params, PREPARE, root / "data" / "catalogue")
    assert (found.n_accepted, found.rejected) == (7, {"empty_label": 1})
    assert LabelsRecord.read(root / "data" / "catalogue" / "labels.json").labels == ["zebra", "ant"]
    (first, *_) = SOURCE.read(params, root / "data" / "raw" / "huggingface")
    assert (first.product_id, first.label, first.official_split) == ("000", "zebra", None)


def test_another_name_replaces_what_was_written(root):
    image_folder(root)
    raw = root / "data" / "raw" / "huggingface"
    SOURCE.acquire(dataset("mine"), raw)
    assert not SOURCE.present(dataset("other"), raw)
    (root / "other" / "A").mkdir(parents=True)
    (root / "other" / "B").mkdir()
    for number in range(4):
        (root / "other" / "AB"[number % 2] / f"{number}.png").write_bytes(encode(picture(number), "PNG"))
    SOURCE.acquire(dataset("other"), raw)
    assert sorted(path.name for path in raw.iterdir()) == ["huggingface.json", "train.parquet"]


def test_what_cannot_be_read_is_one_sentence(root):
    with pytest.raises(DataError, match=r"dataset\.table must name a data set of the Hugging Face hub, or a folder"):
        SOURCE.acquire(dataset(None), root / "raw")
    (root / "empty").mkdir()
    with pytest.raises(DataError, match="`datasets` cannot read 'empty'"):
        SOURCE.acquire(dataset("empty"), root / "raw")
    assert not list((root / "raw").iterdir())


@pytest.mark.parametrize(
    ("status", "gated", "reason", "told"),
    [
        (403, True, "gated", "accept the terms"),
        (401, False, "unauthorised", "or has no such repository"),
        (404, False, "not_found", "no data set of that name"),
        (429, False, "rate_limited", "wait some minutes"),
        (503, False, "server_error", "the server itself failed"),
    ],
)
def test_the_hubs_answer_is_the_reason(status, gated, reason, told):
    import datasets
    import httpx2
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError

    response = httpx2.Response(status, request=httpx2.Request("GET", "https://hub.example"))
    error = datasets.exceptions.DatasetNotFoundError("Dataset 'a/b' doesn't exist on the Hub or cannot be accessed.")
    error.__cause__ = (GatedRepoError if gated else HfHubHTTPError)("no", response=response)
    found = _explain("a/b", error, is_local=False)
    assert isinstance(found, SourceUnavailableError)
    assert found.reason == reason
    assert told in str(found)


def test_without_a_network_the_hub_is_unreachable(root):
    code = (
        "import sys; from pathlib import Path; from catalogue.test_huggingface_source import SOURCE, dataset\n"
        "SOURCE.acquire(dataset('owner/name'), Path(sys.argv[1]))"
    )
    path = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)])
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(root / "hf"), "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", code, str(root / "raw")], env=environment, capture_output=True, check=False
    )
    assert b"the Hugging Face hub does not give it (unreachable: no answer" in done.stderr
