"""A study of two very unequal classes, and `bakeoff throughput` and `bakeoff variants` on it, in both environments."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from stages.other_catalogues import check, write_folders
from stages.project import ROOT, SMALL, Project

pytestmark = [pytest.mark.torch, pytest.mark.slow]
MODEL = "test_resnet.r160_in1k"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Project:
    if not Path(os.environ.get("BAKEOFF_PYTHON_TF", ROOT / ".venv-tf" / "bin" / "python")).is_file():
        pytest.skip("needs .venv-tf")
    project = Project.create(tmp_path_factory.mktemp("measured") / "project")
    write_folders(project.folder / "data" / "raw" / "folder", {"shoes": 95, "bags": 5}, side_px=40)
    project.said = project.bakeoff("run", *SMALL, f"models=[{MODEL}]", "dataset=folder")
    return project


def test_two_classes_of_ninety_five_and_five_photos_of_forty_px(study: Project) -> None:
    check(study, n_candidates=3, n_products=100)
    board = pd.read_csv(study.folder / "reports" / "leaderboard.csv")
    assert set(board["candidate"]) == {f"{MODEL}-frozen", f"{MODEL}-finetune", "baseline_tf"}


def test_modes_share_what_evaluate_measured(study: Project) -> None:
    records = {
        path.parents[2].name: json.loads(path.read_text())
        for path in study.folder.glob("runs/*/seed_0/evaluation/throughput.json")
    }
    assert sorted(records) == ["baseline_tf", f"{MODEL}-finetune", f"{MODEL}-frozen"]
    assert records[f"{MODEL}-frozen"]["speed_key"] == records[f"{MODEL}-finetune"]["speed_key"]
    assert records["baseline_tf"]["gmacs"] > 0 < records[f"{MODEL}-frozen"]["gmacs"]


def test_a_session_of_both_environments(study: Project) -> None:
    printed = study.bakeoff("throughput", "--rounds", "2")
    assert "Throughput: medians over the rounds" in printed
    session = json.loads((study.folder / "measurements" / "throughput.json").read_text())
    assert session["session"]["rounds"] == 2
    assert session["session"]["failed"] == {}
    assert sorted(map(sorted, session["session"]["candidates"].values())) == [
        ["baseline_tf"],
        [f"{MODEL}-finetune", f"{MODEL}-frozen"],
    ]
    for key, record in session["records"].items():
        assert record["images_per_s_low"] <= record["images_per_s"] <= record["images_per_s_high"]
        evaluated = study.folder / "runs" / record["measured_on"] / "seed_0" / "evaluation" / "throughput.json"
        assert json.loads(evaluated.read_text())["speed_key"] == key  # `compare` finds it
        assert record["peak_memory_mib"] == json.loads(evaluated.read_text())["peak_memory_mib"]


def test_a_broken_candidate_and_an_interrupt_lose_nothing(study: Project) -> None:
    model = study.folder / "runs" / "baseline_tf" / "seed_0" / "training" / "model.keras"
    kept = model.with_suffix(".kept")
    shutil.move(model, kept)
    try:
        printed = study.bakeoff("throughput", "--rounds", "1", ok=False)
        assert "failed: baseline_tf: " in printed
        session = study.folder / "measurements" / "throughput.json"
        assert len(json.loads(session.read_text())["records"]) == 1
        before = session.read_bytes()
        command = [sys.executable, "-m", "bakeoff.cli", "throughput", "--rounds", "500"]
        inherited = signal.signal(
            signal.SIGINT, signal.default_int_handler
        )  # background jobs ignore Ctrl-C, as would it
        running = subprocess.Popen(command, cwd=study.folder, env=study.environment, stdout=subprocess.DEVNULL)
        signal.signal(signal.SIGINT, inherited)
        time.sleep(12)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) != 0
        assert session.read_bytes() == before
    finally:
        shutil.move(kept, model)
    assert "no training of nobody" in study.bakeoff("throughput", "--candidate", "nobody", ok=False)


def test_variants_of_a_trained_candidate(study: Project) -> None:
    printed = study.bakeoff("variants", f"{MODEL}-frozen", "--variant", "packed", "--variant", "contiguous")
    assert "Variants of" in printed
    found = json.loads((study.folder / "measurements" / "variants.json").read_text())[f"{MODEL}-frozen"]
    assert [(row["variant"], row["status"]) for row in found["variants"]] == [
        ("plain", "ok"),
        ("contiguous", "ok"),
        ("packed", "ok"),
    ]
    assert found["n_test"] > 0
    assert "baseline_tf has no variants" in study.bakeoff("variants", "baseline_tf", ok=False)
