"""The earlier model's classes from the user's file, in each form that it may have."""

import json

import pytest

from bakeoff.core.errors import DataError
from bakeoff.weights.baseline import read_class_names

CLASSES = ["red", "blue", "green"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.txt", "red\nblue\n\ngreen\n"),
        ("c.json", json.dumps(CLASSES)),
        ("c.json", json.dumps({"0": "red", "2": "green", "1": "blue"})),
        ("c.json", json.dumps({"blue": 1, "red": 0, "green": 2})),
    ],
)
def test_class_names_from_text_and_json(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert read_class_names(tmp_path / name) == CLASSES


def test_class_names_that_cannot_be_used(tmp_path):
    with pytest.raises(DataError, match="are missing"):
        read_class_names(tmp_path / "gone.txt")
    (tmp_path / "twice.txt").write_text("red\nred\n")
    with pytest.raises(DataError, match="must list each of the earlier model's classes once"):
        read_class_names(tmp_path / "twice.txt")
    (tmp_path / "bad.json").write_text("3")
    with pytest.raises(DataError, match="must be a JSON list of class names"):
        read_class_names(tmp_path / "bad.json")
    (tmp_path / "latin.txt").write_bytes("v\u00eatement".encode("latin-1"))
    with pytest.raises(DataError, match="is not UTF-8 text"):
        read_class_names(tmp_path / "latin.txt")


def test_class_names_are_read_as_the_catalogues_labels(tmp_path):
    (tmp_path / "names.txt").write_text("E\u0301picerie\nHome\u00a0 Decor\nSho\u200bes\n", encoding="utf-8")
    assert read_class_names(tmp_path / "names.txt") == ["Épicerie", "Home Decor", "Shoes"]
