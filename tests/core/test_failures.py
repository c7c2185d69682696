"""A picture that fails costs a warning: it is told, kept with its traceback, taken back once it was drawn."""

from __future__ import annotations

import re

import pytest

from bakeoff.core import failures
from bakeoff.study.doctor import _failures

pytestmark = pytest.mark.survives


def break_down(*_, **__):
    raise ValueError("'yerr' must not\ncontain negative values")


def test_a_failure_is_told_kept_and_taken_back(tmp_path, capfd):
    picture = tmp_path / "figures" / "a.png"
    with failures.drawing(picture, tmp_path) as path:
        path.write_bytes(b"half a picture")
        break_down()
    with failures.surviving("the run in MLflow", tmp_path):
        raise KeyError
    assert not picture.exists()
    first, second = capfd.readouterr().err.splitlines()
    assert first.startswith("bakeoff: WARNING: figures/a.png could not be made (ValueError: 'yerr' must not contain")
    assert f"no number is lost. The traceback is in {tmp_path / 'failures.json'}" in first
    assert "(KeyError)" in second
    kept = failures.read_failures(tmp_path)
    assert [failure.what for failure in kept] == ["figures/a.png", "the run in MLflow"]
    assert "in break_down" in kept[0].traceback
    with failures.drawing(picture, tmp_path) as path:
        path.write_bytes(b"a picture")
    assert [failure.what for failure in failures.read_failures(tmp_path)] == ["the run in MLflow"]
    with failures.surviving("the run in MLflow", tmp_path):
        pass
    assert not (tmp_path / failures.FILE).exists()
    assert capfd.readouterr().err == ""


def test_an_interrupt_is_no_failure(tmp_path):
    with pytest.raises(KeyboardInterrupt), failures.drawing(tmp_path / "a.png", tmp_path):
        raise KeyboardInterrupt
    assert not (tmp_path / failures.FILE).exists()


def test_a_folder_that_cannot_be_written_costs_no_more(tmp_path, capfd):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be")
    with failures.surviving("a picture", blocked / "inside"):
        break_down()
    assert "Its traceback could not be kept" in capfd.readouterr().err


def test_a_broken_record_of_failures_is_one_failure(tmp_path):
    (tmp_path / failures.FILE).write_text("[{]")
    assert "cannot be read" in failures.read_failures(tmp_path)[0].error
    with failures.surviving("a picture", tmp_path):
        break_down()
    assert [failure.what for failure in failures.read_failures(tmp_path)] == ["a picture"]


def test_what_is_told_has_neither_passwords_nor_half_characters(tmp_path, capfd):
    with failures.surviving("an upload", tmp_path):
        raise OSError("http://user:secret@example.org/x caf\udce9.jpg")
    [failure] = failures.read_failures(tmp_path)
    assert failure.error == "OSError: http://example.org/x café.jpg"
    assert "secret" not in failure.traceback
    assert "secret" not in capfd.readouterr().err


def test_an_attempt_says_how_it_ended_and_some_errors_pass(tmp_path):
    with failures.surviving("a", tmp_path) as attempt:
        break_down()
    assert isinstance(attempt.error, ValueError)
    with failures.surviving("a", tmp_path) as attempt:
        pass
    assert attempt.error is None
    with pytest.raises(ValueError, match="yerr"), failures.surviving("a", tmp_path, unless=(ValueError,)):
        break_down()
    assert failures.read_failures(tmp_path) == []


def test_doctor_names_failures_of_every_kind(tmp_path, monkeypatch):
    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path))
    assert _failures(tmp_path).level == "ok"
    for place in ("data/catalogue", "runs/a-frozen/seed_0/evaluation", "reports", ".bakeoff/failures/a-frozen/seed_0"):
        with failures.surviving(f"something of {place}", tmp_path / place):
            break_down()
    found = _failures(tmp_path)
    assert found.level == "note"
    assert len(re.findall(r"something of", found.found)) == 4
    assert "runs/a-frozen/seed_0/evaluation" in found.found
