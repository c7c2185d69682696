"""A file is there whole or not at all, whatever happens while it is written."""

from __future__ import annotations

import json
import math

import pytest

from bakeoff.core.files import replacing, write_json


def test_a_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "new" / "folder" / "a.txt"
    with replacing(path) as partial:
        partial.write_text("one")
        assert not path.exists()
        assert partial.parent == path.parent, "a rename within one folder is one step"
    assert path.read_text() == "one"
    with replacing(path) as partial:
        partial.write_text("two")
        assert path.read_text() == "one"
    assert path.read_text() == "two"
    assert list(path.parent.iterdir()) == [path]


def _fail_while_writing(path):
    with replacing(path) as partial:
        partial.write_text("half")
        raise RuntimeError("stop")


def test_an_error_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    with pytest.raises(RuntimeError, match="stop"):
        _fail_while_writing(path)
    assert list(tmp_path.iterdir()) == []
    path.write_text("whole")
    with pytest.raises(RuntimeError, match="stop"):
        _fail_while_writing(path)
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a.txt"):
        pass


def test_json_is_readable_and_comes_back(tmp_path):
    values = {"name": "Théière", "shares": [0.25, 1 / 3], "none": None}
    write_json(tmp_path / "a.json", values)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == values
    assert text.startswith('{\n  "name": "Théière",\n')
    assert text.endswith("}\n")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_json_cannot_hold_is_refused_and_the_file_stays(tmp_path, value):
    write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"a": value})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
