"""data/candidates/<model>.json there and back; no framework needed."""

import json

import pytest

from bakeoff.backbones.registry import allows_commercial_use, licence_name
from bakeoff.core.errors import ParamsError


def test_round_trip(settings, tmp_path):
    given = settings(commercial_use=None, weights_id=None)
    path = tmp_path / "candidates" / "resnet18.json"
    given.write(path)
    assert type(given).read(path) == given
    assert json.loads(path.read_text())["preprocessing"]["mean"] == [0.485, 0.456, 0.406]


def test_missing_file_says_what_to_run(settings, tmp_path):
    with pytest.raises(ParamsError, match=r"none\.json is missing; run `dvc repro candidates`"):
        type(settings()).read(tmp_path / "none.json")


@pytest.mark.parametrize(("text", "words"), [("{", "file: Invalid JSON"), ('{"model": 3}', "model: ")])
def test_a_broken_file_is_named(settings, tmp_path, text, words):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ParamsError, match=rf"x\.json is not a candidate's settings: {words}"):
        type(settings()).read(path)


@pytest.mark.parametrize(
    ("code", "name", "commercial"),
    [
        ("apache-2.0", "Apache-2.0", True),
        ("cc-by-nc-4.0", "CC-BY-NC-4.0", False),
        ("cvnets-license", "Apple CVNets licence", None),
        ("something-new", "something-new", None),
        (None, "unknown", None),
    ],
)
def test_licences(code, name, commercial):
    assert licence_name(code) == name
    assert allows_commercial_use(code) is commercial
