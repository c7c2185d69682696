"""Repair of a small catalogue whose faults are planted, from the split to the keys and to new photos."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter, ImageOps

from bakeoff.catalogue.fetch import fetch
from bakeoff.catalogue.measures import AUDITED
from bakeoff.catalogue.params import PrepareParams, RepairParams
from bakeoff.catalogue.prepare import prepare
from bakeoff.catalogue.repair import plan_steps, settle_crop
from bakeoff.catalogue.repair_split import fit_repair, repair_split
from bakeoff.catalogue.split_folder import write_split
from bakeoff.core.errors import ParamsError
from bakeoff.core.section import validate_section
from bakeoff.data.photo import repair_photo
from bakeoff.data.table import load_catalogue
from bakeoff.deploy.prediction.scoring import read_files
from bakeoff.learning.key import data_identity, feature_key, training_key
from bakeoff.records.catalogue import PackParams, SplitRecord
from catalogue.dataset_sections import dataset_params, repair_params, split_params
from records_made import training_record

ALL = {"exact_duplicates": "drop", "near_duplicates": "merge", "crop_border": 0.5, "saturation": -0.15}
ALL |= {"equalise_below": 0.05, "sharpen_below": 1.6, "reject_below": 0.5}
PREPARE = PrepareParams(store_px=160, max_megapixels=80, min_side_px=16, class_too_small="reject", require="image")


def texture(number: int, side: int = 200) -> Image.Image:
    """A colourful picture of its own with edges; larger than the store keeps."""
    small = np.random.default_rng(number).integers(30, 226, (12, 12, 3)).astype(np.uint8)
    return Image.fromarray(small).resize((side, side), Image.Resampling.NEAREST)


def planted() -> dict[str, Image.Image]:
    grey = ImageOps.grayscale(texture(901)).convert("RGB")
    return {
        "framed": ImageOps.expand(texture(900, 120), 40, "white"),
        "red": Image.merge("RGB", [grey.getchannel(0), *(grey.getchannel(0).point(lambda v: v // 5),) * 2]),
        "pale": texture(902).point(lambda value: 110 + value // 9),
        "soft": texture(903).filter(ImageFilter.GaussianBlur(9)),
        "blank": Image.new("RGB", (200, 200), (180, 190, 200)),
        "copy_1": texture(904),
        "copy_2": texture(904),
        "near_1": texture(905),
        "near_2": texture(905, 180),
    }


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    pytest.importorskip("imagehash")
    root = tmp_path_factory.mktemp("project")
    for label in ("a", "b"):
        (root / "data/raw/folder" / label).mkdir(parents=True)
        for number in range(30):
            texture(number + 100 * (label == "b")).save(root / f"data/raw/folder/{label}/{number:02d}.png")
    for name, image in planted().items():
        image.save(root / f"data/raw/folder/a/{name}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKEOFF_ROOT", str(root))
        data = dataset_params("folder", duplicates="group", phash_distance=4)
        fetch(data, root, root / "data/source.json")
        prepare(root / "data/source.json", data, PREPARE, root / "data/catalogue")
    return root


def divide(root: Path, out: Path, **steps: object) -> pd.DataFrame:
    params = split_params(train=0.6, validation=0.2, test=0.2)
    split = write_split(root / "data/catalogue", params, out, repair=repair_params(**steps))
    return split.assign(name=split["product_id"].map(lambda one: Path(one).stem)).set_index("name")


@pytest.fixture(scope="module")
def repaired(prepared, tmp_path_factory) -> tuple[Path, pd.DataFrame]:
    out = tmp_path_factory.mktemp("splits")
    return out, divide(prepared, out, **ALL)


def test_each_planted_fault_gets_its_step_and_no_other_photo_does(repaired):
    _, split = repaired
    steps = split["repair"].dropna().to_dict()
    assert steps.pop("framed").startswith("crop=")
    assert steps == {"red": "saturation=-0.15", "pale": "equalise sharpen", "soft": "sharpen"}


def test_what_is_dropped_and_why_and_the_split_is_that_of_none(prepared, repaired, tmp_path, capsys):
    out, split = repaired
    raw = divide(prepared, tmp_path)
    assert split["split_before_repair"].tolist() == raw["split"].tolist()
    assert split["reason"].dropna().to_dict() == {
        "blank": "blurred",
        "copy_2": "exact_duplicate",
        "near_2": "near_duplicate",
    }
    assert (split["split"] == "unused").sum() == 3
    again = write_split(
        prepared / "data/catalogue", split_params(train=0.6, validation=0.2, test=0.2), tmp_path / "again", previous=out
    )
    assert again["split"].tolist() == raw["split"].tolist(), "what was dropped comes back where it was"
    done = SplitRecord.read(out / "split.json")
    assert done.repair is not None
    assert done.repair.dropped == {"blurred": 1, "exact_duplicate": 1, "near_duplicate": 1}
    assert (done.n_unused, done.repair.steps) == (0, {"crop": 1, "equalise": 1, "saturation": 1, "sharpen": 2})
    assert SplitRecord.read(tmp_path / "split.json").repair is None
    assert (out / "figures/repair.png").is_file()
    divide(prepared, tmp_path / "told", exact_duplicates="drop", sharpen_below=1.6)
    assert "repair mine: 3 sharpen; unused: 1 exact_duplicate." in capsys.readouterr().err


def test_none_leaves_the_file_and_the_keys_as_they_were(prepared, repaired, tmp_path):
    catalogue_dir, out = prepared / "data/catalogue", repaired[0]
    divide(prepared, tmp_path / "none")
    write_split(catalogue_dir, split_params(train=0.6, validation=0.2, test=0.2), tmp_path / "before")
    written = [(tmp_path / name / "splits.parquet").read_bytes() for name in ("none", "before")]
    assert written[0] == written[1]
    assert pd.read_parquet(tmp_path / "none/splits.parquet").columns.tolist() == ["product_id", "split"]
    raw, mended = (load_catalogue(catalogue_dir, folder / "splits.parquet") for folder in (tmp_path / "none", out))
    header = training_record()
    assert set(data_identity(raw)) == {"dataset", "products"}
    assert set(data_identity(raw)["dataset"]["prepare"]) == {"store_px", "max_megapixels", "min_side_px"}
    assert feature_key(header, raw, code="c") != feature_key(header, mended, code="c")
    assert training_key(header, raw, {}) != training_key(header, mended, {})
    divide(prepared, tmp_path / "sharpened", sharpen_below=1.6)
    divide(prepared, tmp_path / "cropped", crop_border=0.5)
    others = [load_catalogue(catalogue_dir, tmp_path / name / "splits.parquet") for name in ("sharpened", "cropped")]
    assert len({feature_key(header, one, code="c") for one in (raw, mended, *others)}) == 4
    assert (raw.dataset.repair_name, mended.dataset.repair_name) == ("none", "mine")


def test_a_new_photo_gets_the_pixels_of_the_catalogues(prepared, repaired):
    pytest.importorskip("mlflow")
    from bakeoff.tracking.photos import read_photo

    catalogue = load_catalogue(prepared / "data/catalogue", repaired[0] / "splits.parquet")
    ids = [f"a/{name}.png" for name in ("framed", "red", "pale", "soft", "00")]
    known = catalogue.products["product_id"].tolist()
    products = pickle.loads(pickle.dumps(catalogue.at([known.index(one) for one in ids])))
    files = [prepared / "data/raw/folder" / one for one in ids]
    packed = list(read_files(list(map(str, files)), catalogue.dataset.prepare, malformed=[None] * 5))
    assert [bool(one.steps) for one in packed] == [True] * 4 + [False]
    for position, file in enumerate(files):
        expected = np.asarray(products.photo(position))
        assert np.array_equal(np.asarray(read_photo(file.read_bytes(), catalogue.dataset.prepare, 0)), expected)
        raw = np.asarray(catalogue.store.read(int(products.rows[position])))
        assert np.array_equal(raw, expected) == (position == 4)
    kept = catalogue.dataset.prepare.model_copy(update={"repair": None})
    assert [one.steps for one in read_files(list(map(str, files)), kept, malformed=[None] * 5)] == [None] * 5


def test_new_photos_stay_as_they_are_where_test_photos_do(prepared, tmp_path):
    split = divide(prepared, tmp_path, splits=["train"], **ALL)
    assert set(split.loc[split["repair"].notna() | split["reason"].notna(), "split_before_repair"]) <= {"train"}
    prepare = load_catalogue(prepared / "data/catalogue", tmp_path / "splits.parquet").dataset.prepare
    assert prepare.repair is not None
    assert not prepare.repair.is_for_new_photos
    (packed,) = read_files([str(prepared / "data/raw/folder/a/soft.png")], prepare, malformed=[None])
    assert packed.steps is None
    assert PackParams.model_validate(prepare.model_dump()) == prepare


def test_before_and_after_by_hand(repaired):
    record = SplitRecord.read(repaired[0] / "split.json").repair
    assert record is not None
    split = repaired[1]
    for name, one in record.splits.items():
        own = split[split["split_before_repair"] == name]
        assert (one.n, one.n_repaired) == (len(own), own["repair"].notna().sum())
        assert ("background_r" in one.after) == own["repair"].eq("saturation=-0.15").any()
    where = split["split_before_repair"]
    red = record.splits[where["red"]]
    # r, r / 5, r / 5: luma 0.299 r + 0.701 r / 5 = 0.4392 r; red falls to (0.85 + 0.15 * 0.4392) r
    assert red.after["background_r"] / red.before["background_r"] == pytest.approx(0.916, abs=0.01)
    assert red.after["background_b"] / red.before["background_b"] == pytest.approx(0.85 + 0.15 * 0.4392 * 5, abs=0.03)
    assert record.splits[where["soft"]].after["sharpness"] > record.splits[where["soft"]].before["sharpness"]


def test_many_photos_are_repaired_in_several_processes(prepared, repaired, tmp_path, monkeypatch):
    monkeypatch.setattr("bakeoff.catalogue.pack.SERIAL_BELOW", 0)
    divide(prepared, tmp_path, **ALL)
    assert (tmp_path / "split.json").read_bytes() == (repaired[0] / "split.json").read_bytes()
    assert (tmp_path / "splits.parquet").read_bytes() == (repaired[0] / "splits.parquet").read_bytes()


def table(rows: list[tuple[str, str, str, float]], folder: Path, **columns: object):
    """Products, split, digests and measures of (label, split, digest, sharpness); a digest's letter is its cluster."""
    made = pd.DataFrame(rows, columns=["label", "split", "digest", "sharpness"]).assign(**columns)
    made["product_id"] = [f"p{number}" for number in range(len(made))]
    made["cluster"] = made["digest"].map(lambda digest: ord(digest[0]))
    made = made.assign(image=0, **{name: 0.0 for name in AUDITED if name != "sharpness"})
    made[["product_id", "digest", "cluster"]].to_parquet(folder / "digests.parquet")
    made[["product_id", *AUDITED]].to_parquet(folder / "measures.parquet")
    texture(0).save(folder / "x.png")
    from bakeoff.data.store import StoreWriter

    with StoreWriter(folder / "images.arrow") as writer:
        writer.append((folder / "x.png").read_bytes())
    return made.drop(columns=["split", "digest", "cluster", *AUDITED]), made[["product_id", "split"]]


def dropped(folder: Path, rows: list[tuple[str, str, str, float]], columns: dict[str, object], **steps: object):
    products, split = table(rows, folder, **columns)
    found, _ = repair_split(folder, products, split, repair_params(**steps))
    assert found["split"].eq("unused").tolist() == found["reason"].notna().tolist()
    return found["reason"].dropna().to_dict()


def test_labels_splits_and_official_test_sets_keep_their_copies(tmp_path):
    rows = [("a", "train", "d", 3.0), ("a", "train", "d", 3.0), ("b", "train", "d", 3.0), ("a", "test", "d", 3.0)]
    rows += [("a", "train", "e1", 3.0), ("a", "train", "e2", 3.0), ("a", "test", "f", 3.0), ("a", "test", "f", 3.0)]
    both = {"exact_duplicates": "drop", "near_duplicates": "merge"}
    assert dropped(tmp_path, rows, {}, **both) == {1: "exact_duplicate", 5: "near_duplicate", 7: "exact_duplicate"}
    assert dropped(tmp_path, rows, {}, exact_duplicates="drop") == {1: "exact_duplicate", 7: "exact_duplicate"}
    assert dropped(tmp_path, rows, {}, near_duplicates="merge") == {5: "near_duplicate", 7: "near_duplicate"}
    official = {"official_split": ["train"] * 3 + ["test"] + ["train"] * 2 + ["test"] * 2}
    assert 7 not in dropped(tmp_path, rows, official, **both)
    assert 7 in dropped(tmp_path, rows, official, **both, drop_official_test=True)


def test_a_class_keeps_its_sharpest_product_of_a_split(tmp_path):
    rows = [("a", "train", "d", 0.3), ("a", "train", "e", 0.4), ("a", "test", "f", 0.2), ("b", "train", "g", 0.1)]
    rows += [("b", "train", "h", 2.0), ("b", "test", "i", 0.3), ("b", "test", "i", 0.3)]
    found = dropped(tmp_path, rows, {}, exact_duplicates="drop", reject_below=0.5)
    assert found == {0: "blurred", 3: "blurred", 6: "exact_duplicate"}


def test_thresholds_come_from_train_photos_or_from_params():
    train = pd.DataFrame({"sharpness": [1.0, 2, 3, 3, 3, 9], "contrast": [0.3] * 6, "dominance": [0.4] * 6})
    params = repair_params(sharpen_below="audit", equalise_below=0.07, saturation=-0.1, reject_below=0)
    repair = fit_repair(params, train)
    # below the median, 3, lie 1 and 2 at distances 2 and 1, of which with three zeros the median is 0: 0.1 at least
    assert repair.sharpen_below == pytest.approx(3 - 3.5 / 0.6745 * 0.1)
    assert repair.dominance_above == pytest.approx(0.4 + 3.5 / 0.6745 * 0.01)
    assert (repair.equalise_below, repair.reject_below, repair.crop_border) == (0.07, 0, None)
    measures = dict.fromkeys(AUDITED, 0.0) | {"sharpness": 2.0, "contrast": 0.06, "dominance": 0.5}
    assert plan_steps(measures, repair) == "saturation=-0.1 equalise sharpen"


@pytest.mark.parametrize(("side", "frame", "box"), [(120, 40, "40,40,160,160"), (40, 80, "50,50,150,150")])
def test_a_frame_is_cropped_by_half_of_a_side_at_most(side, frame, box):
    repair = SimpleNamespace(crop_border=0.5)
    framed = ImageOps.expand(texture(1, side), frame, "white")
    assert settle_crop("crop sharpen", framed, repair) == f"crop={box} sharpen"
    assert settle_crop("crop sharpen", texture(1), repair) == "sharpen"
    large = settle_crop("crop", ImageOps.expand(texture(1, 700), 101, "black"), repair)
    cropped = np.asarray(repair_photo(ImageOps.expand(texture(1, 700), 101, "black"), large))
    assert cropped.min() > 0, "nothing of the frame is left where the thumbnail mixes its last pixels"
    assert min(cropped.shape[:2]) >= 690


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": "none", "sharpen_below": 1.0}, "name must be none where no step is on"),
        ({"name": "mine"}, "name must be none where no step is on"),
        ({"crop_border": 1.5}, "less than 1"),
        ({"saturation": -2.0}, "greater than or equal to -1"),
        ({"splits": ["all"]}, "'train', 'validation' or 'test'"),
        ({"splits": []}, "at least 1 item"),
        ({"reject_below": "5%"}, "reject_below"),
        ({"sharpness": 1}, "unknown key sharpness"),
        ({"near_duplicates": "drop"}, "'keep' or 'merge'"),
    ],
)
def test_params_that_cannot_be_used(changes, told):
    with pytest.raises(ParamsError, match=told):
        validate_section(RepairParams, repair_params().model_dump() | changes, where="section repair")
