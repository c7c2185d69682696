"""The whole pipeline, for real: DVC, both environments, a sqlite MLflow store, in a clone of its own."""

import json
import os
import shutil
import sqlite3
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages.other_catalogues import UNEQUAL, check, write_flipkart
from stages.project import SMALL, Project

pytestmark = [pytest.mark.torch, pytest.mark.slow]
DOTTED = "test_resnet.r160_in1k"
UNLISTED = "test_vit2"
CHOICES = [*SMALL, "dataset=flipkart", "modes=[frozen]", "text_models=[tfidf_svm]"]
CHOICES += [f"fuse.first=[{DOTTED}-frozen]", "fuse.second=[tfidf_svm-original]", "fuse.methods=[mean]"]
MODELS = f"models=[{DOTTED},{UNLISTED}]"


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> Project:
    """A shop's table; a dotted and an unlisted timm name, which have no conf file, beside the baseline.

    Both modes of one network are in test_measurements.py.
    """
    project = Project.create(tmp_path_factory.mktemp("study"))
    write_flipkart(project.folder / "data" / "raw" / "flipkart")
    project.said = project.bakeoff("run", *CHOICES, MODELS)
    project.logged = mlflow_metrics(project)
    return project


def leaderboard(project: Project) -> pd.DataFrame:
    return pd.read_csv(project.folder / "reports" / "leaderboard.csv")


def mlflow_metrics(project: Project) -> dict[str, float]:
    """{run name and key/metric: value} straight from the store's own tables."""
    with sqlite3.connect(project.folder / "mlruns" / "mlflow.db") as store:
        rows = store.execute(
            "select r.name || ' ' || t.value, m.key, m.value from runs r join latest_metrics m using (run_uuid) "
            "join tags t using (run_uuid) where t.key = 'bakeoff.key' and r.lifecycle_stage = 'active' "
            "and m.key not like 'system/%'"
        ).fetchall()
    return {f"{name}/{key}": value for name, key, value in rows}


def trained_keys(project: Project) -> set[str]:
    """The keys of the trainings of the unlisted network that the MLflow store has runs of."""
    with sqlite3.connect(project.folder / "mlruns" / "mlflow.db") as store:
        rows = store.execute(
            "select t.value from runs r join tags t using (run_uuid) where t.key = 'bakeoff.training_key' "
            f"and r.status = 'FINISHED' and r.name like '{UNLISTED}-frozen%'"
        ).fetchall()
    return {value for (value,) in rows}


def test_every_candidate_and_the_baseline_are_compared(study):
    names = {f"{DOTTED}-frozen", f"{UNLISTED}-frozen", "baseline_tf", "tfidf_svm-original"}
    names |= {f"{DOTTED}-frozen+tfidf_svm-original-mean"}
    board = leaderboard(study)
    assert set(board["candidate"]) == names
    assert (board["status"] == "ok").all()
    assert board["accuracy"].between(0, 1).all()
    assert (board["images_per_s"] > 0).all()
    pairs = json.loads((study.folder / "reports" / "choice.json").read_text(encoding="utf-8"))["pairs"]
    assert [one["candidate"] for one in pairs] == [f"{DOTTED}-frozen+tfidf_svm-original-mean"]
    assert 'id="pairs"' in (study.folder / "reports" / "index.html").read_text(encoding="utf-8")


def test_a_shops_table_of_seven_unequal_classes_and_faulty_products(study):
    check(study, n_candidates=5, n_products=sum(UNEQUAL.values()))
    rejected = pd.read_csv(study.folder / "data" / "catalogue" / "rejected.csv")["reason"].tolist()
    assert len(rejected) == 7
    assert "Took " in study.said


def test_predictions_cover_every_product_and_agree_with_the_metrics(study):
    splits = pd.read_parquet(study.folder / "data" / "splits" / "splits.parquet")
    folders = sorted((study.folder / "runs").glob("*/seed_0"))
    assert len(folders) == 5
    for folder in folders:
        predictions = pd.read_parquet(folder / "training" / "predictions.parquet")
        assert set(predictions["product_id"]) == set(splits["product_id"])
        probabilities = np.stack(predictions["probabilities"].to_list())
        assert np.abs(probabilities.sum(axis=1) - 1).max() < 1e-5
        test = (predictions["split"] == "test").to_numpy()
        accuracy = (probabilities.argmax(axis=1) == predictions["label_id"])[test].mean()
        recorded = json.loads((folder / "evaluation" / "metrics.json").read_text())["splits"]["test"]["accuracy"]
        assert recorded == pytest.approx(accuracy, abs=1e-12)


def test_mlflow_has_accuracy_and_throughput_of_every_candidate(study):
    metrics = mlflow_metrics(study)
    for row in leaderboard(study).itertuples():
        run = next(key.split("/")[0] for key in metrics if key.startswith(f"{row.candidate} "))
        assert metrics[f"{run}/test_accuracy"] == pytest.approx(row.accuracy)
        assert metrics[f"{run}/images_per_s"] == pytest.approx(row.images_per_s)
        assert metrics[f"{run}/train_memory_mib"] == pytest.approx(row.train_memory_mib)


def test_random_starts_are_said_first_and_the_answer_is_written(study):
    choice = json.loads((study.folder / "reports" / "choice.json").read_text())
    assert "does not compare backbones" in json.dumps(choice)
    page = (study.folder / "reports" / "index.html").read_text(encoding="utf-8")
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "random" in page.lower()


def test_a_second_repro_does_nothing(study):
    said = study.dvc("repro")
    assert "Running stage" not in said
    assert study.dvc("status").strip().endswith("up to date.")


def test_one_learning_rate_changed_reruns_one_candidate_and_a_temp_copy_fills_the_same_store(study):
    before = set(mlflow_metrics(study))
    rate = f"+backbones.{UNLISTED}={{name: {UNLISTED}, training: {{frozen: {{learning_rate: 0.01}}}}}}"
    choices = (part for item in (*CHOICES, MODELS, rate) for part in ("-S", item))
    said = study.dvc("exp", "run", "--temp", *choices)
    assert f"Running stage 'train_torch@{UNLISTED}-frozen-0'" in said
    assert f"Running stage 'train_torch@{DOTTED}" not in said
    assert "Running stage 'baseline_tf" not in said
    assert "Running stage 'prepare'" not in said
    assert (study.folder / "mlruns" / "mlflow.db").is_file()
    assert set(mlflow_metrics(study)) >= before
    assert not (study.folder / "runs" / f"{UNLISTED}-frozen" / "seed_1").exists()


def test_two_queued_experiments_at_once_collide_in_nothing(study, monkeypatch):
    """They share the MLflow store, the caches of features and checkpoints, and the lock on measurements."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{study.environment['PATH']}"  # DVC's workers call `dvc`
    monkeypatch.setitem(study.environment, "PATH", path)
    before = trained_keys(study)
    for rate in (0.02, 0.04):
        own = f"+backbones.{UNLISTED}={{name: {UNLISTED}, training: {{frozen: {{learning_rate: {rate}}}}}}}"
        choices = (part for item in (*CHOICES, MODELS, own) for part in ("-S", item))
        study.dvc("exp", "run", "--queue", *choices)
    study.dvc("queue", "start", "-j", "2")
    deadline, states = time.monotonic() + 900, ""
    while time.monotonic() < deadline and ("Running" in states or "Queued" in states or not states):
        time.sleep(5)
        states = study.dvc("queue", "status")
    study.dvc("queue", "stop")
    assert states.count("Success") == 2, states + "".join(
        study.dvc("queue", "logs", line.split()[0], ok=False)[-3000:] for line in states.splitlines()[1:3]
    )
    assert len(trained_keys(study) - before) == 2
    study.dvc("queue", "remove", "--all")


def test_a_clone_that_only_pulls_shows_the_same(study, tmp_path):
    remote = tmp_path / "remote"
    study.dvc("remote", "add", "-f", "-d", "store", str(remote))
    study.dvc("push")
    study.commit("results")
    other = study.clone(tmp_path / "clone")
    other.dvc("pull")
    said = other.bakeoff("sync")
    assert "5 " in said
    pd.testing.assert_frame_equal(leaderboard(study), leaderboard(other))
    # As logged when the study ended: a --temp run since measured times of the same trainings anew.
    assert mlflow_metrics(other) == pytest.approx(study.logged)
    assert (other.folder / "reports" / "index.html").read_bytes() == (
        study.folder / "reports" / "index.html"
    ).read_bytes()
    assert other.dvc("status").strip().endswith("up to date.")


def test_one_failing_candidate_does_not_cost_the_study(study, tmp_path):
    project = Project(tmp_path / "broken")
    shutil.copytree(study.folder, project.folder, symlinks=True)
    wrong = project.folder / "checkpoints"
    wrong.mkdir()
    from safetensors.numpy import save_file

    save_file({"elsewhere.weight": np.zeros((2, 2), np.float32)}, wrong / f"{UNLISTED}.safetensors")
    project.bakeoff("params", *CHOICES, MODELS, "weights.folder=checkpoints")
    said = project.bakeoff("run", ok=False)
    assert "elsewhere.weight" in said or "does not" in said
    board = leaderboard(project).set_index("candidate")
    assert board.loc[f"{UNLISTED}-frozen", "status"] == "failed"
    assert board.loc[f"{DOTTED}-frozen", "status"] == "ok"
    assert board.loc["baseline_tf", "status"] == "ok"


def test_a_training_is_bit_identical_from_scratch(study, tmp_path):
    project = study.clone(tmp_path / "again")
    write_flipkart(project.folder / "data" / "raw" / "flipkart")
    project.bakeoff("params", *CHOICES, f"models=[{DOTTED}]")
    said = project.dvc("repro", f"evaluate@{DOTTED}-frozen-0")
    assert "Running stage 'train_torch" in said
    training = Path("runs") / f"{DOTTED}-frozen" / "seed_0" / "training"
    first, second = (p.folder / training for p in (study, project))
    for name in ("predictions.parquet", "training.json", "model.safetensors"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    costs = [json.loads((folder / "cost.json").read_text()) for folder in (first, second)]
    assert costs[0]["key"] == costs[1]["key"]
    assert costs[0]["started_at"] != costs[1]["started_at"]
