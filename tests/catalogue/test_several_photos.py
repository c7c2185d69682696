"""Several photos of one product: one group, one split, one weight, and one row of the predictions, their mean."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bakeoff.catalogue.audit import audit
from bakeoff.catalogue.split_folder import write_split
from bakeoff.core.errors import EvaluationError
from bakeoff.data.predictions import make_predictions, read_predictions, write_predictions
from bakeoff.data.table import load_catalogue
from bakeoff.records.catalogue import SplitRecord
from catalogue.bad_images import encode, picture
from catalogue.dataset_sections import repair_params, split_params
from catalogue.test_table_source import COLUMNS, put, run

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("no_rendering")]  # imagehash is in .venv-torch alone


def put_photos(root, rows: list[tuple[str, list[int], str]]) -> None:
    """Write a product per row with the photos of these numbers; a negative one is broken."""
    folder = root / "data" / "raw" / "table"
    folder.mkdir(parents=True, exist_ok=True)
    for number in {abs(number) for _, numbers, _ in rows for number in numbers}:
        (folder / f"{number}.png").write_bytes(encode(picture(number), "PNG"))
        (folder / f"-{number}.png").write_bytes(b"")
    put(root, [(key, "|".join(f"{number}.png" for number in numbers), label) for key, numbers, label in rows])


def products_of(root) -> pd.DataFrame:
    return pd.read_parquet(root / "data" / "catalogue" / "products.parquet")


SHOP = [("a", [1, 2, 3], "A"), ("b", [-4, 5], "A"), ("c", [6], "A")] + [(f"d{n}", [10 + n], "B") for n in range(3)]


def test_the_first_photo_is_called_as_its_product(root):
    put_photos(root, SHOP)
    prepared = run(root, photos="all")
    assert (prepared.n_accepted, prepared.rejected) == (8, {"empty_file": 1})
    found = products_of(root)
    assert found["product_id"].tolist() == ["a", "a#2", "a#3", "b", "c", "d0", "d1", "d2"]
    assert found["photo_of"].tolist() == ["a", "a", "a", "b", "c", "d0", "d1", "d2"]
    assert found["group_id"].tolist() == [0, 0, 0, 3, 4, 5, 6, 7]
    assert found["weight"].tolist() == [1] * 8  # labels agree
    assert pd.read_csv(root / "data" / "catalogue" / "rejected.csv")["product_id"].tolist() == ["b"]
    put_photos(root, [*SHOP, ("e", [7], "A")])
    assert run(root).n_accepted == 6
    assert "photo_of" not in products_of(root)  # and catalogues of one photo a product stay as they were


def test_no_photo_is_called_as_another_product(root):
    put_photos(root, [*SHOP, ("a#2", [40], "B")])
    run(root, photos="all")
    assert products_of(root)["product_id"].tolist()[:4] == ["a", "a##2", "a##3", "b"]


def test_rows_of_one_id_are_photos_of_one_product_where_their_labels_agree(root):
    put_photos(root, [*SHOP, ("c", [20], "A"), ("c", [21], "B"), ("c", [22], "A")])
    assert run(root, photos="all").rejected == {"duplicate_product_id": 1, "empty_file": 1}
    assert products_of(root)["product_id"].tolist()[-3:] == ["d2", "c#2", "c#3"]
    assert products_of(root)["group_id"].tolist()[-3:] == [7, 4, 4]


def test_min_class_size_counts_products(root):
    put_photos(root, [*SHOP, ("e", [30, 31, 32, 33], "C")])
    assert run(root, photos="all", min_class_size=3).rejected == {"class_too_small": 4, "empty_file": 1}


def test_split_counts_and_predictions_are_of_products(root):
    rows = [(f"p{n:02d}", [100 + 3 * n + k for k in range(1 + n % 3)], "AB"[n // 15]) for n in range(30)]
    put_photos(root, rows)
    assert run(root, photos="all").n_accepted == 60
    folder = root / "data" / "catalogue"
    split = write_split(folder, split_params(train=0.6, validation=0.2, test=0.2), root / "splits")
    assert split["split"].value_counts().to_dict() == {"train": 18, "validation": 6, "test": 6}
    photos = pd.read_parquet(root / "splits" / "splits.parquet")
    assert photos["product_id"].tolist() == products_of(root)["product_id"].tolist()
    assert photos["split"].groupby(products_of(root)["photo_of"]).nunique().unique().tolist() == [1]
    catalogue = load_catalogue(folder, root / "splits" / "splits.parquet")
    shares = [1 / len(numbers) for _, numbers, _ in rows for _ in numbers]
    assert catalogue.weights(np.arange(60)).tolist() == pytest.approx(shares)

    rng = np.random.default_rng(0)
    given = rng.dirichlet([1, 1], 60).astype(np.float32)
    losses = -np.log(given[np.arange(60), catalogue.label_ids(np.arange(60))])
    predictions = make_predictions(catalogue, given, losses)
    assert predictions.products["product_id"].tolist() == [key for key, _, _ in rows]
    start = 0
    for n, (_, numbers, label) in enumerate(rows):
        mean = given[start : start + len(numbers)].mean(axis=0)
        assert predictions.probabilities[n] == pytest.approx(mean, abs=1e-6)
        assert predictions.products["loss"][n] == pytest.approx(-np.log(mean["AB".index(label)]), abs=1e-5)
        start += len(numbers)
    write_predictions(predictions, root / "predictions.parquet")
    for held in (catalogue, catalogue.by_product()):
        assert len(read_predictions(root / "predictions.parquet", catalogue=held).products) == 30


def test_a_photo_without_a_number_is_not_hidden_by_the_others_of_its_product(root):
    put_photos(root, [(f"p{n}", [10 * n, 10 * n + 1], "AB"[n % 2]) for n in range(6)])
    run(root, photos="all")
    write_split(root / "data" / "catalogue", split_params(train=0.34, validation=0.33, test=0.33), root / "splits")
    catalogue = load_catalogue(root / "data" / "catalogue", root / "splits" / "splits.parquet")
    probabilities = np.full((12, 2), 0.5, dtype=np.float32)
    probabilities[3] = np.nan
    with pytest.raises(EvaluationError, match=r"1 of 6 rows hold NaN or infinity, first product 'p1'"):
        make_predictions(catalogue, probabilities, np.ones(12, dtype=np.float32))


def test_the_audit_takes_no_product_for_a_duplicate_of_itself(root):
    put_photos(root, SHOP)
    table = pd.read_csv(root / "data" / "raw" / "table" / "t.csv").assign(title="a lamp")
    table.to_csv(root / "data" / "raw" / "table" / "t.csv", index=False)
    columns = COLUMNS.model_copy(update={"title": "title"})
    run(root, photos="all", columns=columns)
    found = audit(root / "data" / "catalogue", root / "data" / "audit").findings
    assert (found["duplicate_text"].n, found["label_conflict"].n) == (5, 0)  # of six products


def test_repair_drops_a_product_whole_or_not_at_all(root):
    rows = [("whole", [50, 51], "A"), ("copied", [50, 51], "A"), ("partly", [50, 52], "A")]
    rows += [(f"p{n:02d}", [100 + n], "AB"[n % 2]) for n in range(20)]
    put_photos(root, rows)
    run(root, photos="all")
    repair = repair_params(exact_duplicates="drop")
    divided = write_split(root / "data" / "catalogue", split_params(), root / "splits", repair=repair)
    assert divided.loc[divided["split"] == "unused", "product_id"].tolist() == ["copied"]
    photos = pd.read_parquet(root / "splits" / "splits.parquet")
    assert photos.loc[photos["split"] == "unused", "product_id"].tolist() == ["copied", "copied#2"]
    assert list(photos) == ["product_id", "split", "reason", "split_before_repair", "repair"]
    record = SplitRecord.read(root / "splits" / "split.json")
    assert (record.n_unused, record.repair.dropped) == (0, {"exact_duplicate": 1})
    assert not (root / "splits" / "figures").exists()  # no photo changed
