"""The stage as processes: killed at any moment it ends in the same bytes, and two of them train as one does.

BAKEOFF_KILLS=20 pytest tests/training/test_training_processes.py      # what `make proofs` does; 3 by default
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bakeoff.data.table import Catalogue
from bakeoff.learning.recipe import RecipeRecord
from bakeoff.records.training import TrainingRecord

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.slow]
STAGE = Path(__file__).resolve().parents[2] / "stages" / "train_torch.py"
N_KILLS = int(os.environ.get("BAKEOFF_KILLS", "3"))
TRACKING = {"experiment": "test", "tensorboard": False, "system_metrics": False, "log_models": False}


@pytest.fixture
def command(
    catalogue: Catalogue, weights_dir: Path, make_request: Callable[..., Any], tmp_path: Path
) -> Callable[..., tuple[list[str], Path]]:
    """Return a maker of the stage's command line and the folder that it writes, each in a project of its own."""

    def make(name: str, *, processes: int = 1, **options: Any) -> tuple[list[str], Path]:
        project = tmp_path / name
        project.mkdir()
        request = make_request(**options)
        request.settings.write(project / "tiny.json")
        RecipeRecord(recipe=request.recipe).write(project / "recipe.json")
        compute = {"device": "cpu", "threads": 1, "processes": processes}
        params = {"compute": compute, "scan": {"implementation": "auto"}, "tracking": TRACKING}
        (project / "params.yaml").write_text(yaml.safe_dump(params))
        shutil.copytree(weights_dir, project / "weights")
        out = project / "runs" / f"tiny-{request.mode.name}" / "seed_0" / "training"
        data = tmp_path / "data"
        flags = {"params": "params.yaml", "candidate": "tiny.json", "recipe": "recipe.json", "mode": request.mode.name}
        flags |= {"catalogue": str(data / "catalogue"), "splits": str(data / "splits.parquet")}
        flags |= {"weights": "weights", "out": str(out.relative_to(project))}
        return [
            sys.executable,
            str(STAGE),
            *(part for flag in flags.items() for part in (f"--{flag[0]}", flag[1])),
        ], out

    return make


def started(line: list[str], out: Path) -> subprocess.Popen[str]:
    project = out.parents[3]
    environment = {**os.environ, "BAKEOFF_ROOT": str(project)}
    return subprocess.Popen(line, cwd=project, env=environment, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> None:
    told = process.communicate(timeout=300)[1]
    assert process.returncode == 0, told


def test_a_training_killed_at_any_moment_ends_in_the_same_bytes(command: Callable[..., Any]) -> None:
    options = {"mode": "finetune", "augment": "flip", "epochs": 40, "ema": 0.9, "scheduler": "cosine"}
    line, whole = command("whole", **options)
    begun = time.monotonic()
    finish(started(line, whole))
    lasts_s = time.monotonic() - begun

    line, killed = command("killed", **options)
    moments, n_killed = random.Random(0), 0
    while n_killed < N_KILLS:
        shutil.rmtree(killed, ignore_errors=True)  # as DVC does before it runs a stage
        process = started(line, killed)
        try:
            process.communicate(timeout=moments.uniform(0.3, 1.0) * lasts_s)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            n_killed += 1
        process.communicate()
    shutil.rmtree(killed, ignore_errors=True)
    finish(started(line, killed))
    for name in ("model.safetensors", "predictions.parquet"):
        assert (whole / name).read_bytes() == (killed / name).read_bytes(), name
    told = [json.loads((out / "training.json").read_text()) for out in (whole, killed)]
    assert told[0] == told[1]
    assert not list((killed.parents[3] / ".bakeoff" / "checkpoints").glob("*/state.pt"))


def test_two_processes_train_as_one_with_the_same_batches(command: Callable[..., Any]) -> None:
    from safetensors.torch import load_file

    from bakeoff.records.recipe import HeadParams

    found = []
    for n in (1, 2):
        head = HeadParams(hidden=[], batch_norm=False, dropout=0.0)
        options = {"mode": "finetune", "augment": "flip", "batch_norm": "eval", "clip_norm": 1.0, "head": head}
        options |= {"early_stop_patience_epochs": 3, "scheduler": "plateau"}
        line, out = command(f"processes_{n}", processes=n, **options, epochs=4, accumulate=2, ema=0.5)
        finish(started(line, out))
        record = TrainingRecord.read(out / "training.json")
        assert record.processes == n
        found.append((load_file(out / "model.safetensors"), record, (out / "history.csv").read_text().splitlines()))
    (one, record, rows), (two, other, same_rows) = found
    assert (record.steps_run, len(rows), record.key == other.key) == (other.steps_run, len(same_rows), False)
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, atol=2e-5, rtol=1e-3, msg=name)
    losses = [[float(row.split(",")[2]) for row in lines[1:]] for lines in (rows, same_rows)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_batches_too_small_for_the_processes_are_told(command: Callable[..., Any]) -> None:
    line, out = command("small", processes=2, mode="finetune", batch_size=3)
    process = started(line, out)
    told = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert "compute.processes is 2, and each takes 2 rows of a batch or more; set batch_size (now 3" in told
    assert "Traceback" not in told


def test_a_process_that_dies_takes_the_training_down_in_one_sentence(command: Callable[..., Any]) -> None:
    line, out = command("dying", processes=2, mode="finetune", epochs=100_000)
    process = started(line, out)
    checkpoints = out.parents[3] / ".bakeoff" / "checkpoints"
    for _ in range(600):
        if list(checkpoints.glob("*/state.pt")):
            break
        time.sleep(0.1)
    helper = subprocess.check_output(["pgrep", "-f", "-P", str(process.pid), "train_torch"], text=True).split()[0]
    os.kill(int(helper), signal.SIGKILL)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "another process of this training has ended" in told
    assert "Traceback" not in told


def test_torchrun_starts_them_too(command: Callable[..., Any]) -> None:
    line, out = command("torchrun", mode="finetune", epochs=1)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    finish(started([line[0], *launcher, *line[1:]], out))
    assert TrainingRecord.read(out / "training.json").processes == 2
    line, out = command("alone", mode="frozen", batch_size=3)  # a head on features needs nobody else
    finish(started([line[0], *launcher, *line[1:]], out))
    assert TrainingRecord.read(out / "training.json").processes == 1
