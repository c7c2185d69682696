"""What an edit reruns: a line in each room, a text, a product; and the stages that `dvc status` then names."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bakeoff.study.params import write_params

pytestmark = [pytest.mark.torch, pytest.mark.slow]  # dvc lives in .venv-torch

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = {"prepare", "audit", "split"}
TRAINERS = {"train_torch", "baseline_tf"}
EVALUATION = {"evaluate", "evaluate_baseline"}
INTERPRETATION = {"interpret", "interpret_baseline"}
WEIGHTS = {"candidates", "weights", "weights_baseline"}
PREDICTING = {*INTERPRETATION, "throughput"}
EVERYTHING = {"fetch", "compare", *CATALOGUE, *TRAINERS, *EVALUATION, *WEIGHTS, *PREDICTING}
RERUN = {
    "src/bakeoff/core": EVERYTHING,
    "src/bakeoff/records": EVERYTHING,
    "src/bakeoff/data": EVERYTHING - {"fetch", "weights", "weights_baseline"},
    "src/bakeoff/catalogue": {"fetch", *CATALOGUE},
    "src/bakeoff/scan": {"train_torch", "interpret", "throughput", *WEIGHTS},
    "src/bakeoff/backbones": {"train_torch", "interpret", "throughput", *WEIGHTS},
    "src/bakeoff/weights": {"weights", "weights_baseline", "throughput"},
    "src/bakeoff/learning": {*TRAINERS, *PREDICTING, "weights", "weights_baseline"},
    "src/bakeoff/training": {"train_torch", "interpret", "throughput"},
    "src/bakeoff/baseline_tf": {"baseline_tf", "interpret_baseline", "throughput"},
    "src/bakeoff/predictors": PREDICTING,
    "src/bakeoff/statistics": {*EVALUATION, "compare"},
    "src/bakeoff/evaluation": {*EVALUATION, "compare"},
    "src/bakeoff/speed": {"throughput"},
    "src/bakeoff/interpret": INTERPRETATION,
    "src/bakeoff/decision": {"compare"},
    "src/bakeoff/report": {"compare"},
    "src/bakeoff/locale": {"compare"},
    "src/bakeoff/study": {"compare"},
    "src/bakeoff/advice": set(),
    "src/bakeoff/aggregation": set(),
    "src/bakeoff/cli": set(),
    "src/bakeoff/deploy": set(),
    "src/bakeoff/tracking": set(),
    "docs": set(),
    "data/catalogue/texts.parquet": {"audit"},
    "data/audit": {"compare"},
    "data/catalogue/products.parquet": {"audit", "split", *TRAINERS, *EVALUATION, *INTERPRETATION},
    "data/splits/splits.parquet": {*TRAINERS, *EVALUATION, *INTERPRETATION},
    "measurements/throughput.json": {"compare"},
}
"""Stages whose dependencies an edit changes; those after them run only where an output of theirs then differs."""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study as DVC sees one that has run: every stage's output is a small file, committed."""
    from dvc.repo import Repo

    root = tmp_path_factory.mktemp("study")
    for name in ("src", "stages", "conf", "tools", "docs"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "dvc.yaml", root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        write_params(root, ["models=[resnet18]", "modes=[frozen]"])
        repo = Repo.init(str(root), no_scm=True)
        for name in ("data/catalogue/texts.parquet", *(one.fs_path for one in (*repo.index.outs, *repo.index.deps))):
            path = root / name
            if not path.exists():
                file = path if path.suffix else path / "file"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text("made")
        repo.commit(force=True)
        assert repo.status() == {}
        yield repo


def test_every_room_has_its_row():
    rooms = {path.parent.name for path in (ROOT / "src" / "bakeoff").glob("*/__init__.py")} | {"locale"}
    assert {Path(name).name for name in RERUN if name.startswith("src/")} == rooms


@pytest.mark.parametrize("edited", RERUN)
def test_an_edit_reruns(study, edited):
    path = Path(study.root_dir) / edited
    file = path if path.is_file() else next(one for one in sorted(path.rglob("*")) if one.is_file())
    before = file.read_bytes()
    try:
        file.write_bytes(before + b"\n# edited\n")
        changed = {
            name.partition("@")[0]
            for name, problems in study.status().items()
            if any("changed deps" in problem for problem in problems)
        }
    finally:
        file.write_bytes(before)
    assert changed == RERUN[edited]
