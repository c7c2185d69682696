from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps

from bakeoff.catalogue.audit import audit
from bakeoff.catalogue.fetch import fetch, refetch_needed
from bakeoff.catalogue.measures import AUDITED
from bakeoff.catalogue.params import ColumnNames, DatasetParams, PrepareParams
from bakeoff.catalogue.prepare import Prepared, prepare
from bakeoff.catalogue.sources.base import list_files
from bakeoff.catalogue.split_folder import write_split
from bakeoff.core.errors import DataError
from bakeoff.core.failures import read_failures
from bakeoff.data.decode import pixel_digest
from bakeoff.data.store import ImageStore
from bakeoff.data.table import BOX_COLUMNS, PRODUCT_COLUMNS, TEXT_COLUMNS, Catalogue, load_catalogue, read_prepared
from bakeoff.learning.key import training_key
from bakeoff.records.catalogue import AuditRecord, LabelsRecord, PackParams
from catalogue.bad_images import ACCEPTED, REASONS, REJECTED, all_files, encode, picture, write_all
from catalogue.dataset_sections import dataset_params as dataset
from catalogue.dataset_sections import split_params
from records_made import training_record

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("no_rendering")]  # imagehash is in .venv-torch alone

PREPARE = PrepareParams(store_px=64, max_megapixels=80, min_side_px=16, class_too_small="reject", require="image")
SPLIT = split_params(train=0.6, validation=0.2, test=0.2)


def run(root, data: DatasetParams, params: PrepareParams = PREPARE) -> Prepared:
    pytest.importorskip("imagehash")
    fetch(data, root, root / "data" / "source.json")
    return prepare(root / "data" / "source.json", data, params, root / "data" / "catalogue")


def examined(root) -> AuditRecord:
    """What the stage `audit` says of the prepared catalogue."""
    return audit(root / "data" / "catalogue", root / "data" / "audit")


def fill(root, counts: dict[str, int]) -> None:
    for number, (label, n) in enumerate(counts.items()):
        folder = root / "data" / "raw" / "folder" / label
        folder.mkdir(parents=True, exist_ok=True)
        for k in range(n):
            (folder / f"{k}.png").write_bytes(encode(picture(100 * number + k), "PNG"))


def test_every_bad_file_is_accounted_for(root):
    fill(root, {"a": 4, "b": 4})
    write_all(root / "data" / "raw" / "folder" / "a")
    (root / "data" / "raw" / "folder" / "loose.png").write_bytes(encode(picture(), "PNG"))
    found = run(root, dataset("folder"))
    rejected = pd.read_csv(root / "data" / "catalogue" / "rejected.csv").set_index("product_id")["reason"].to_dict()
    assert rejected == {f"a/{name}": reason for name, reason in REJECTED.items()} | {"loose.png": "empty_label"}
    assert found.n_accepted == 8 + len(ACCEPTED)
    assert found.n_read == found.n_accepted + sum(found.rejected.values())
    assert str(found).startswith(f"{found.n_accepted} of {found.n_read} products accepted; rejected: ")
    record = examined(root)
    assert (record.n_read, record.n_accepted, record.rejected) == (found.n_read, found.n_accepted, found.rejected)
    assert record.n_rejected == sum(record.rejected.values()) == sum(record.rejected_per_class.values())


@pytest.mark.slow
def test_broken_files_among_many_each_have_their_reason(root):
    """Fewer than the 300 among 5,000 that were tried once: `n_sound, n_each = 4700, 20`."""
    n_sound, n_each = 340, 4
    fill(root, {"a": n_sound // 2, "b": n_sound // 2})
    broken = {name: content for name, content in all_files().items() if name in REJECTED}
    assert len(broken) == 15
    for number in range(n_each):
        for name, content in broken.items():
            (root / "data" / "raw" / "folder" / "ab"[number % 2] / f"{number}_{name}").write_bytes(content)
    found = run(root, dataset("folder"))  # above 300 photos in several processes
    rejected = pd.read_csv(root / "data" / "catalogue" / "rejected.csv").set_index("product_id")["reason"].to_dict()
    planted = [(f"{'ab'[n % 2]}/{n}_{name}", REJECTED[name]) for n in range(n_each) for name in broken]
    assert rejected == dict(planted)
    assert (found.n_read, found.n_accepted) == (n_sound + len(planted), n_sound)


@pytest.mark.survives
def test_a_figure_that_fails_costs_neither_catalogue_nor_split(root, broken_figures):
    fill(root, {"b": 5, "a": 5})
    run(root, dataset("folder"))
    assert examined(root).n_accepted == 10
    write_split(root / "data" / "catalogue", SPLIT, root / "data" / "splits")
    catalogue = load_catalogue(root / "data" / "catalogue", root / "data" / "splits" / "splits.parquet")
    assert len(catalogue.products) == 10
    failed = [failure.what for name in ("audit", "splits") for failure in read_failures(root / "data" / name)]
    assert failed == ["figures/samples.png"]


def test_formats_of_the_contract(root):
    fill(root, {"b": 5, "a": 5})
    run(root, dataset("folder"))
    write_split(root / "data" / "catalogue", SPLIT, root / "data" / "splits")
    catalogue = load_catalogue(root / "data" / "catalogue", root / "data" / "splits" / "splits.parquet")
    assert list(catalogue.products.columns) == [*PRODUCT_COLUMNS, "split"]
    types = catalogue.products.dtypes.astype(str).to_dict()
    assert (types["image"], types["weight"], types["width"]) == ("int64", "float32", "int32")
    assert catalogue.labels == ["a", "b"]
    assert (catalogue.dataset.name, catalogue.dataset.kind, catalogue.dataset.licence) == (
        "folder",
        "folder",
        "unknown",
    )
    assert (catalogue.dataset.source_url, catalogue.dataset.fallback_reason) == (None, None)
    assert catalogue.dataset.prepare == PackParams(store_px=64, max_megapixels=80, min_side_px=16)
    assert not {"title", "description"} & set(catalogue.products.columns), "texts.parquet has them"
    assert set(catalogue.products["format"]) == {"PNG"}
    assert set(catalogue.products["mode"]) == {"RGB"}
    texts = read_prepared(root / "data" / "catalogue", "texts.parquet")
    assert list(texts.columns) == list(TEXT_COLUMNS)
    assert texts["product_id"].tolist() == catalogue.products["product_id"].tolist()
    assert texts["title"].isna().all()
    digests = pd.read_parquet(root / "data" / "catalogue" / "digests.parquet")
    assert digests["product_id"].tolist() == catalogue.products["product_id"].tolist()
    measures = pd.read_parquet(root / "data" / "catalogue" / "measures.parquet")
    assert list(measures.columns) == ["product_id", *AUDITED]
    assert set(measures.dtypes[1:].astype(str)) == {"float32"}
    assert measures["product_id"].tolist() == digests["product_id"].tolist()
    assert measures["brightness"].between(0.3, 0.7).all()
    assert digests["digest"][0] == pixel_digest(picture(100))
    rows = np.concatenate([catalogue.rows(name) for name in ("train", "validation", "test")])
    assert sorted(rows.tolist()) == list(range(10))
    assert catalogue.label_ids([0, 9]).tolist() == [0, 1]
    stored = catalogue.at([0]).photo(0)
    assert stored.tobytes() == picture(100).tobytes()  # a/0.png was written second
    with pytest.raises(DataError, match="train, validation, test, got 'dev'"):
        catalogue.rows("dev")


def test_unused_products_are_not_in_the_catalogue_that_trainers_see(root):
    fill(root, {"b": 5, "a": 5})
    run(root, dataset("folder"))
    folder = root / "data" / "catalogue"
    ids = pd.read_parquet(folder / "products.parquet")["product_id"]
    places = ["train", "unused", "test", "validation", "train"] * 2
    pd.DataFrame({"product_id": ids, "split": places}).to_parquet(root / "splits.parquet")
    catalogue = load_catalogue(folder, root / "splits.parquet")
    assert catalogue.products["product_id"].tolist() == ids.drop([1, 6]).tolist()
    assert catalogue.rows("train").tolist() == [0, 3, 4, 7]
    assert catalogue.at([1]).photo(0).tobytes() == ImageStore(folder / "images.arrow").read(2).tobytes()


def test_load_catalogue_refuses_what_does_not_belong_together(root):
    fill(root, {"b": 5, "a": 5})
    run(root, dataset("folder"))
    folder = root / "data" / "catalogue"
    with pytest.raises(DataError, match="run `dvc repro split`"):
        load_catalogue(folder, root / "splits.parquet")
    pd.DataFrame({"product_id": ["x"], "split": ["train"]}).to_parquet(root / "splits.parquet")
    with pytest.raises(DataError, match="lists 1 products"):
        load_catalogue(folder, root / "splits.parquet")
    (folder / "labels.json").unlink()
    with pytest.raises(DataError, match=r"labels.json is missing"):
        load_catalogue(folder, root / "splits.parquet")


def test_same_input_same_bytes(root):
    fill(root, {"a": 4, "b": 4})
    run(root, dataset("folder"))
    shutil.move(root / "data" / "catalogue", root / "first")
    run(root, dataset("folder"))
    for name in ("products.parquet", "texts.parquet", "digests.parquet", "images.arrow", "labels.json", "rejected.csv"):
        assert (root / "first" / name).read_bytes() == (root / "data" / "catalogue" / name).read_bytes(), name


@pytest.mark.parametrize(("policy", "n_accepted", "n_groups"), [("keep", 9, 9), ("group", 9, 8), ("drop", 8, 8)])
def test_duplicates(root, policy, n_accepted, n_groups):
    fill(root, {"a": 4, "b": 4})
    (root / "data" / "raw" / "folder" / "b" / "copy.bmp").write_bytes(encode(picture(101), "BMP"))
    run(root, dataset("folder", duplicates=policy))
    found = examined(root)
    assert (found.n_accepted, found.n_groups) == (n_accepted, n_groups)
    assert found.rejected == ({"duplicate_image": 1} if policy == "drop" else {})


def test_copies_are_dropped_from_train_never_from_the_official_test_set(root):
    raw = root / "data" / "raw" / "folder"
    for number, name in enumerate(
        ["train/a/0", "train/a/1", "test/a/2", "test/a/3", *(f"train/b/{n}" for n in range(3))]
    ):
        path = raw / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(picture(number), "PNG"))
    for name in ("train/a/copy", "test/a/copy", "test/a/more", "test/b/other"):  # of one that comes first in train
        path = raw / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(picture(1), "PNG"))
    assert run(root, dataset("folder", duplicates="drop")).rejected == {"duplicate_image": 2}
    rejected = pd.read_csv(root / "data" / "catalogue" / "rejected.csv").set_index("product_id")["detail"]
    assert rejected.to_dict() == dict.fromkeys(["train/a/1.png", "train/a/copy.png"], "of test/a/copy.png")


@pytest.mark.parametrize("policy", ["group", "drop"])
def test_a_photo_of_many_products_and_labels_is_a_placeholder(root, policy, capsys):
    fill(root, {"a": 4, "b": 4, "c": 4})
    raw = root / "data" / "raw" / "folder"
    for number, label in enumerate("aabbc"):  # the largest label has 2 of 5
        (raw / label / f"none{number}.png").write_bytes(encode(picture(999), "PNG"))
    assert run(root, dataset("folder", duplicates=policy)).rejected == {"placeholder": 5}
    assert "WARNING: one photo is that of 5 products of 3 classes" in capsys.readouterr().err
    assert "placeholder" in REASONS
    assert examined(root).per_class == {"a": 4, "b": 4, "c": 4}
    assert run(root, dataset("folder", duplicates="keep")).rejected == {}


@pytest.mark.parametrize("labels", ["aaaab", "abab", "aaaabb"])  # 4 of 5 agree, four products only, two labels
def test_a_photo_under_several_labels_is_told(root, labels, capsys):
    fill(root, {"a": 4, "b": 4})
    raw = root / "data" / "raw" / "folder"
    for number, label in enumerate(labels):
        (raw / label / f"same{number}.png").write_bytes(encode(picture(999), "PNG"))
    assert run(root, dataset("folder", duplicates="group")).rejected == {}
    last, share = labels.index("b"), pytest.approx(labels.count("a") / len(labels))

    def weights() -> dict[str, float]:
        table = pd.read_parquet(root / "data" / "catalogue" / "products.parquet").set_index("product_id")["weight"]
        return table[table < 1].to_dict()

    assert weights() == {
        f"{label}/same{number}.png": share if label == "a" else pytest.approx(1 - labels.count("a") / len(labels))
        for number, label in enumerate(labels)
    }
    told = f"1 photos, the same or nearly the same, have several labels, for example a/same0.png (a), b/same{last}"
    assert told in capsys.readouterr().err
    assert run(root, dataset("folder", duplicates="drop")).rejected == {"duplicate_image": len(labels) - 1}
    details = pd.read_csv(root / "data" / "catalogue" / "rejected.csv").set_index("product_id")["detail"]
    assert weights() == {"a/same0.png": share}, "the one that stays"
    assert details[f"b/same{last}.png"] == "of a/same0.png, a photo of a"
    assert details[details.index.str.startswith("a")].tolist() == ["of a/same0.png"] * (labels.count("a") - 1)
    assert capsys.readouterr().err.count("have several labels") == 1


def test_photos_listed_once_for_each_category_are_no_placeholders(root):
    fill(root, dict.fromkeys("abcde", 1))
    raw = root / "data" / "raw" / "folder"
    for label in "abcde":
        for number in range(4):  # four products, each in five categories
            (raw / label / f"same{number}.png").write_bytes(encode(picture(900 + number), "PNG"))
    assert "placeholder" not in run(root, dataset("folder", duplicates="group")).rejected
    for number in range(15):  # three times the median of 5
        (raw / "abcde"[number % 5] / f"none{number}.png").write_bytes(encode(picture(999), "PNG"))
    assert run(root, dataset("folder", duplicates="group")).rejected == {"placeholder": 15}
    (raw / "a" / "none0.png").unlink()
    assert "placeholder" not in run(root, dataset("folder", duplicates="group")).rejected


def test_nothing_but_a_placeholder(root):
    fill(root, {"a": 1, "b": 1, "c": 1})
    raw = root / "data" / "raw" / "folder"
    for number in range(6):
        (raw / "abc"[number % 3] / f"{number}.png").write_bytes(encode(picture(999), "PNG"))
    with pytest.raises(
        DataError, match=r"0 usable class\(es\).*placeholder, one photo is that of 6 products of 3 classes"
    ):
        run(root, dataset("folder", duplicates="group"))


def test_a_framed_copy_shares_its_group(root):
    fill(root, {"a": 4, "b": 4})
    framed = ImageOps.expand(picture(101), 6, "white")
    (root / "data" / "raw" / "folder" / "b" / "framed.png").write_bytes(encode(framed, "PNG"))
    run(root, dataset("folder", duplicates="group"))
    found = examined(root)
    assert (found.n_accepted, found.n_groups) == (9, 8)
    (group,) = found.largest_groups
    assert (group.n_products, group.product_ids) == (2, ["b/1.png", "b/framed.png"])
    assert (root / "data" / "audit" / "figures" / "largest_groups.png").is_file()


def test_a_recoloured_variant_shares_its_group_and_is_not_dropped(root):
    fill(root, {"a": 4, "b": 4})
    recoloured = ImageOps.grayscale(picture(101)).convert("RGB")
    (root / "data" / "raw" / "folder" / "b" / "grey.png").write_bytes(encode(recoloured, "PNG"))
    run(root, dataset("folder", duplicates="drop"))
    assert (examined(root).n_accepted, examined(root).n_groups) == (9, 8)


def test_blank_photos_are_the_same_by_their_pixels_alone(root):
    fill(root, {"a": 4, "b": 4})
    for number, level in enumerate((255, 254, 255)):
        blank = Image.new("RGB", (60, 60), (level,) * 3)
        (root / "data" / "raw" / "folder" / "b" / f"blank{number}.png").write_bytes(encode(blank, "PNG"))
    run(root, dataset("folder", duplicates="group"))
    assert (examined(root).n_accepted, examined(root).n_groups) == (11, 10)


def test_a_distance_that_chains_photos_is_told(root, capsys):
    fill(root, {"a": 4, "b": 4})
    run(root, dataset("folder", duplicates="group", phash_distance=12))
    assert "phash_distance" not in capsys.readouterr().err
    run(root, dataset("folder", duplicates="group", phash_distance=13))
    assert "phash_distance is 13: above 12 bits, different photos chain" in capsys.readouterr().err


def test_mirrored_pictures_share_a_group_but_are_kept(root):
    fill(root, {"a": 4, "b": 4})
    mirrored = picture(0).transpose(0)  # FLIP_LEFT_RIGHT
    (root / "data" / "raw" / "folder" / "a" / "mirror.png").write_bytes(encode(mirrored, "PNG"))
    run(root, dataset("folder", duplicates="drop"))
    assert (examined(root).n_accepted, examined(root).n_groups) == (9, 8)


def test_a_linked_class_counts_inside_the_data_folder_and_is_named_outside(root):
    fill(root, {"a": 4, "b": 4, "stock/deep": 4})
    raw = root / "data" / "raw" / "folder"
    (raw / "stock" / "deep").rename(raw / "b" / "deep")
    (raw / "stock").rmdir()
    elsewhere = root / "elsewhere"
    (raw / "a").rename(elsewhere)
    (raw / "a").symlink_to(elsewhere)
    (raw / "c").symlink_to("b/deep")
    (raw / "b" / "again").symlink_to("..")  # comes round: not followed
    assert run(root, dataset("folder")).rejected == {"outside_data_folder": 4}
    assert examined(root).per_class == {"b": 8, "c": 4}
    details = pd.read_csv(root / "data" / "catalogue" / "rejected.csv")["detail"].unique().tolist()
    assert details == [f"the link {raw / 'a'} leads out of {raw}, to {elsewhere}; put the files themselves there"]
    shutil.rmtree(raw / "b")
    with pytest.raises(
        DataError, match=r"4 outside_data_folder, 1 empty_label; the first outside_data_folder: the link .*a leads out"
    ):
        run(root, dataset("folder"))


def test_two_folders_linked_into_each_other_end(root):
    raw = root / "data" / "raw" / "folder"
    fill(root, {"a": 4, "b": 4})
    (raw / "a" / "to_b").symlink_to("../b")
    (raw / "b" / "to_a").symlink_to("../a")
    paths = [path.relative_to(raw).parent.as_posix() for path in list_files(raw)]
    assert {name: paths.count(name) for name in paths} == {"a": 4, "a/to_b": 4, "b": 4, "b/to_a": 4}


def test_small_classes(root):
    fill(root, {"a": 4, "b": 4, "c": 2})
    assert run(root, dataset("folder")).rejected == {"class_too_small": 2}
    with pytest.raises(DataError, match=r"at least 3 different photos.*'c' \(2\)"):
        run(root, dataset("folder"), PREPARE.model_copy(update={"class_too_small": "error"}))


def test_one_class_only_and_nothing_usable(root):
    fill(root, {"a": 4})
    with pytest.raises(DataError, match=r"1 usable class\(es\) \(a\); at least two"):
        run(root, dataset("folder"))
    with pytest.raises(DataError, match=r"no usable product .* 4 excluded_label"):
        run(root, dataset("folder", exclude_labels=["a"]))
    assert not (root / "data" / "catalogue").exists()
    assert [path.name for path in (root / "data").iterdir() if path.name.startswith(".")] == []


def test_labels_that_differ_by_white_space_and_repeated_ids(root):
    raw = root / "data" / "raw" / "flipkart"
    (raw / "Images").mkdir(parents=True)
    rows = []
    for number in range(8):
        (raw / "Images" / f"{number}.png").write_bytes(encode(picture(number), "PNG"))
        rows.append(
            (f"id{number}", f"{number}.png", "Home  Decor " if number % 4 == 0 else ["Home Decor", "Toys"][number % 2])
        )
    rows += [
        ("id0", "0.png", "Toys"),
        ("gone", "gone.png", "Toys"),
        ("out", "../../x.png", "Toys"),
        ("none", "1.png", " "),
    ]
    pd.DataFrame(rows, columns=["id", "image", "label"]).to_csv(raw / "t.csv", index=False)
    columns = ColumnNames(id="id", image="image", label="label", title=None, description=None)
    found = run(root, dataset("flipkart", columns=columns, images="Images"))
    assert examined(root).per_class == {"Home Decor": 4, "Toys": 4}
    assert found.rejected == dict.fromkeys(
        ["duplicate_product_id", "empty_label", "missing_file", "outside_data_folder"], 1
    )


def test_names_that_print_alike_are_one_class_and_case_alone_is_told(root, capsys):
    folder = root / "data" / "raw" / "folder"
    for number, label in enumerate(["E\u0301picerie", "\u00c9picerie", "e\u0301picerie", "caf\udce9", "Bo\u200bxes"]):
        for k in range(3):
            path = folder / label / ("1\udce9.png" if k == 1 else f"{number}{k}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"" if (number, k) == (3, 2) else encode(picture(10 * number + k), "PNG"))
    found = run(root, dataset("folder", exclude_labels=["\ufeffBoxes"]))
    assert found.rejected == {"excluded_label": 3, "class_too_small": 2, "empty_file": 1}
    assert examined(root).per_class == {"\u00c9picerie": 6, "\u00e9picerie": 3}
    assert "the labels '\u00c9picerie', '\u00e9picerie' look alike or differ by case alone" in capsys.readouterr().err
    rejected = pd.read_csv(root / "data" / "catalogue" / "rejected.csv")
    assert "caf\u00e9/1\u00e9.png" in rejected["product_id"].tolist()


def test_a_malformed_row_is_rejected_with_its_line(root):
    raw = root / "data" / "raw" / "flipkart"
    raw.mkdir(parents=True)
    lines = ["image,label"]
    for number in range(8):
        (raw / f"{number}.png").write_bytes(encode(picture(number), "PNG"))
        lines.append(f"{number}.png,{'AB'[number % 2]}{',x' if number == 7 else ''}")
    (raw / "t.csv").write_text("\n".join(lines))
    columns = ColumnNames(id=None, image="image", label="label", title=None, description=None)
    assert run(root, dataset("flipkart", columns=columns)).rejected == {"malformed_row": 1}
    (row,) = pd.read_csv(root / "data" / "catalogue" / "rejected.csv").to_dict("records")
    assert row["detail"] == "line 9 has 3 fields, expected 2: 7.png,B,x"


def test_synthetic_end_to_end_finds_what_was_planted(root):
    found = run(root, dataset("synthetic", duplicates="drop", phash_distance=4)).rejected
    assert found["truncated"] == found["empty_file"] == found["not_an_image"] == 1
    truth = json.loads((root / "data" / "raw" / "synthetic" / "truth.json").read_text())["products"]
    rejected = pd.read_csv(root / "data" / "catalogue" / "rejected.csv").set_index("product_id")["reason"]
    planted = [name for name, entry in truth.items() if entry["duplicate_of"]]
    dropped = [name for name in planted if rejected.get(name) == "duplicate_image"]
    assert len(dropped) >= 0.9 * len(planted)
    assert len(rejected) - 3 - len(dropped) <= 0.05 * len(truth)  # few sound products are taken for duplicates
    assert not refetch_needed(dataset("synthetic"), root / "data" / "source.json")
    table = read_prepared(root / "data" / "catalogue").set_index("product_id")
    assert table[list(BOX_COLUMNS)].loc["green_box_0002"].tolist() == truth["green_box_0002"]["bbox_px"]  # bordered


def with_texts(root, titles: list[str]) -> Catalogue:
    """A prepared catalogue of a table whose products have these titles, split."""
    raw = root / "data" / "raw" / "flipkart"
    (raw / "Images").mkdir(parents=True, exist_ok=True)
    for number in range(len(titles)):
        (raw / "Images" / f"{number}.png").write_bytes(encode(picture(number), "PNG"))
    rows = [(f"id{number}", f"{number}.png", "ab"[number % 2], title, None) for number, title in enumerate(titles)]
    pd.DataFrame(rows, columns=["id", "image", "label", "title", "description"]).to_csv(raw / "t.csv", index=False)
    columns = ColumnNames(id="id", image="image", label="label", title="title", description="description")
    run(root, dataset("flipkart", columns=columns, images="Images"))
    write_split(root / "data" / "catalogue", SPLIT, root / "data" / "splits")
    return load_catalogue(root / "data" / "catalogue", root / "data" / "splits" / "splits.parquet")


def test_an_edited_text_trains_no_image_model_again(root):
    """What a trainer reads of the catalogue keeps its bytes, and so its key; the texts' own digest changes."""

    def state(titles: list[str]) -> tuple[str, str, str, list[bytes]]:
        catalogue = with_texts(root, titles)
        files = [root / "data" / "catalogue" / name for name in ("products.parquet", "images.arrow", "labels.json")]
        return (
            catalogue.dataset.digest,
            training_key(training_record(), catalogue, {}),
            examined(root).texts_digest,
            [file.read_bytes() for file in files],
        )

    titles = [f"title {number}" for number in range(8)]
    digest, key, texts, files = state(titles)
    edited = state([*titles[:-1], "another title"])
    assert edited[:2] == (digest, key)
    assert edited[2] != texts
    assert edited[3] == files
    assert examined(root).n_with_title == 8
    assert examined(root).n_with_description == 0


def test_the_digest_covers_ids_labels_groups_and_pixels(root):
    def digest(**changes) -> str:
        run(root, dataset("folder", **changes))
        return LabelsRecord.read(root / "data" / "catalogue" / "labels.json").dataset.digest

    fill(root, {"a": 4, "b": 4})
    raw = root / "data" / "raw" / "folder"
    first = digest()
    assert digest() == first
    (raw / "a" / "0.png").write_bytes(encode(picture(999), "PNG"))
    pixels = digest()
    (raw / "a" / "0.png").rename(raw / "a" / "zero.png")
    ids = digest()
    (raw / "b").rename(raw / "c")
    labels = digest()
    (raw / "c" / "copy.png").write_bytes(encode(picture(101), "PNG"))
    apart, together = digest(), digest(duplicates="group")
    assert len({first, pixels, ids, labels, apart, together}) == 6


def test_an_audit_by_hand(root):
    fill(root, {"b": 3, "a": 4})
    raw = root / "data" / "raw" / "folder"
    (raw / "a" / "grey.bmp").write_bytes(encode(picture(7).convert("L"), "BMP"))
    (raw / "a" / "broken.png").write_bytes(b"")
    run(root, dataset("folder"))
    record = examined(root)
    assert AuditRecord.read(root / "data" / "audit" / "audit.json") == record
    assert record.dataset == LabelsRecord.read(root / "data" / "catalogue" / "labels.json").dataset
    assert (record.n_read, record.n_accepted, record.n_rejected, record.n_groups) == (9, 8, 1, 8)
    assert list(record.per_class.items()) == [("a", 5), ("b", 3)]
    assert (record.rejected, record.rejected_per_class) == ({"empty_file": 1}, {"a": 1})
    assert (record.formats, record.modes) == ({"PNG": 7, "BMP": 1}, {"RGB": 7, "L": 1})
    width, height = picture(0).size
    assert set(record.width_px.model_dump().values()) == {width}
    assert set(record.height_px.model_dump().values()) == {height}
    assert (record.n_with_title, record.n_with_description) == (0, 0)
    assert (root / "data" / "audit" / "figures" / "samples.png").is_file()  # what it shows: test_catalogue_figures.py
    assert record.largest_groups == []
    assert not (root / "data" / "audit" / "figures" / "largest_groups.png").exists()
    kept = (root / "data" / "audit" / "audit.json").read_bytes()
    examined(root)
    assert (root / "data" / "audit" / "audit.json").read_bytes() == kept
    (root / "data" / "catalogue" / "texts.parquet").unlink()
    with pytest.raises(DataError, match=r"texts\.parquet is missing; run `dvc repro prepare`"):
        examined(root)


@pytest.mark.slow
def test_parallel_packing_gives_the_same_in_the_same_order(root):
    pytest.importorskip("imagehash")
    from bakeoff.catalogue.pack import pack, pack_all
    from bakeoff.catalogue.photo_file import PhotoFile
    from bakeoff.records.catalogue import PackParams

    params, photos = PackParams(store_px=64, max_megapixels=80, min_side_px=16), []
    for number in range(310):
        path = root / f"{number}.png"
        path.write_bytes(encode(picture(number), "PNG") if number % 10 else b"")
        photos.append(PhotoFile(path))
    together, alone = pack_all(photos, len(photos), params), [pack(photo, params) for photo in photos]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_equal(vars(one), vars(other))
