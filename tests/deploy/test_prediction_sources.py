"""Which photos and labels a folder or a table names, and how names are shown: no framework needed."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from bakeoff.catalogue.table_file import LabelRule
from bakeoff.core.errors import DataError
from bakeoff.data.decode import Rejection
from bakeoff.deploy.monitoring.products import encode_labels, list_new_products
from bakeoff.deploy.prediction.answers import write_answers
from bakeoff.deploy.prediction.request import Request, load_request, request_key
from bakeoff.deploy.prediction.scoring import read_files
from bakeoff.deploy.prediction.sources import LISTING, Columns, list_photos
from prepared import PREPARE


def test_a_tables_paths_are_taken_as_they_are(tmp_path):
    (tmp_path / "new.csv").write_text("sku,image,label\n1,two  spaces.jpg, Red  Pan \n2,  ,\n")
    table = list_photos(tmp_path / "new.csv").table
    assert table["image"].tolist() == ["two  spaces.jpg", ""]
    assert table["path"].tolist() == [str(tmp_path / "two  spaces.jpg"), ""]
    labels = list_photos(tmp_path / "new.csv", Columns(label="label")).table["label"].tolist()
    assert labels == ["Red Pan", None]


def write_photos(folder: Path, *names: str | bytes) -> None:
    for name in names:
        path = os.path.join(os.fsencode(folder), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(b"x")


def test_photos_are_found_by_what_the_table_means(tmp_path):
    """Another Unicode form, backslashes, percent signs, and `sep=`; the path of no other row is taken."""
    write_photos(tmp_path, "photos/cafe\u0301.jpg", "photos/a b.jpg", b"photos/caf\xe8.jpg", "photos/50%25.jpg")
    names = [
        "photos\\caf\u00e9.jpg",
        "./photos/a%20b.jpg",
        "photos/caf\u00e8.jpg",
        "photos/50%25.jpg",
        "photos/gone.jpg",
    ]
    (tmp_path / "new.csv").write_text("sep=;\nid;image\n" + "".join(f"007;{name}\n" for name in names))
    table = list_photos(tmp_path / "new.csv").table
    assert table["id"].tolist() == ["007"] * 5
    assert table["image"].tolist() == names
    assert [os.path.exists(path) for path in table["path"]] == [True] * 4 + [False]


def test_a_row_that_does_not_fit_keeps_its_place(tmp_path):
    (tmp_path / "new.tsv").write_text("image\tname\na.jpg\tx\nb.jpg\tx\ty\n")
    photos = list_photos(tmp_path / "new.tsv")
    assert photos.table["id"].tolist() == ["a.jpg", "row_1"]
    assert photos.table["malformed"].tolist() == [None, "line 3 has 3 fields, expected 2: b.jpg\tx\ty"]
    (refused,) = read_files([""], PREPARE, malformed=photos.table["malformed"].tolist()[1:])
    assert isinstance(refused, Rejection)
    assert (refused.reason, refused.detail) == ("malformed_row", photos.table["malformed"][1])


def test_names_that_are_not_utf8_and_files_that_are_left_out(tmp_path):
    write_photos(tmp_path, b"caf\xe9/1.jpg", "1.jpg", "notes\n.txt", *(f"{n}.xyz" for n in range(5)))
    photos = list_photos(tmp_path)
    assert photos.table["id"].tolist() == ["1.jpg", "café/1.jpg"]
    assert photos.table["label"].tolist() == [None, "café"]
    assert all(map(os.path.exists, photos.table["path"]))
    assert photos.left_out == (
        "left out, not photos by their extension: 6 of the folder's files (0.xyz, 1.xyz, 2.xyz, 3.xyz, 4.xyz, …)."
    )
    known = {"training_dir": str(tmp_path), "training_key": "k", "prepare": PREPARE, "device": "cpu", "threads": 1}
    request = Request(environment="torch", **known, title="t")
    listing = photos.table[LISTING]
    request.save(tmp_path, listing)
    kept = load_request(tmp_path)[1]
    assert [os.fsdecode(path) for path in kept["path"]] == photos.table["path"].tolist()
    assert request_key(request, listing)
    (tmp_path / "caf\udce9" / "1.jpg").unlink()
    (gone,) = read_files(photos.table["path"].tolist()[1:], PREPARE, malformed=[None])
    assert isinstance(gone, Rejection)
    assert gone.detail.endswith("café/1.jpg is not a file")


@pytest.mark.parametrize("name", ["[red] shoe.png", "[/new] bag.png", ":apple: 50%\n.png"])
def test_the_screen_shows_names_as_they_are(name, capsys):
    answer = {"id": name, "label": "[b]", "probability": 1.0, "review": False, "top": [], "reason": None}
    write_answers([[answer]], form="table", output=None, top_k=1)
    shown = capsys.readouterr().out
    assert name.replace("\n", "\\n") in shown
    assert "[b]" in shown


def test_data_on_stdout_is_utf8_whatever_the_screen_can_show(monkeypatch):
    screen = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", screen)
    write_answers([[{"id": "é"}]], form="json", output=None, top_k=1)
    screen.flush()
    assert screen.buffer.getvalue().decode() == '[\n{"id": "é"}\n]\n'


LABELS = ["Home Decor", "Épicerie"]


def new_products(source: Path, **options: object) -> list[str | None]:
    found = list_new_products(source, LABELS, **{"label_column": None, "columns": Columns(), **options})
    return found.table["label"].tolist()


def test_monitor_reads_labels_as_the_study_did(tmp_path):
    rows = '1.jpg,"[""Home Decor >> Clocks""]"\n2.jpg,E\u0301pi\u200bcerie\n3.jpg,\n'
    (tmp_path / "t.csv").write_text("image,tree\n" + rows)
    assert new_products(tmp_path / "t.csv", label_column="tree") == ["Home Decor", "Épicerie", None]
    assert new_products(tmp_path / "t.csv") == [None] * 3
    (tmp_path / "l.csv").write_text("image,label\n" + rows)
    photos = list_new_products(tmp_path / "l.csv", LABELS, label_column=None, columns=Columns())
    assert encode_labels(photos, ["Home Decor", "E\u0301picerie"]).tolist() == [0, 1, -1]
    write_photos(tmp_path / "folder", "Home  Decor/1.jpg", "e/2.jpg")
    with pytest.raises(DataError, match=r"1 labels of the new products are not among the study's \('e'\)"):
        new_products(tmp_path / "folder")
    assert new_products(tmp_path / "folder" / "e") == [None]


def test_monitoring_finds_the_classes_below_wrappers_and_splits(tmp_path):
    write_photos(tmp_path, *(f"new/train/{label}/1.jpg" for label in LABELS), "loose.jpg")
    photos = list_new_products(tmp_path, LABELS, label_column=None, columns=Columns())
    assert set(photos.table["label"]) == {None, *LABELS}


def test_a_table_is_read_with_the_separator_and_encoding_of_the_study(tmp_path):
    values = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text(encoding="utf-8"))
    dataset = values["dataset"] | {"separator": "~", "encoding": "cp437"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"dataset": dataset}), encoding="utf-8")
    (tmp_path / "new.csv").write_bytes("image~label\né.png~L\n".encode("cp437"))
    columns = Columns(find_label=True).as_in_study(tmp_path)
    assert list_photos(tmp_path / "new.csv", columns).table["image"].tolist() == ["é.png"]


def test_monitor_takes_the_level_and_the_label_that_the_study_took(tmp_path):
    (tmp_path / "t.csv").write_text('image,label\n1.jpg,A >> B\n2.jpg,"A >> B|C"\n')
    reject, first = (Columns(rule=LabelRule(2, "|", several)) for several in ("reject", "first"))
    found = [
        list_photos(tmp_path / "t.csv", replace(one, find_label=True)).table["label"].tolist()
        for one in (reject, first)
    ]
    assert found == [["B", None], ["B", "B"]]
