"""Products without a photo or without a text: who stays, what is known of them, and how candidates answer for them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bakeoff.catalogue.audit import audit, list_findings
from bakeoff.catalogue.fetch import fetch
from bakeoff.catalogue.prepare import Prepared, prepare
from bakeoff.catalogue.split_folder import write_split
from bakeoff.core.errors import DataError
from bakeoff.data.predictions import make_predictions
from bakeoff.data.table import load_catalogue
from bakeoff.explore.run import explore
from catalogue.bad_images import encode, picture
from catalogue.dataset_sections import split_params
from catalogue.test_table_source import COLUMNS, PREPARE, dataset, put

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("no_rendering")]  # imagehash is in .venv-torch alone
TITLED = COLUMNS.model_copy(update={"title": "title"})
MISSING, BROKEN, SILENT, BARE = "a0", "a1", "b0", "b1"  # no photo, a broken one, no text, neither


def run(root, require: str, **changes: object) -> Prepared:
    """Prepare twenty products of two classes, two of them without a photo, one without a text, one without either."""
    rows = [(f"{label}{n}", f"{label}{n}.png", label, f"{label} number {n}") for label in "ab" for n in range(10)]
    rows = [(key, image, label, None if key in (SILENT, BARE) else title) for key, image, label, title in rows]
    put(root, rows, "id image label title")
    folder = root / "data" / "raw" / "table"
    for number, (key, image, *_) in enumerate(rows):
        if key not in (MISSING, BARE):
            (folder / image).write_bytes(b"" if key == BROKEN else encode(picture(number), "PNG"))
    source = root / "data" / "source.json"
    given = dataset(**{"columns": TITLED, **changes})
    fetch(given, root, source)
    return prepare(source, given, PREPARE.model_copy(update={"require": require}), root / "data" / "catalogue")


def read(root, name: str = "products.parquet") -> pd.DataFrame:
    return pd.read_parquet(root / "data" / "catalogue" / name).set_index("product_id")


@pytest.mark.parametrize(
    ("require", "rejected"),
    [
        ("image", {MISSING: "missing_file", BROKEN: "empty_file", BARE: "missing_file"}),
        ("text", {SILENT: "no_text", BARE: "no_text"}),
        ("either", {BARE: "missing_file"}),
    ],
)
def test_who_stays(root, require, rejected):
    assert run(root, require).n_accepted == 20 - len(rejected)
    found = pd.read_csv(root / "data" / "catalogue" / "rejected.csv")
    assert dict(zip(found["product_id"], found["reason"], strict=True)) == rejected
    products = read(root)
    if require == "image":
        assert not {"has_photo", "has_text"} & {*products.columns}
        return
    assert sorted(products.index[~products["has_photo"]]) == [MISSING, BROKEN]
    assert sorted(products.index[~products["has_text"]]) == ([SILENT] if require == "either" else [])
    assert products["group_id"].is_unique  # nothing is shown twice, least of all what is not there
    assert products.loc[[MISSING, BROKEN], "format"].tolist() == ["none", "none"]


@pytest.fixture
def half(root):
    """The catalogue of products with either, divided."""
    run(root, "either")
    data = root / "data"
    audit(data / "catalogue", data / "audit")
    write_split(data / "catalogue", split_params(), data / "splits")
    return data


def test_the_audit_counts_them_and_flags_no_blank(half):
    record = audit(half / "catalogue", half / "audit")
    assert (record.n_without_photo, record.n_without_text) == (2, 1)
    assert list_findings(record).endswith("products without a photo: 2; without a text: 1")
    assert record.width_px.min > PREPARE.min_side_px  # of photos alone
    flagged = pd.read_parquet(half / "audit" / "findings.parquet")
    assert not set(flagged.loc[flagged["finding"] != "missing_title", "product_id"]) & {MISSING, BROKEN}


def test_the_catalogue_can_be_explored(half):
    record, photos = explore(
        half / "catalogue", half / "audit" / "audit.json", half / "splits" / "splits.parquet", half / "none.parquet"
    )
    assert record.n_products == len(photos) == 19


def test_candidates_learn_from_what_they_can_read_and_answer_the_rest_with_class_shares(half):
    reading = {
        reads: load_catalogue(half / "catalogue", half / "splits" / "splits.parquet", reads=reads)
        for reads in ("image", "text", None)
    }
    every = reading[None].products
    n, ids = len(every), every["product_id"]
    for reads, lacking in (("image", {MISSING, BROKEN}), ("text", {SILENT}), (None, set())):
        rows = np.concatenate([reading[reads].rows(split) for split in ("train", "validation", "test")])
        assert set(ids) - set(ids[rows]) == lacking
    answers = np.tile(np.float32([0.9, 0.1]), (n, 1))
    found = make_predictions(reading["image"], answers, np.zeros(n))
    train = every["split"] == "train"
    shares = every.loc[train, "label_id"].value_counts(normalize=True).sort_index().to_numpy()
    without = ids.isin([MISSING, BROKEN]).to_numpy()
    np.testing.assert_allclose(found.probabilities[without], [shares, shares], rtol=1e-6)
    np.testing.assert_array_equal(found.probabilities[~without], answers[~without])
    np.testing.assert_allclose(found.products["loss"][without], -np.log(shares[0]), rtol=1e-6)  # both are of class a
    assert (answers == np.float32([0.9, 0.1])).all()  # the candidate's own are as they were
    assert (found.products["origin"] == "without_input").tolist() == without.tolist()


@pytest.mark.parametrize(
    ("require", "changes", "sentence"),
    [
        ("text", {"columns": COLUMNS}, "prepare.require is text, but no product of dataset .* has a text; set dataset"),
        ("either", {"photos": "all"}, "prepare.require: either is for one photo a product; set dataset.photos: first"),
    ],
)
def test_what_cannot_be_required_is_said(root, require, changes, sentence):
    with pytest.raises(DataError, match=sentence):
        run(root, require, **changes)


def test_a_catalogue_without_any_photo_is_refused(root):
    put(root, [(f"{label}{n}", "", label, "words") for label in "ab" for n in range(3)], "id image label title")
    source, given = root / "data" / "source.json", dataset(columns=TITLED)
    fetch(given, root, source)
    params = PREPARE.model_copy(update={"require": "text"})
    with pytest.raises(DataError, match=r"none of 6 products in .* has a photo, and baseline_tf"):
        prepare(source, given, params, root / "data" / "catalogue")
