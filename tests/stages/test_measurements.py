"""A study of two very unequal classes, and `bakeoff throughput` and `bakeoff variants` on it, in both environments."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from bakeoff.records.speed import ThroughputRecord
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


def speed_of(study: Project) -> ThroughputRecord:
    return ThroughputRecord.read(study.folder / "measurements" / "throughput.json")


def test_every_network_is_measured_once_whatever_its_modes(study: Project) -> None:
    record = speed_of(study)
    assert sorted(record.networks) == ["baseline_tf", MODEL]
    assert (record.session.rounds, record.failed) == (1, {})
    frameworks = {name: speed.framework for name, speed in record.networks.items()}
    assert frameworks == {"baseline_tf": "tensorflow", MODEL: "pytorch"}
    for speed in record.networks.values():
        assert (speed.gmacs or 0) > 0
        assert speed.predict_memory_mib is not None
        assert [point.batch_size for point in speed.sweep] == [1, 2]
    board = pd.read_csv(study.folder / "reports" / "leaderboard.csv").set_index("candidate")
    assert board.loc[f"{MODEL}-frozen", "latency_ms"] == board.loc[f"{MODEL}-finetune", "latency_ms"]
    assert board.loc["baseline_tf", "images_per_s"] == pytest.approx(record.networks["baseline_tf"].images_per_s)


def test_a_session_of_both_environments_is_the_stage_s_result_from_then_on(study: Project) -> None:
    printed = study.bakeoff("throughput", "--rounds", "2", "--budget", "2")
    assert "Throughput: median of all calls" in printed
    record = speed_of(study)
    assert (record.session.rounds, record.session.budget_s) == (2, 2.0)
    for speed in record.networks.values():
        assert speed.n_rounds == 2
        assert speed.images_per_s_low <= speed.images_per_s <= speed.images_per_s_high
        assert speed.latency_ms_p50_low <= speed.latency_ms_p50 <= speed.latency_ms_p50_high
    assert set(json.loads(study.dvc("status", "--json"))) == {"compare"}, "what was measured is in dvc.lock"


def test_one_candidate_alone_keeps_the_other_networks(study: Project) -> None:
    before = speed_of(study)
    study.bakeoff("throughput", "--candidate", f"{MODEL}-finetune")
    after = speed_of(study)
    assert after.networks["baseline_tf"] == before.networks["baseline_tf"]
    assert after.networks[MODEL] != before.networks[MODEL]
    assert "'nobody' is not a candidate" in study.bakeoff("throughput", "--candidate", "nobody", ok=False)


def test_a_broken_network_and_an_interrupt_lose_nothing(study: Project) -> None:
    settings = study.folder / "data" / "candidates" / f"{MODEL}.json"
    path, kept = study.folder / "measurements" / "throughput.json", settings.read_bytes()
    settings.unlink()  # DVC may have linked it to its cache
    settings.write_text("{")
    try:
        printed = study.bakeoff("throughput", ok=False)
        assert f"failed: {MODEL}: " in printed
        assert sorted(speed_of(study).networks) == ["baseline_tf"]
    finally:
        settings.write_bytes(kept)
    before = path.read_bytes()
    command = [sys.executable, "-m", "bakeoff.cli", "throughput", "--rounds", "500", "--budget", "500"]
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore Ctrl-C, as would it
    running = subprocess.Popen(command, cwd=study.folder, env=study.environment, stdout=subprocess.DEVNULL)
    signal.signal(signal.SIGINT, inherited)
    time.sleep(12)
    running.send_signal(signal.SIGINT)
    assert running.wait(60) != 0
    assert path.read_bytes() == before


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
