"""What every record keeps: strict types, one sentence for a file that cannot be read, a file that appears whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import ValidationError

from bakeoff.core.errors import BakeoffError, DataError, EvaluationError
from bakeoff.core.section import Section
from bakeoff.records.base import Record


class Inner(Section):
    share: float


class Thing(Record):
    """A record of format 3 that the stage `make` writes."""

    FORMAT: ClassVar[int] = 3
    STAGE: ClassVar[str] = "make"
    ERROR: ClassVar[type[BakeoffError]] = EvaluationError

    name: str
    pair: tuple[float, float]
    inner: Inner
    note: str | None = None


class Plain(Record):
    """A record that sets nothing but its stage."""

    STAGE: ClassVar[str] = "plain"

    n: int


THING = Thing(name="Théière", pair=(0.1, 2.0), inner=Inner(share=1 / 3))
VALUES = {"format": 3, "name": "a", "pair": [0.1, 2.0], "inner": {"share": 0.5}, "note": None}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "thing.json"


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_round_trip_changes_nothing(path):
    THING.write(path)
    found = Thing.read(path)
    assert found == THING
    assert found.format == THING.format == 3
    assert found.inner.share == 1 / 3
    first = path.read_bytes()
    found.write(path)
    assert path.read_bytes() == first
    assert json.loads(first) == {**VALUES, "name": "Théière", "inner": {"share": 1 / 3}}
    assert next(iter(json.loads(first))) == "format"
    assert [file.name for file in path.parent.iterdir()] == ["thing.json"]


def test_the_first_format_needs_no_number(path):
    assert Plain(n=1).format == 1
    put(path, '{"n": 1}')
    assert Plain.read(path) == Plain(n=1)
    Plain(n=1).write(path)
    assert json.loads(path.read_text()) == {"format": 1, "n": 1}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is not valid JSON (EOF while parsing an object at line 1 column 1)"),
        ("", "is not valid JSON (EOF while parsing a value at line 1 column 0)"),
        ("[]", "does not hold what it should: file: Input should be an object"),
        (json.dumps({**VALUES, "speed": 1}), "has an unknown key speed"),
        (json.dumps({**VALUES, "inner": {"share": 0.5, "part": 1}}), "has an unknown key inner.part"),
        (json.dumps({**VALUES, "inner": {}}), "lacks inner.share"),
        (json.dumps({**VALUES, "name": 3}), "does not hold what it should: name: Input should be a valid string"),
        (json.dumps({**VALUES, "pair": [0.1]}), "lacks pair.1"),
        (json.dumps({**VALUES, "inner": {"share": "0.5"}}), "inner.share: Input should be a valid number"),
    ],
)
def test_a_file_that_is_none_is_one_sentence(path, text, told):
    put(path, text)
    with pytest.raises(EvaluationError) as caught:
        Thing.read(path)
    assert str(caught.value).startswith(f"{path} ")
    assert told in str(caught.value)
    assert str(caught.value).endswith("; run `dvc repro make`.")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", [2, 4])
def test_another_format_is_told_before_what_else_differs(path, given):
    put(path, json.dumps({"format": given, "anything": "else"}))
    told = f"{path} was written by another version of bakeoff (format {given}, this one reads 3); run `dvc repro make`."
    with pytest.raises(EvaluationError) as caught:
        Thing.read(path)
    assert str(caught.value) == told


def test_a_file_without_a_number_is_of_the_first_format(path):
    put(path, json.dumps({name: value for name, value in VALUES.items() if name != "format"}))
    with pytest.raises(EvaluationError, match=r"format 1, this one reads 3"):
        Thing.read(path)


def test_bytes_that_are_no_text(path):
    path.parent.mkdir()
    path.write_bytes(b"\xff\xfe{}")
    with pytest.raises(EvaluationError, match="is not valid JSON"):
        Thing.read(path)


def test_a_missing_file_names_the_stage_and_may_be_none(path):
    with pytest.raises(EvaluationError) as caught:
        Thing.read(path)
    assert str(caught.value) == f"{path} is missing; run `dvc repro make`."
    with pytest.raises(DataError, match=r"thing\.json is missing; run `dvc repro plain`"):
        Plain.read(path)
    assert Thing.read_if_there(path) is None
    THING.write(path)
    assert Thing.read_if_there(path) == THING
    put(path, "{")
    with pytest.raises(EvaluationError, match="is not valid JSON"):
        Thing.read_if_there(path)


def test_another_format_is_left_out_where_its_stage_will_replace_it(path):
    assert Thing.read_current(path) is None
    put(path, json.dumps({"format": 2, "anything": "else"}))
    assert Thing.read_current(path) is None
    THING.write(path)
    assert Thing.read_current(path) == THING
    put(path, "{")
    with pytest.raises(EvaluationError, match="is not valid JSON"):
        Thing.read_current(path)


def test_a_record_never_changes_and_takes_nothing_for_something_else():
    with pytest.raises(ValidationError, match="frozen"):
        THING.name = "other"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="valid string"):
        Thing(name=3, pair=(0.1, 2.0), inner=Inner(share=0.5))  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="Extra inputs"):
        Plain(n=1, m=2)  # type: ignore[call-arg]


def test_what_json_cannot_hold_leaves_the_earlier_file(path):
    THING.write(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        Thing(name="a", pair=(float("nan"), 1.0), inner=Inner(share=0.5)).write(path)
    assert path.read_bytes() == before
