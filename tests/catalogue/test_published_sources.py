"""Public catalogues as they are published: small trees in their layout, through `prepare` and `split`."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

from bakeoff.catalogue.fetch import fetch
from bakeoff.catalogue.params import PrepareParams
from bakeoff.catalogue.prepare import Prepared, prepare
from bakeoff.catalogue.sources import SOURCES
from bakeoff.catalogue.sources.base import read_lines
from bakeoff.catalogue.sources.rakuten import CLASSES, code_of
from bakeoff.catalogue.split import make_split
from bakeoff.core.errors import DataError
from bakeoff.data.table import UNLABELLED, read_prepared
from bakeoff.records.catalogue import LabelsRecord
from catalogue.bad_images import encode, picture
from catalogue.dataset_sections import NO_COLUMNS, dataset_params, split_params

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("no_rendering")]  # imagehash is in .venv-torch alone
PREPARE = PrepareParams(store_px=64, max_megapixels=80, min_side_px=16, class_too_small="reject", require="image")
SPLIT = split_params(train=0.6, validation=0.2, test=0.2)


def put(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(picture(number), "JPEG"))


def run(root: Path, kind: str, **changes: object) -> Prepared:
    data = dataset_params(kind, **changes)
    fetch(data, root, root / "data" / "source.json")
    return prepare(root / "data" / "source.json", data, PREPARE, root / "data" / "catalogue")


def products(root: Path) -> pd.DataFrame:
    return read_prepared(root / "data" / "catalogue").set_index("product_id")


def labels(root: Path) -> list[str]:
    return LabelsRecord.read(root / "data" / "catalogue" / "labels.json").labels


RAKUTEN_LAYOUTS = [
    ("X_train_update.csv", "Y_train_CVw08PX.csv", "X_test_update.csv", "images/images/image_train"),
    ("X_train.csv", "Y_train.csv", "X_test.csv", "images/image_training"),
    ("X_train_update.csv", "Y_train.csv", "X_test_update.csv", "images/image_train"),
]


def put_rakuten(raw: Path, layout: tuple[str, ...] = RAKUTEN_LAYOUTS[0]) -> None:
    """Nine products of the codes 10, 1281 and 60, whose tables are in different orders, and two without a label."""
    x_train, y_train, x_test, photos = layout
    index, codes = np.arange(9), [10, 1281, 60] * 3
    products = pd.DataFrame(
        {
            "designation": [f'Livre "{number}", occasion' for number in index],
            "description": [None if number == 4 else f"<p>de\nla {number}</p>" for number in index],
            "productid": 7_000 + index // 2,  # two photos each
            "imageid": 9_000 + index,
        },
        index=index,
    )
    raw.mkdir(parents=True)
    products.to_csv(raw / x_train)
    pd.DataFrame({"prdtypecode": codes}, index=index)[::-1].to_csv(raw / y_train)
    others = products.iloc[:2].set_axis([9, 10]).assign(imageid=[1, 2], productid=[1, 2])
    others.to_csv(raw / x_test)
    for number, row in products.iterrows():
        put(raw / photos / f"image_{row.imageid}_product_{row.productid}.jpg", int(number))
    test = photos.replace("training", "test").replace("train", "test")
    for number in (1, 2):
        put(raw / test / f"image_{number}_product_{number}.jpg", 20 + number)


@pytest.mark.parametrize("layout", RAKUTEN_LAYOUTS)
def test_rakuten_is_joined_by_index_and_its_codes_keep_their_order(root, layout):
    raw = root / "data" / "raw" / "rakuten"
    put_rakuten(raw, layout)
    found = run(root, "rakuten")
    assert (found.n_read, found.n_accepted, found.n_unlabelled) == (9, 9, 2)
    assert "2 without a label are in unlabelled.parquet" in str(found)
    assert labels(root) == [
        "10 Livre occasion",
        "60 Console de jeu",
        "1281 Jeu de société",
    ]  # not as text: 10, 1281, 60
    table = products(root)
    assert table.loc[["0", "1", "2", "8"], "label"].map(code_of).tolist() == ["10", "1281", "60", "60"]
    assert table["label_id"].tolist() == [0, 2, 1] * 3
    assert table.loc["0", "group_id"] == table.loc["1", "group_id"] != table.loc["2", "group_id"]
    unlabelled = pd.read_parquet(root / "data" / "catalogue" / UNLABELLED)
    assert unlabelled["product_id"].tolist() == ["9", "10"]
    assert [(root / "data" / "catalogue" / image).is_file() for image in unlabelled["image"]] == [True, True]
    assert unlabelled.loc[0, "description"] == "<p>de\nla 0</p>"


def test_rakuten_knows_27_classes():
    assert len(CLASSES) == 27
    assert list(CLASSES) == sorted(CLASSES)


def test_rakuten_tables_of_two_versions_are_refused(root):
    raw = root / "data" / "raw" / "rakuten"
    put_rakuten(raw)
    pd.DataFrame({"prdtypecode": [10] * 8}, index=range(8)).to_csv(raw / "Y_train_CVw08PX.csv")
    with pytest.raises(DataError, match=r"no row for 1 products .*the first: index 8.*same version"):
        run(root, "rakuten")


def test_a_malformed_row_of_rakuten_is_rejected_alone(root):
    raw = root / "data" / "raw" / "rakuten"
    put_rakuten(raw)
    table = raw / "X_train_update.csv"
    table.write_text(table.read_text().replace(",7002,9004\n", ",7002,9004,x,y\n"))
    found = run(root, "rakuten")
    assert (found.n_read, found.rejected["malformed_row"]) == (9, 1)


def put_food101(raw: Path) -> None:
    classes = ["waffles", "apple_pie"]  # not in Python's order
    for place, label in enumerate(classes):
        for number in range(10):
            put(raw / "images" / label / f"{100 + number}.jpg", 50 * place + number)
    (raw / "meta").mkdir()
    (raw / "meta" / "classes.txt").write_text("\n".join(classes) + "\n")
    for name, numbers in (("train", range(7)), ("test", range(7, 11))):  # 110 has no photo
        lines = [f"{label}/{100 + number}" for label in classes for number in numbers]
        (raw / "meta" / f"{name}.txt").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("below", ["", "food-101"])
def test_food101_keeps_its_test_set_and_its_classes_order(root, below):
    raw = root / "data" / "raw" / "food101"
    put_food101(raw / below)
    found = run(root, "food101")
    assert (found.n_read, found.n_accepted, found.rejected) == (22, 20, {"missing_file": 2})
    assert labels(root) == ["waffles", "apple_pie"]
    split = make_split(read_prepared(root / "data" / "catalogue"), SPLIT).set_index("product_id")["split"]
    assert split[[f"waffles/{number}" for number in (107, 108, 109)]].tolist() == ["test"] * 3
    assert split[[f"waffles/{number}" for number in range(100, 107)]].value_counts().to_dict() == {
        "train": 5,
        "validation": 2,
    }


def test_lists_that_are_not_utf8_are_read_as_cp1252(tmp_path):
    (tmp_path / "classes.txt").write_bytes("café\n\nthé\n".encode("cp1252"))
    assert read_lines(tmp_path / "classes.txt") == ["café", "thé"]


def test_food101_with_a_class_that_is_not_listed_is_refused(root):
    raw = root / "data" / "raw" / "food101"
    put_food101(raw)
    (raw / "meta" / "train.txt").write_text("pho/1\n")
    with pytest.raises(DataError, match=r"meta/train.txt names 'pho/1', but meta/classes.txt has no class 'pho'"):
        run(root, "food101")


NAMES = ["AM General Hummer SUV 2000", "Acura RL Sedan 2012"]


def annotations(n: int, *, labelled: bool = True) -> np.ndarray:
    """As the devkit has them: numbers of mixed unsigned types, from 1, the last pixel included."""
    fields = ["bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", *(["class"] if labelled else []), "fname"]
    table = np.empty((1, n), dtype=[(field, object) for field in fields])
    for place in range(n):
        table[0, place]["bbox_x1"] = np.uint8(3)
        table[0, place]["bbox_y1"] = np.uint16(1)
        table[0, place]["bbox_x2"] = np.uint16(30 + place)
        table[0, place]["bbox_y2"] = np.uint8(20)
        if labelled:
            table[0, place]["class"] = np.uint8(place % 2 + 1)
        table[0, place]["fname"] = f"{place + 1:05d}.jpg"
    return table


def put_cars(raw: Path, *, inner: bool = False, labelled: bool = True) -> None:
    kit = raw / "devkit"
    kit.mkdir(parents=True)
    savemat(kit / "cars_meta.mat", {"class_names": np.array([NAMES], dtype=object)})
    savemat(kit / "cars_train_annos.mat", {"annotations": annotations(8)})
    test = "cars_test_annos_withlabels.mat" if labelled else "cars_test_annos.mat"
    savemat(kit / test, {"annotations": annotations(4, labelled=labelled)})
    for half, n in (("cars_train", 8), ("cars_test", 4)):
        folder = raw / half / half if inner else raw / half
        for number in range(n):
            put(folder / f"{number + 1:05d}.jpg", number + (50 if half == "cars_test" else 0))


@pytest.mark.parametrize("inner", [False, True])
def test_cars_have_boxes_makes_years_and_their_official_half(root, inner):
    put_cars(root / "data" / "raw" / "cars", inner=inner)
    found = run(root, "cars")
    assert (found.n_read, found.n_accepted) == (12, 12)
    assert labels(root) == NAMES
    table = products(root)
    first = table.loc["cars_test/00001"]
    assert (first["label"], first["make"], first["year"], first["official_split"]) == (NAMES[0], "AM", 2000, "test")
    assert [int(first[f"box_{side}"]) for side in ("left", "top", "right", "bottom")] == [2, 0, 30, 20]
    assert int(table.loc["cars_train/00003", "box_right"]) == 32
    assert (table.loc["cars_train/00002", "make"], table.loc["cars_train/00002", "year"]) == ("Acura", 2012)
    split = make_split(read_prepared(root / "data" / "catalogue"), SPLIT).set_index("product_id")["split"]
    assert (split[split.index.str.startswith("cars_test")] == "test").all()
    assert (split[split.index.str.startswith("cars_train")] != "test").all()


def test_photos_are_cropped_to_their_box_with_a_margin(root):
    raw = root / "data" / "raw" / "cars"
    put_cars(raw)
    entries = annotations(8)
    odd, usual = [(1, 900, 700), (45, 40, 20), (40, 50, 20), (900, 950, 20)], [(3, 34, 20), (21, 40, 20)]
    for number, (left, right, bottom) in enumerate(odd + usual):
        entries[0, number]["bbox_x1"], entries[0, number]["bbox_x2"] = left, right
        entries[0, number]["bbox_y2"] = bottom
    savemat(raw / "devkit" / "cars_train_annos.mat", {"annotations": entries})
    run(root, "cars")
    whole, digest = products(root), LabelsRecord.read(root / "data" / "catalogue" / "labels.json").dataset.digest
    found = run(root, "cars", crop_to_box=0.1)
    assert found.rejected == {"too_small": 3}
    told = pd.read_csv(root / "data" / "catalogue" / "rejected.csv").set_index("product_id")["detail"]
    assert told["cars_train/00002"] == "its box holds 0x22 px, a side below 16"  # from 45 to 40
    assert told["cars_train/00003"] == "its box holds 2x22 px, a side below 16"  # of 38 to 51 the photo has 38 and 39
    assert told["cars_train/00004"] == "its box holds 0x22 px, a side below 16"  # beyond the photo
    cropped = products(root)
    assert cropped.loc["cars_train/00001", ["width", "height"]].equals(
        whole.loc["cars_train/00001", ["width", "height"]]
    )
    # 2 to 34 and 0 to 20, a tenth of 32 and of 20 around it, but for what lies outside the photo
    assert cropped.loc["cars_train/00005", ["width", "height"]].tolist() == [37, 22]
    sides = [f"box_{side}" for side in ("left", "top", "right", "bottom")]
    assert cropped.loc["cars_train/00005", sides].tolist() == [2, 0, 34, 20]  # the crop begins where the photo does
    assert cropped.loc["cars_train/00006", ["width", "height", *sides]].tolist() == [22, 22, 2, 0, 22, 20]  # at 18
    assert LabelsRecord.read(root / "data" / "catalogue" / "labels.json").dataset.digest != digest


def test_a_source_without_boxes_has_nothing_to_crop_to(root):
    put_food101(root / "data" / "raw" / "food101")
    with pytest.raises(DataError, match="crop_to_box needs boxes, and dataset 'food101' has none"):
        run(root, "food101", crop_to_box=0.0)


@pytest.mark.parametrize("kind", ["rakuten", "food101", "cars", "folder", "webdataset"])
def test_keys_that_a_kind_does_not_read_are_refused(root, kind):
    columns = NO_COLUMNS.model_copy(update={"split": "part"})
    with pytest.raises(DataError, match=rf"dataset\.columns\.split is not for kind {kind}, which does not read it"):
        run(root, kind, columns=columns)
    with pytest.raises(DataError, match=r"dataset\.keep is not for kind"):
        run(root, kind, keep=["brand"])


def test_cars_without_test_labels_leave_that_half_to_predict(root):
    put_cars(root / "data" / "raw" / "cars", labelled=False)
    found = run(root, "cars")
    assert (found.n_read, found.n_unlabelled) == (8, 4)
    assert len(pd.read_parquet(root / "data" / "catalogue" / UNLABELLED)) == 4


def test_cars_in_one_folder_are_read(root):
    raw = root / "data" / "raw" / "cars"
    fields = ["relative_im_path", "bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "test"]
    table = np.empty((1, 8), dtype=[(field, object) for field in fields])
    for place in range(8):
        table[0, place] = (f"car_ims/{place + 1:06d}.jpg", 1, 1, 9, 9, place % 2 + 1, int(place > 5))
        put(raw / "car_ims" / f"{place + 1:06d}.jpg", place)
    savemat(raw / "cars_annos.mat", {"annotations": table, "class_names": np.array([NAMES], dtype=object)})
    run(root, "cars")
    assert products(root)["official_split"].value_counts().to_dict() == {"train": 6, "test": 2}


def test_cars_of_another_layout_are_refused(root):
    raw = root / "data" / "raw" / "cars"
    put_cars(raw)
    (raw / "devkit" / "cars_train_annos.mat").write_bytes(b"no MATLAB file")
    with pytest.raises(DataError, match=r"cars_train_annos.mat cannot be read as a MATLAB file"):
        run(root, "cars")
    others = np.array([[("a.jpg",)]], dtype=[("fname", object)])
    savemat(raw / "devkit" / "cars_train_annos.mat", {"annotations": others})
    with pytest.raises(DataError, match=r"cars_train_annos.mat has no bbox_x1, bbox_y1, bbox_x2, bbox_y2"):
        run(root, "cars")


@pytest.mark.parametrize(
    ("kind", "named"),
    [("rakuten", "X_train_update.csv or X_train.csv"), ("food101", "food-101.tar.gz"), ("cars", "devkit/")],
)
def test_what_is_missing_is_told(root, kind, named):
    folder = root / "data" / "raw" / kind
    with pytest.raises(
        DataError, match=rf"dataset '{kind}' needs .*{re.escape(named)}.*{re.escape(str(folder))}.*run again"
    ):
        run(root, kind)
    assert not SOURCES[kind].present(dataset_params(kind), folder)
