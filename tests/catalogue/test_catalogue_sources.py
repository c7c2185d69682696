from __future__ import annotations

import json
import os
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bakeoff.catalogue.fetch import fallback_dataset, fetch, refetch_needed
from bakeoff.catalogue.params import ColumnNames, DatasetParams, SyntheticParams
from bakeoff.catalogue.sources import SOURCES
from bakeoff.catalogue.sources.base import split_of
from bakeoff.catalogue.sources.synthetic import CLASSES, generate
from bakeoff.catalogue.table_file import convert_pickle
from bakeoff.core.errors import DataError
from bakeoff.data.decode import Rejection
from bakeoff.records.catalogue import RawFile, SourceRecord
from catalogue.bad_images import encode, picture
from catalogue.dataset_sections import NO_COLUMNS, dataset_params

FLIPKART = ColumnNames(
    id="uniq_id", image="image", label="product_category_tree", title="product_name", description="description"
)
SMALL = SyntheticParams(n_per_class=4, image_px=48, seed=0)


def dataset(kind: str, **changes: object) -> DatasetParams:
    table = {"images": "Images", "columns": FLIPKART} if kind == "flipkart" else {}
    return dataset_params(kind, **{"root": "raw", "synthetic": SMALL, **table, **changes})


def flipkart_table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "uniq_id": ["u1", "u2"],
            "product_name": ["Clock", "NA"],
            "product_category_tree": ['["Home Decor & Festive Needs >> Clocks >> Wall"]', '["Watches >> Wrist"]'],
            "description": ["Ticks", None],
            "image": ["u1.jpg", "u2.jpg"],
        }
    )


def put_flipkart(root) -> None:
    (root / "raw" / "Images").mkdir(parents=True)
    flipkart_table().to_csv(root / "raw" / "flipkart_com-ecommerce_sample_1050.csv", index=False)


def test_flipkart_reads_the_published_table(root):
    put_flipkart(root)
    first, second = SOURCES["flipkart"].read(dataset("flipkart"), root / "raw")
    assert (first.product_id, first.image_path, first.label) == ("u1", "u1.jpg", "Home Decor & Festive Needs")
    assert (second.title, second.description) == ("NA", None)


def test_flipkart_parquet_with_other_columns_and_numbers(root):
    (root / "raw" / "Images").mkdir(parents=True)
    pd.DataFrame({"key": [1.0, 2.0], "photo": ["a.jpg", None], "class": [10, 20], "x": [0, 0]}).to_parquet(
        root / "raw" / "clean.parquet"
    )
    columns = ColumnNames(id="key", image="photo", label="class", title=None, description=None)
    first, second = SOURCES["flipkart"].read(dataset("flipkart", columns=columns, drop=["x"]), root / "raw")
    assert (first.product_id, first.label, first.title) == ("1", "10", None)
    assert second.image_path == ""


def test_unknown_columns_are_listed(root):
    put_flipkart(root)
    wrong = FLIPKART.model_copy(update={"label": "category"})
    with pytest.raises(
        DataError,
        match=r"no column 'category' \(dataset\.columns\.label\); its columns are uniq_id, product_name, product_cat",
    ):
        SOURCES["flipkart"].read(dataset("flipkart", columns=wrong), root / "raw")
    with pytest.raises(DataError, match=r"no column 'nope' \(dataset\.drop: nope\)"):
        SOURCES["flipkart"].read(dataset("flipkart", drop=["nope"]), root / "raw")
    with pytest.raises(DataError, match=r"drop leaves out image of .*, which dataset.columns or dataset.keep uses"):
        SOURCES["flipkart"].read(dataset("flipkart", drop=["image"]), root / "raw")
    with pytest.raises(DataError, match=r"dataset\.columns\.image must name a column"):
        SOURCES["flipkart"].read(dataset("flipkart", columns=NO_COLUMNS), root / "raw")


def test_missing_and_ambiguous_tables(root):
    with pytest.raises(DataError, match=r"needs the table .*sample_1050.csv and its photos in .*Images"):
        fetch(dataset("flipkart"), root, root / "source.json")
    (root / "raw" / "Images").mkdir(parents=True)
    with pytest.raises(DataError, match="no table in"):
        SOURCES["flipkart"].read(dataset("flipkart"), root / "raw")
    for name in ("a.csv", "b.csv"):
        flipkart_table().to_csv(root / "raw" / name, index=False)
    with pytest.raises(DataError, match=r"several tables \(a.csv, b.csv\)"):
        SOURCES["flipkart"].read(dataset("flipkart"), root / "raw")
    (root / "raw" / "c.csv").write_text('a,b\n1,2\n3,4,5\n"', encoding="utf-8")
    with pytest.raises(DataError, match="no column 'uniq_id'"):
        SOURCES["flipkart"].read(dataset("flipkart", table="c.csv"), root / "raw")


def test_pickles_need_permission_and_can_be_converted(root):
    (root / "raw" / "Images").mkdir(parents=True)
    source, target = root / "raw" / "clean.pkl", root / "raw" / "clean.parquet"
    flipkart_table().assign(tokens=[["a", "b"], ["c"]]).to_pickle(source)
    with pytest.raises(DataError, match=r"bakeoff convert .*clean.pkl .*clean.parquet.*allow_pickle: true"):
        SOURCES["flipkart"].read(dataset("flipkart"), root / "raw")
    assert len(SOURCES["flipkart"].read(dataset("flipkart", allow_pickle=True), root / "raw")) == 2
    with pytest.raises(DataError, match="unpickling runs whatever"):
        convert_pickle(source, target, allow_pickle=False)
    with pytest.raises(DataError, match=r"must end in .parquet"):
        convert_pickle(source, root / "x.csv", allow_pickle=True)
    convert_pickle(source, target, allow_pickle=True)
    source.unlink()
    products = SOURCES["flipkart"].read(dataset("flipkart"), root / "raw")
    assert products[0].label == "Home Decor & Festive Needs"
    pd.Series([1]).to_pickle(source)
    with pytest.raises(DataError, match="must hold a pandas DataFrame, got Series"):
        convert_pickle(source, target, allow_pickle=True)
    source.write_bytes(b"no pickle")
    with pytest.raises(DataError, match="cannot be unpickled"):
        convert_pickle(source, target, allow_pickle=True)
    with pytest.raises(DataError, match="is missing"):
        convert_pickle(root / "none.pkl", target, allow_pickle=True)


def test_what_parquet_cannot_hold_is_one_sentence_and_a_named_index_stays(tmp_path):
    source, target = tmp_path / "t.pkl", tmp_path / "T.PARQUET"
    pd.DataFrame([[1, 2]], columns=["a", "a"]).to_pickle(source)
    with pytest.raises(DataError, match=r"t\.pkl has several columns named a; rename or drop"):
        convert_pickle(source, target, allow_pickle=True)
    pd.DataFrame({"z": [1j]}).to_pickle(source)
    with pytest.raises(DataError, match=r"cannot hold .*complex numbers .* its columns: z \(complex128\)"):
        convert_pickle(source, target, allow_pickle=True)
    assert not list(tmp_path.glob("*PARQUET*"))
    pd.DataFrame({"photo": [b"\xff"]}, index=pd.Index(["u1"], name="id")).to_pickle(source)
    convert_pickle(source, target, allow_pickle=True)
    written = pd.read_parquet(target)
    assert (written["id"].tolist(), written["photo"].tolist()) == (["u1"], [b"\xff"])


def test_the_table_is_found_by_any_name_it_may_have(root):
    (root / "raw" / "Images").mkdir(parents=True)
    flipkart_table().to_csv(root / "raw" / "PRODUITS.CSV", index=False, sep=";")
    (root / "raw" / "e\u0301te\u0301.xlsx").write_bytes(b"PK\x03\x04")
    assert len(SOURCES["flipkart"].read(dataset("flipkart"), root / "raw")) == 2
    with pytest.raises(DataError, match=r"xlsx cannot be read as a spreadsheet"):
        SOURCES["flipkart"].read(dataset("flipkart", table="été.xlsx"), root / "raw")
    (root / "raw" / "PRODUITS.CSV").unlink()
    with pytest.raises(DataError, match=r"xlsx cannot be read as a spreadsheet"):
        SOURCES["flipkart"].read(dataset("flipkart"), root / "raw")


def test_separator_and_encoding_can_be_given(root):
    (root / "raw" / "Images").mkdir(parents=True)
    flipkart_table().to_csv(root / "raw" / "t.csv", index=False, sep=":", encoding="cp1251")
    given = dataset("flipkart", separator=":", encoding="cp1251")
    assert SOURCES["flipkart"].read(given, root / "raw")[0].title == "Clock"
    with pytest.raises(DataError, match=r"cannot be read with encoding utf-7x .* set dataset\.encoding"):
        SOURCES["flipkart"].read(given.model_copy(update={"encoding": "utf-7x"}), root / "raw")


def test_a_malformed_row_is_a_product_with_its_line(root):
    (root / "raw" / "Images").mkdir(parents=True)
    (root / "raw" / "t.csv").write_text("image,label\na.png,Mode\nb.png,Tee, blue\nc.png,Mode\n")
    columns = ColumnNames(id=None, image="image", label="label", title=None, description=None)
    products = SOURCES["flipkart"].read(dataset("flipkart", columns=columns), root / "raw")
    assert [product.product_id for product in products] == ["row_0", "row_1", "row_2"]
    assert products[1].refused == Rejection("malformed_row", "line 3 has 3 fields, expected 2: b.png,Tee, blue")


def test_folder_source(root):
    with pytest.raises(DataError, match="one folder per class"):
        fetch(dataset("folder"), root, root / "source.json")
    (root / "raw" / "shoes" / "red").mkdir(parents=True)
    for name in ("shoes/red/1.jpg", "shoes/2.jpg", "loose.jpg", "README.md", ".hidden"):
        (root / "raw" / name).write_bytes(b"x")
    products = SOURCES["folder"].read(dataset("folder"), root / "raw")
    assert {(p.product_id, p.label) for p in products} == {
        ("shoes/red/1.jpg", "shoes"),
        ("shoes/2.jpg", "shoes"),
        ("loose.jpg", None),
    }


def put(root, *names: str) -> None:
    for name in names:
        (root / "raw" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "raw" / name).write_bytes(b"x")


def read_folder(root, **changes) -> set[tuple[str, str | None, str | None]]:
    """Image path, label and official split of every product of a folder source."""
    products = SOURCES["folder"].read(dataset("folder", **changes), root / "raw")
    return {(product.image_path, product.label, product.official_split) for product in products}


@pytest.mark.parametrize(
    ("word", "split"),
    [
        *[
            (word, "train")
            for word in ("trainval", "train_val", "train", "Training", "TRAIN", "training_set", "trainset")
        ],
        *[(word, "validation") for word in ("eval", "Evaluation", "val", "Valid", "validation", "dev", "Val Set")],
        *[(word, "test") for word in ("holdout", "hold_out", "test", "Testing", "test-set", " test ")],
        *[(word, None) for word in ("trains", "toy train", "contest", "a", "")],
    ],
)
def test_split_of(word, split):
    assert split_of(word) == split


def test_folders_named_like_splits_are_the_official_split(root):
    put(root, "Training/cats/1.jpg", "Training/dogs/2.jpg", "val/cats/3.jpg", "test/images/cats/4.jpg")
    put(root, "test/images/dogs/5.jpg", "test/loose.jpg", "test/notes.txt", "val/dogs/broken.txt", "labels.csv")
    assert read_folder(root) == {
        ("Training/cats/1.jpg", "cats", "train"),
        ("Training/dogs/2.jpg", "dogs", "train"),
        ("val/cats/3.jpg", "cats", "validation"),
        ("val/dogs/broken.txt", "dogs", "validation"),  # of no use, but `prepare` is to say so
        ("test/images/cats/4.jpg", "cats", "test"),
        ("test/images/dogs/5.jpg", "dogs", "test"),
        ("test/loose.jpg", None, None),
    }
    put(root, "extra/cats/6.jpg")
    with pytest.raises(DataError, match=r"named like splits \(Training, test, val\) and others with photos \(extra\)"):
        read_folder(root)


@pytest.mark.parametrize("wrapper", ["dataset", "a/b/c", "images"])
def test_wrapper_folders_are_no_classes(root, wrapper):
    put(
        root,
        f"{wrapper}/cats/1.jpg",
        f"{wrapper}/dogs/small/2.jpg",
        "meta/classes.txt",
        "__MACOSX/dataset/cats/._1.jpg",
    )
    put(root, f"{wrapper}/__MACOSX/cats/1.jpg", f"{wrapper}/.DS_Store", f"{wrapper}/cats/._1.jpg", "cover.jpg")
    assert read_folder(root) == {
        (f"{wrapper}/cats/1.jpg", "cats", None),
        (f"{wrapper}/dogs/small/2.jpg", "dogs", None),
        ("cover.jpg", None, None),
    }


def test_photos_count_whatever_their_suffix(root):
    put(root, "a/x/1.jpg", "a/y/1.jpg", "b/1.heic", "b/2.HEIC", "b/3", "notes.txt", "meta/LICENSE", "c/clip.mp4")
    assert {label for _, label, _ in read_folder(root)} == {"a", "b", "c", "meta"}  # `prepare` says what is no photo
    assert len(read_folder(root)) == 7
    shutil.rmtree(root / "raw")
    put(root, "train/cat/1.jpg", "train/dog/2.heic", "test/cat/3.heic", "test/dog/4.AVIF")
    expected = {("cat", "train"), ("dog", "train"), ("cat", "test"), ("dog", "test")}
    assert {(label, split) for _, label, split in read_folder(root)} == expected


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("train_images", "test_images"),
        ("train2017", "test2017"),
        ("train", "holdout"),
        ("my-train", "Test 1"),
        ("train/images", "test"),
    ],
)
def test_joined_split_words_are_splits(root, train, test):
    put(root, f"{train}/cat/1.jpg", f"{train}/dog/2.jpg", f"{test}/cat/3.jpg", "labels/train/1.txt")
    assert {(label, split) for _, label, split in read_folder(root)} == {
        ("cat", "train"),
        ("dog", "train"),
        ("cat", "test"),
    }


def test_a_class_in_one_split_is_no_wrapper_in_another(root):
    put(root, "train/cat/a/1.jpg", "train/cat/b/2.jpg", "test/cat/3.jpg", "test/dog/4.jpg")
    assert {(label, split) for _, label, split in read_folder(root)} == {
        ("cat", "train"),
        ("cat", "test"),
        ("dog", "test"),
    }


@pytest.mark.parametrize(
    ("names", "splits", "others"),
    [
        (["cat/train/1.jpg", "cat/test/2.jpg", "dog/train/3.jpg"], "cat/test, cat/train, dog/train", "cat, dog"),
        (["train/cat/1.jpg", "train/dog/2.jpg", "extra/cat/3.jpg"], "train", "extra"),
        (["train/cat/1.jpg", "train/dog/2.jpg", "unlabelled/3.jpg"], "train", "unlabelled"),
        (["seg_train/cat/1.jpg", "seg_test/cat/2.jpg", "seg_pred/3.jpg"], "seg_test, seg_train", "seg_pred"),
    ],
)
def test_splits_among_classes_are_refused(root, names, splits, others):
    put(root, *names)
    with pytest.raises(
        DataError, match=rf"like splits \({splits}\) and others with photos \({others}\).*dataset.images"
    ):
        read_folder(root)


def test_classes_with_a_split_word_in_their_name_stay_classes(root):
    put(root, "toy train/1.jpg", "test tube/2.jpg", "car/3.jpg")
    assert {label for _, label, _ in read_folder(root)} == {"toy train", "test tube", "car"}


def test_classes_that_happen_to_be_called_train_stay_classes(root):
    put(root, "train/1.jpg", "car/2.jpg", "plane/3.jpg")
    assert {label for _, label, _ in read_folder(root)} == {"train", "car", "plane"}


def test_the_folder_of_the_classes_can_be_named(root):
    put(root, "archive/cats/1.jpg", "archive/dogs/2.jpg", "masks/3.jpg")
    assert {label for _, label, _ in read_folder(root)} == {"archive", "masks"}
    assert read_folder(root, images="archive") == {("cats/1.jpg", "cats", None), ("dogs/2.jpg", "dogs", None)}
    assert SOURCES["folder"].image_folder(dataset("folder", images="archive"), root / "raw") == root / "raw" / "archive"
    with pytest.raises(DataError, match=r"with its photos in .*/raw/nowhere"):
        fetch(dataset("folder", images="nowhere"), root, root / "source.json")


def test_a_table_can_name_the_official_split(root):
    (root / "raw" / "Images").mkdir(parents=True)
    table = pd.DataFrame({"image": ["a.jpg", "b.jpg", "c.jpg"], "label": "x", "set": ["Training", "val", ""]})
    table.to_csv(root / "raw" / "t.csv", index=False)
    columns = ColumnNames(id=None, image="image", label="label", title=None, description=None, split="set")
    products = SOURCES["flipkart"].read(dataset("flipkart", columns=columns), root / "raw")
    assert [product.official_split for product in products] == ["train", "validation", None]
    table.assign(set=["train", "fold 1", "fold 2"]).to_csv(root / "raw" / "t.csv", index=False)
    with pytest.raises(DataError, match=r"column set must hold train, validation or test .*, got 'fold 1', 'fold 2'"):
        SOURCES["flipkart"].read(dataset("flipkart", columns=columns), root / "raw")


def test_fetch_lists_and_notices_changes(root):
    (root / "raw" / "a").mkdir(parents=True)
    (root / "raw" / "a" / "1.txt").write_bytes(b"abc")
    record = fetch(dataset("folder"), root, root / "source.json")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # SHA-256 of "abc", FIPS 180-2
    assert record.files == [RawFile(path="a/1.txt", size=3, sha256=digest)]
    assert record.fallback_reason is None
    assert not refetch_needed(dataset("folder"), root / "source.json")
    (root / "raw" / "a" / "2.txt").write_bytes(b"new")
    assert refetch_needed(dataset("folder"), root / "source.json")
    shutil.rmtree(root / "raw")
    assert refetch_needed(dataset("folder"), root / "source.json")
    assert refetch_needed(dataset("folder"), root / "none.json")
    with pytest.raises(DataError, match="run `dvc repro fetch`"):
        SourceRecord.read(root / "none.json")


def test_unchanged_files_are_not_read_again(root):
    (root / "raw" / "a").mkdir(parents=True)
    path = root / "raw" / "a" / "1.txt"
    path.write_bytes(b"abc")
    first = fetch(dataset("folder"), root, root / "source.json")
    status = path.stat()
    path.write_bytes(b"xyz")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # same size, same time: taken as unchanged
    assert fetch(dataset("folder"), root, root / "source.json") == first


def test_stamps_fall_back_loudly_without_apt(root, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(root / "empty"))
    data = dataset("stamps", fallback="synthetic", licence="GPL-2.0-or-later")
    record = fetch(data, root, root / "source.json")
    assert (record.kind, record.fallback_reason, record.licence) == ("synthetic", "dpkg_missing", "CC0-1.0")
    assert "GENERATED catalogue" in capsys.readouterr().err
    assert not refetch_needed(data, root / "source.json")
    (root / "raw" / "stamps").mkdir(parents=True)
    assert refetch_needed(data, root / "source.json")
    shutil.rmtree(root / "raw")
    with pytest.raises(DataError, match=r"dpkg is missing .* put a tuxpaint-stamps-default\*.deb into"):
        fetch(dataset("stamps"), root, root / "source.json")
    with pytest.raises(DataError, match="can only be synthetic"):
        fallback_dataset(dataset("stamps", fallback="folder"))


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg")
def test_stamps_unpack_a_package_that_lies_in_the_root(root):
    tree = root / "package"
    stamps = tree / "usr/share/tuxpaint/stamps/animals"
    stamps.mkdir(parents=True)
    (stamps / "dog.png").write_bytes(encode(picture(), "PNG"))
    (stamps / "dog_mirror.png").write_bytes(encode(picture(1), "PNG"))
    (stamps / "dog.ogg").write_bytes(b"x")
    (stamps / "dog.svg").write_bytes(b"<svg/>")
    (stamps / "dog.txt").write_text("A dog.\nde.utf8=Ein Hund.\nfr.utf8=Un chien.\n", encoding="utf-8")
    (tree / "DEBIAN").mkdir()
    control = "Package: tuxpaint-stamps-default\nVersion: 1\nArchitecture: all\nMaintainer: t <t@t>\nDescription: t\n"
    (tree / "DEBIAN" / "control").write_text(control)
    (root / "raw").mkdir()
    package = root / "raw" / "tuxpaint-stamps-default_1_all.deb"
    subprocess.run(["dpkg-deb", "--build", str(tree), str(package)], check=True, capture_output=True)
    record = fetch(dataset("stamps"), root, root / "source.json")
    assert [file.path for file in record.files] == [
        "stamps/animals/dog.png",
        "stamps/animals/dog.txt",
        "stamps/animals/dog_mirror.png",
    ]
    dog, mirror = SOURCES["stamps"].read(dataset("stamps"), root / "raw")
    assert (dog.product_id, dog.label, dog.title, dog.description) == ("animals__dog", "animals", "A dog.", "Un chien.")
    assert (mirror.product_id, mirror.title) == ("animals__dog_mirror", "A dog.")


def test_synthetic_truth(tmp_path):
    params = SyntheticParams(n_per_class=16, image_px=64, seed=3)
    truths = generate(tmp_path / "a", params)
    generate(tmp_path / "b", params)
    names = sorted(path.name for path in (tmp_path / "a" / "Images").iterdir())
    for name in names:
        assert (tmp_path / "a" / "Images" / name).read_bytes() == (tmp_path / "b" / "Images" / name).read_bytes()
    assert len(truths) == len(names) == 6 * (16 + 2 * 2) + 3
    saved = json.loads((tmp_path / "a" / "truth.json").read_text())["products"]
    assert saved["red_ball_0000_exact"]["duplicate_of"] == "red_ball_0000"
    assert [saved[f"red_ball_{n:04d}"]["defects"] for n in (1, 2, 3, 4)] == [["blur"], ["border"], ["colour_cast"], []]
    titles = pd.read_csv(tmp_path / "a" / "products.csv").set_index("id")["title"]
    assert titles["red_ball_0000"].startswith("Red ball")
    assert titles["red_ball_0001"].startswith("Balle rouge")


def test_synthetic_objects_lie_where_the_truth_says(tmp_path):
    truths = generate(tmp_path, SyntheticParams(n_per_class=5, image_px=96, seed=0))
    read = SOURCES["synthetic"].read(dataset("synthetic"), tmp_path)
    assert {one.product_id: one.box for one in read} == {
        name: truth.bbox_px and tuple(truth.bbox_px) for name, truth in truths.items()
    }
    assert sum(one.box is None for one in read) == 3  # the broken ones
    for product_id, truth in truths.items():
        if truth.broken or truth.defects or truth.label != "blue_ball":
            continue
        values = np.asarray(Image.open(tmp_path / "Images" / f"{product_id}.jpg")).astype(int)
        rows, columns = np.where(values[..., 2] - values[..., 0] > 80)
        found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert truth.bbox_px is not None
        assert max(abs(a - b) for a, b in zip(found, truth.bbox_px, strict=True)) <= 3, product_id


def test_twins_differ_by_one_thing_only():
    for look in CLASSES.values():
        twin = CLASSES[look.twin]
        differing = [name for name in ("shape", "colour", "texture") if getattr(look, name) != getattr(twin, name)]
        assert differing == [look.told_apart_by]


def test_synthetic_is_regenerated_when_its_params_change(root):
    source = SOURCES["synthetic"]
    source.acquire(dataset("synthetic"), root / "raw")
    other = dataset("synthetic", synthetic=SyntheticParams(n_per_class=5, image_px=48, seed=0))
    assert source.present(dataset("synthetic"), root / "raw")
    assert not source.present(other, root / "raw")
    source.acquire(other, root / "raw")
    assert source.present(other, root / "raw")
    with pytest.raises(DataError, match=r"dataset\.synthetic must say"):
        source.acquire(dataset("synthetic", synthetic=None), root / "elsewhere")
