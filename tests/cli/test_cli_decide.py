"""`bakeoff advise | aggregate | note` from the command line: language, help, and one clear sentence for bad input."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from aggregation.splits import write_split

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.torch


VARIABLES = {"COLUMNS": "140", "NO_COLOR": "1", "TERM": "dumb"}


@pytest.fixture
def bakeoff(monkeypatch, capsys):
    """Run the command line in this process and return its exit status and what it wrote."""
    from bakeoff.cli import main

    def run(*arguments, cwd=ROOT):
        for name, value in VARIABLES.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["bakeoff", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return SimpleNamespace(returncode=ended.value.code or 0, stdout=out, stderr=err)

    return run


@pytest.mark.slow
def test_advise_speaks_the_language_asked_for():
    """In a process of its own, as a user starts it."""
    asked = ["advise", "--images", "900", "--classes", "9", "--device", "cpu", "--language", "fr"]
    environment = os.environ | VARIABLES | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "bakeoff.cli", *asked]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "900 photos dans 9 classes" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("advise", "--device", "tpu"), "device must be one of cpu, cuda, mps, got 'tpu'"),
        (("advise", "--language", "de"), "language must be one of en, fr, got 'de'"),
        (("advise", "--images", 10, "--classes", 2, "--hours", 0), "more than 0 hours"),
    ],
)
def test_bad_input_is_one_sentence(bakeoff, arguments, sentence):
    done = bakeoff(*arguments)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_aggregate_takes_folders_and_the_language_of_params(bakeoff, tmp_path):
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "params.yaml").write_text("language: fr\n")
    folders = [write_split(tmp_path / f"s{seed}", seed, {"baseline_tf": 0.7 + 0.01 * seed}) for seed in (0, 1)]
    done = bakeoff("aggregate", *folders, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 découpages" in done.stdout
    assert (tmp_path / "reports" / "aggregate.png").is_file()


def test_help_shows_the_loop_and_note_wants_a_comparison(bakeoff, tmp_path):
    assert "for s in 1 2 3 4 5; do dvc exp run" in bakeoff("aggregate", "--help").stdout
    (tmp_path / "dvc.yaml").touch()
    done = bakeoff("note", cwd=tmp_path)
    assert done.returncode == 1
    assert "choice.json is missing" in done.stderr
