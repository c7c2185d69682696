"""The table source: photos in cells, several photos, several labels, levels of a tree, further columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from bakeoff.catalogue.fetch import fetch
from bakeoff.catalogue.params import ColumnNames, DatasetParams, PrepareParams
from bakeoff.catalogue.photo_file import Cell, PhotoFile
from bakeoff.catalogue.prepare import Prepared, prepare
from bakeoff.catalogue.sources import SOURCES, RawProduct
from bakeoff.catalogue.table_file import LabelRule, read_table
from bakeoff.core.errors import DataError
from bakeoff.data.decode import Rejection
from catalogue.bad_images import encode, picture
from catalogue.dataset_sections import dataset_params

COLUMNS = ColumnNames(id="id", image="image", label="label", title=None, description=None)
PREPARE = PrepareParams(store_px=64, max_megapixels=10, min_side_px=8, class_too_small="reject", require="image")


def dataset(**changes: object) -> DatasetParams:
    return dataset_params("table", **{"columns": COLUMNS, **changes})


def put(root, rows: list[tuple[object, ...]], columns: str = "id image label") -> pd.DataFrame:
    """Write a table into the data set's folder as CSV."""
    folder = root / "data" / "raw" / "table"
    folder.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(rows, columns=columns.split())
    table.to_csv(folder / "t.csv", index=False)
    return table


def read(root, **changes: object) -> list[RawProduct]:
    return SOURCES["table"].read(dataset(**changes), root / "data" / "raw" / "table")


def run(root, **changes: object) -> Prepared:
    (root / "data").mkdir(exist_ok=True)
    source = root / "data" / "source.json"
    fetch(dataset(**changes), root, source)
    return prepare(source, dataset(**changes), PREPARE, root / "data" / "catalogue")


def test_the_kind_asks_for_a_table_of_any_name(root):
    with pytest.raises(DataError, match=r"needs the table .*products\.csv and its photos"):
        fetch(dataset(), root, root / "source.json")
    put(root, [("1", "a.png", "A")])
    assert read(root) == [RawProduct("1", "a.png", "A")]


@pytest.mark.parametrize("cell", ["a.png|b.png", "a.png; b.png", '["a.png", "b.png"]', "['a.png','b.png']"])
def test_the_first_photo_of_several_or_all(root, cell):
    put(root, [("7", cell, "A"), ("8", "c.png", "B")])
    assert [(one.product_id, one.image_path) for one in read(root)] == [("7", "a.png"), ("8", "c.png")]
    assert [(one.product_id, one.image_path) for one in read(root, photos="all")] == [
        ("7", "a.png"),
        ("7", "b.png"),
        ("8", "c.png"),
    ]


def test_a_file_may_have_a_separator_in_its_name(root):
    put(root, [("7", "a;b.png", "A"), ("8", "[]", "B")])
    (root / "data" / "raw" / "table" / "a;b.png").write_bytes(b"x")
    assert [one.image_path for one in read(root, photos="all")] == ["a;b.png", ""]


@pytest.mark.parametrize(("level", "labels"), [(1, ["A", "X", "Y"]), (2, ["B", "X", "Z"]), (3, ["C", "X", "Z"])])
def test_a_level_of_the_category_tree(root, capsys, level, labels):
    put(root, [("1", "a.png", '["A >> B >> C"]'), ("2", "b.png", "X"), ("3", "c.png", "Y >> Z")])
    assert [one.label for one in read(root, label_level=level)] == labels
    told = capsys.readouterr().err
    assert told.startswith(f"bakeoff: the category tree of {level - 1} products has fewer") == (level > 1)


def test_several_labels_are_rejected_or_the_first_one_counts():
    cells = ["A|B", "A", None, "A >> x | A >> y", '["A", "B"]', "|"]
    rule = LabelRule(separator="|")
    several = Rejection("several_labels", "A, B")
    assert rule.read(cells) == [several, "A", None, "A", several, None]
    assert LabelRule(separator="|", several="first").read(cells) == ["A", "A", None, "A", "A", None]
    assert LabelRule().read(["A|B"]) == ["A|B"]


def test_labels_are_settled_by_params_and_counted(root):
    rows, folder = [], root / "data" / "raw" / "table"
    for number in range(20):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(encode(picture(number), "PNG"))
        label = "A" if number < 8 else "B" if number < 13 else "C" if number < 17 else "D"
        rows.append((f"p{number}", f"{number}.png", "A|B" if number == 19 else label, f"maker {number % 2}", None))
    put(root, rows, "id image label brand colour")
    found = run(root, label_separator="|", classes=["A", "B", "C"], min_class_size=5, keep=["brand", "colour"])
    assert (found.n_read, found.n_accepted) == (20, 13)
    assert found.rejected == {"class_too_small": 4, "unknown_class": 2, "several_labels": 1}
    rejected = pd.read_csv(root / "data" / "catalogue" / "rejected.csv").set_index("product_id")["detail"].to_dict()
    assert rejected["p13"] == "4 products, dataset.min_class_size is 5"
    assert rejected["p17"] == "not listed in dataset.classes"
    assert rejected["p19"] == "A, B"
    products = pd.read_parquet(root / "data" / "catalogue" / "products.parquet")
    assert products["brand"].tolist() == [f"maker {number % 2}" for number in range(13)]
    assert products["colour"].isna().all()
    with pytest.raises(DataError, match=r"bakeoff has columns called label itself; rename these"):
        run(root, keep=["label"])
    with pytest.raises(DataError, match=r"no column 'size' \(dataset\.keep: size\)"):
        read(root, keep=["size"])


@pytest.mark.parametrize("form", ["bytes", "struct", "list"])
def test_pictures_are_read_from_the_cells_of_a_parquet_table(root, form):
    folder = root / "data" / "raw" / "table"
    folder.mkdir(parents=True)
    photos = [encode(picture(number), "PNG") for number in range(8)]
    cells = {
        "bytes": photos,
        "struct": [{"bytes": photo, "path": f"{n}.png"} for n, photo in enumerate(photos)],
        "list": [[photo, photos[0]] for photo in photos],
    }[form]
    table = pd.DataFrame({"id": [f"00{n}" for n in range(8)], "image": cells, "label": [*"ABABABA", None]})
    table.to_parquet(folder / "t.parquet", row_group_size=3)
    products = read(root)
    assert (products[3].image_path, products[3].part) == ("t.parquet", Cell("image", 3))
    assert products[3].shown_image == "t.parquet/row 3"
    found = run(root)
    assert (found.n_accepted, found.rejected) == (7, {"empty_label": 1})
    assert pd.read_parquet(root / "data" / "catalogue" / "products.parquet")["product_id"].tolist()[6] == "006"
    with pytest.raises(DataError, match="holds pictures, where text is needed"):
        read(root, keep=["image"])


def test_paths_stored_as_bytes_or_as_hugging_face_does_stay_paths(root):
    folder = root / "data" / "raw" / "table"
    folder.mkdir(parents=True)
    cells = {"a": [b"a.png", None], "b": [{"bytes": None, "path": "a.png"}, None]}
    pd.DataFrame({"id": ["1", "2"], "label": ["A", "B"], **cells}).to_parquet(folder / "t.parquet")
    for column in cells:
        named = COLUMNS.model_copy(update={"image": column})
        assert [one.image_path for one in read(root, columns=named)] == ["a.png", ""]


def test_pickled_pictures_are_told_to_be_converted(root):
    folder = root / "data" / "raw" / "table"
    folder.mkdir(parents=True)
    pd.DataFrame({"id": ["1"], "label": ["A"], "image": [b"\x89PNG"]}).to_pickle(folder / "t.pkl")
    with pytest.raises(DataError, match=r"holds bytes that are not text\. .*`bakeoff convert` makes one of a pickle"):
        read(root, allow_pickle=True)


def test_a_large_row_group_does_not_fill_memory(root):
    """One group of 50 MB, as pandas writes it; its pages hold 1,024 photos, 10 MB."""
    rng, path = np.random.default_rng(0), root / "t.parquet"
    photos = [b"\xff" + rng.bytes(10_000) for _ in range(5_000)]
    pd.DataFrame({"id": range(5_000), "image": photos}).to_parquet(path)
    before = pa.total_allocated_bytes()
    assert list(read_table(path).frame.columns) == ["id"]
    assert all(PhotoFile(path, Cell("image", row)).read(10) == photos[row] for row in (0, 4_999, 200, 201))
    assert pa.total_allocated_bytes() - before < 30e6


def test_a_table_with_the_photos_inside_must_lie_in_the_root(root, tmp_path):
    (root / "data" / "raw" / "table").mkdir(parents=True)
    table = tmp_path / "elsewhere.parquet"
    pd.DataFrame({"id": ["1"], "label": ["A"], "image": [b"\x89PNG"]}).to_parquet(table)
    with pytest.raises(DataError, match=r"elsewhere.parquet holds the photos themselves, so it must lie in"):
        read(root, table=str(table))
