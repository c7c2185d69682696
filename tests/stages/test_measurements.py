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


def measured(study: Project) -> ThroughputRecord:
    return ThroughputRecord.read(study.folder / "measurements" / "throughput.json")


def test_modes_share_what_the_stage_measured(study: Project) -> None:
    networks = measured(study).networks
    assert sorted(networks) == ["baseline_tf", MODEL]
    assert all((speed.gmacs or 0) > 0 for speed in networks.values())
    board = pd.read_csv(study.folder / "reports" / "leaderboard.csv").set_index("candidate")
    for candidate in board.index:
        network = "baseline_tf" if candidate == "baseline_tf" else MODEL
        assert board.loc[candidate, "images_per_s"] == pytest.approx(networks[network].images_per_s)


def test_a_session_of_both_environments(study: Project) -> None:
    printed = study.bakeoff("throughput", "--rounds", "2")
    assert "Throughput: median of all calls" in printed
    record = measured(study)
    assert record.session.rounds == 2
    assert record.failed == {}
    assert sorted(record.networks) == ["baseline_tf", MODEL]
    for speed in record.networks.values():
        assert speed.images_per_s_low <= speed.images_per_s <= speed.images_per_s_high
        assert speed.n_rounds == 2
    assert {speed.framework for speed in record.networks.values()} == {"pytorch", "tensorflow"}


def test_a_broken_network_and_an_interrupt_lose_nothing(study: Project) -> None:
    settings = study.folder / "data" / "candidates" / f"{MODEL}.json"
    kept = settings.read_bytes()
    settings.unlink()  # a link into DVC's cache, which stays
    settings.write_bytes(kept.replace(b'"name": "test_resnet', b'"name": "test_nothing'))
    try:
        printed = study.bakeoff("throughput", "--rounds", "1", ok=False)
        assert f"failed: {MODEL}: " in printed
        session = study.folder / "measurements" / "throughput.json"
        assert list(measured(study).networks) == ["baseline_tf"]
        before = session.read_bytes()
        command = [sys.executable, "-m", "bakeoff.cli", "throughput", "--rounds", "500", "--budget", "1000"]
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
        settings.write_bytes(kept)
    printed = study.bakeoff("throughput", "--candidate", "nobody", ok=False)
    assert "'nobody' is no candidate or network of the study" in " ".join(printed.split())


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
