"""A real repository with real DVC experiments over split seeds."""

import subprocess
import sys

import pytest
import yaml
from rich.console import Console

from aggregation.splits import PARAMS
from bakeoff.aggregation.results import from_experiments
from bakeoff.aggregation.run import aggregate
from bakeoff.core.errors import EvaluationError

pytestmark = [pytest.mark.torch, pytest.mark.slow]  # dvc lives in .venv-torch
STAGE = """
import json, pathlib, yaml
params = yaml.safe_load(open("params.yaml"))
seed = params["split"]["seed"]
pathlib.Path("reports").mkdir(exist_ok=True)
metrics = {"n_candidates": 2, "baseline_tf": {"accuracy": 0.7}, "swin_t-frozen": {"accuracy": 0.8 + 0.01 * seed}}
metrics["lucky-frozen"] = {"accuracy": 0.99, "apart": "random_weights"}
json.dump(metrics, open("reports/metrics.json", "w"))
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repository")

    def call(*command: str) -> None:
        subprocess.run(command, cwd=folder, check=True, capture_output=True)

    def dvc(*arguments: str) -> None:
        call(sys.executable, "-m", "dvc", *arguments)

    (folder / "go.py").write_text(STAGE)
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    stage = {"cmd": f"{sys.executable} go.py", "params": list(PARAMS), "metrics": ["reports/metrics.json"]}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"compare": stage}}))
    call("git", "init", "-q", "-b", "main")
    call("git", "config", "user.email", "a@example.org")
    call("git", "config", "user.name", "a")
    dvc("init", "-q")
    call("git", "add", "-A")
    call("git", "commit", "-qm", "start")
    for seed in (1, 2):
        dvc("exp", "run", "-q", "-n", f"split-{seed}", "-S", f"split.seed={seed}")
    dvc("exp", "run", "-q", "-n", "other", "-S", "profile=full")
    return folder


def test_all_experiments_of_this_commit(repository, tmp_path):
    record = aggregate(repository, [], tmp_path, console=Console(quiet=True))
    (study,) = record["studies"]
    assert [item["split"] for item in study["splits"]] == ["seed 1", "seed 2"]
    assert study["candidates"][0]["values"] == pytest.approx([0.81, 0.82])
    assert study["candidates"][0]["n_best"] == 2
    assert (study["candidates"][-1]["candidate"], study["candidates"][-1]["apart"]) == (
        "lucky-frozen",
        {"random_weights": 2},
    )
    assert "Left out, a single split each" in record["notes"][-1]


def test_named_experiments(repository, tmp_path):
    assert [result.name for result in from_experiments(repository, ["split-2", "split-1"])] == ["split-2", "split-1"]
    with pytest.raises(EvaluationError, match=r"'split-9' is neither a folder nor an experiment .* split-1"):
        aggregate(repository, ["split-9"], tmp_path)
    with pytest.raises(EvaluationError, match=r"split-1 and other do not belong to one study.*section profile"):
        aggregate(repository, ["split-1", "other"], tmp_path)


def test_where_dvc_knows_nothing(tmp_path):
    with pytest.raises(EvaluationError, match=r"`dvc exp show --json` in .* failed"):
        from_experiments(tmp_path)


def test_a_repository_without_experiments(repository, tmp_path):
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(repository), str(clone)], check=True, capture_output=True)
    with pytest.raises(EvaluationError, match="DVC knows no experiment of this commit with results"):
        aggregate(clone, [], tmp_path)
