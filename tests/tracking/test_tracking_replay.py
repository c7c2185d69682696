from __future__ import annotations

import json
from pathlib import Path

import pytest
from tracking_files import write_candidate, write_evaluation, write_interpretation, write_speed, write_training

from bakeoff.core.errors import EvaluationError, TrackingError
from bakeoff.core.failures import read_failures
from bakeoff.core.paths import state_dir
from bakeoff.records.training import CostRecord
from bakeoff.tracking.mirror import replay
from bakeoff.tracking.records import read_results
from bakeoff.tracking.store import open_client
from records_made import weights_record


def run_of(run_id):
    return open_client()[0].get_run(run_id)


def all_runs(experiment="bakeoff"):
    client, _ = open_client()
    found = client.get_experiment_by_name(experiment)
    return client.search_runs([found.experiment_id])


def artifact_paths(run_id, folder=None):
    client, _ = open_client()
    paths = []
    for item in client.list_artifacts(run_id, folder):
        paths += artifact_paths(run_id, item.path) if item.is_dir else [item.path]
    return paths


@pytest.fixture
def candidate(project):
    return write_candidate(project / "runs" / "tiny-frozen" / "seed_0")


def test_the_run_says_what_the_files_say(candidate, tracking_params):
    run = run_of(replay(candidate, params=tracking_params))
    assert run.info.run_name == "tiny-frozen"
    assert run.info.status == "FINISHED"
    assert run.data.metrics["test_accuracy"] == 0.75
    assert run.data.metrics["validation_macro_f1"] == 0.7
    assert run.data.metrics["images_per_s"] == 20.0
    assert run.data.metrics["latency_ms_p50"] == 60.0
    assert run.data.metrics["predict_memory_mib"] == 300.0
    assert run.data.metrics["train_memory_mib"] == 700.0
    assert run.data.metrics["train_time_s"] == 4.0
    assert run.data.metrics["part_drop_red"] == 0.25
    assert run.data.metrics["robustness_loss"] == pytest.approx(20)
    assert run.data.metrics["epoch/train_loss"] == 0.5
    assert run.data.params["settings.head.dropout"] == "0.2"
    assert run.data.params["training.max_steps"] == "null"
    assert run.data.tags["bakeoff.pretrained"] == "yes"
    assert run.data.tags["bakeoff.commercial_use"] == "yes"
    assert run.data.tags["bakeoff.licence"] == "apache-2.0"
    assert run.data.tags["bakeoff.weights_sha256"] == "e" * 64
    assert run.data.tags["mlflow.source.git.commit"] == run.data.tags["bakeoff.git_commit"] == "c0ffee"


def test_dataset_lineage(candidate, tracking_params):
    (item,) = run_of(replay(candidate, params=tracking_params)).inputs.dataset_inputs
    assert item.dataset.name == "stamps"
    assert item.dataset.digest == "d" * 36
    assert json.loads(item.dataset.source) == {"url": "https://example.org/stamps"}


def test_artifacts_are_figures_tables_and_texts_but_neither_weights_nor_predictions(candidate, tracking_params):
    run_id = replay(candidate, params=tracking_params)
    paths = set(artifact_paths(run_id))
    assert {
        "evaluation/confusion_matrix.json",
        "evaluation/classification_report.txt",
        "evaluation/figures/confusion.png",
        "training/figures/preview.png",
        "interpretation/attributions/p1.png",
        "weights/record.json",
    } <= paths
    assert not [path for path in paths if path.endswith((".safetensors", ".parquet")) or "/maps/" in path]


def test_the_confusion_matrix_is_a_table_that_mlflow_loads(candidate, tracking_params, monkeypatch):
    run = run_of(replay(candidate, params=tracking_params))
    client, store = open_client()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)  # load_table asks the process's store, not the client's
    table = client.load_table(run.info.experiment_id, "evaluation/confusion_matrix.json")
    assert table[["food", "town"]].to_numpy().tolist() == [[2, 0], [1, 1]]


def test_epochs_have_steps_and_the_seconds_between_them(candidate, tracking_params):
    run_id = replay(candidate, params=tracking_params)
    history = open_client()[0].get_metric_history(run_id, "epoch/train_loss")
    assert [(point.step, point.value) for point in history] == [(1, 1.0), (2, 0.5)]
    assert history[1].timestamp - history[0].timestamp == 2000


def test_replaying_twice_adds_nothing(candidate, tracking_params, project):
    first = replay(candidate, params=tracking_params)
    before = run_of(first).to_dictionary()
    files = {path: path.stat().st_mtime_ns for path in (project / "mlruns" / "artifacts").rglob("*")}
    assert replay(candidate, params=tracking_params) == first
    assert run_of(first).to_dictionary() == before
    assert {path: path.stat().st_mtime_ns for path in (project / "mlruns" / "artifacts").rglob("*")} == files
    assert len(all_runs()) == 1


def test_stage_by_stage_fills_one_run(project, tracking_params):
    folder = project / "runs" / "tiny-frozen" / "seed_0"
    write_training(folder)
    first = replay(folder, params=tracking_params)
    key_of_training = run_of(first).data.tags["bakeoff.key"]
    write_evaluation(folder)
    assert replay(folder, params=tracking_params) == first
    write_interpretation(folder)
    assert replay(folder, params=tracking_params) == first
    run = run_of(first)
    assert run.data.tags["bakeoff.evaluation_key"] == "b" * 16
    assert run.data.tags["bakeoff.interpretation_key"] == "f" * 16
    assert run.data.tags["bakeoff.key"] != key_of_training


def test_another_evaluation_key_makes_another_run_that_holds_everything(candidate, tracking_params):
    first = replay(candidate, params=tracking_params)
    write_evaluation(candidate, key="9" * 16)
    second = replay(candidate, params=tracking_params)
    assert second != first
    assert run_of(second).data.metrics == run_of(first).data.metrics
    write_evaluation(candidate)
    assert replay(candidate, params=tracking_params) == first


def test_a_class_called_infinity_and_a_link_to_nowhere_cost_nothing(candidate, tracking_params, project):
    (candidate / "evaluation" / "confusion.csv").write_text("true,Infinity,b\nInfinity,1,0\nb,0,1\n", encoding="utf-8")
    (candidate / "training" / "figures").mkdir(exist_ok=True)
    (candidate / "training" / "figures" / "gone.png").symlink_to("/nonexistent/gone.png")
    run = run_of(replay(candidate, params=tracking_params))
    (table,) = (project / "mlruns" / "artifacts").rglob("confusion_matrix.json")
    assert json.loads(table.read_text())["data"][0] == ["Infinity", 1, 0]
    assert run.info.status == "FINISHED"


def test_an_older_trainings_evaluation_is_left_out(candidate, tracking_params):
    write_training(candidate, key="1" * 16)
    run = run_of(replay(candidate, params=tracking_params))
    assert "test_accuracy" not in run.data.metrics
    assert "bakeoff.evaluation_key" not in run.data.tags


def test_figures_measured_again_replace_the_old_ones(candidate, tracking_params):
    first = replay(candidate, params=tracking_params)
    write_speed(candidate.parents[2], images_per_s=30.0)
    assert replay(candidate, params=tracking_params) == first
    assert run_of(first).data.metrics["images_per_s"] == 30.0


def test_speed_that_is_measured_later_comes_into_the_run_that_is_there(project, tracking_params):
    folder = project / "runs" / "tiny-frozen" / "seed_0"
    write_training(folder)
    first = replay(folder, params=tracking_params)
    assert "images_per_s" not in run_of(first).data.metrics
    write_speed(project, latency_ms_p99=None)
    assert replay(folder, params=tracking_params) == first
    metrics = run_of(first).data.metrics
    assert (metrics["images_per_s"], metrics["latency_ms_p50"]) == (20.0, 60.0)
    assert "latency_ms_p99" not in metrics, "too few calls to know it"


def test_a_network_that_was_not_measured_has_no_speed(project, tracking_params):
    folder = write_candidate(project / "runs" / "new-frozen" / "seed_0", candidate="new-frozen", model="new")
    metrics = run_of(replay(folder, params=tracking_params)).data.metrics
    assert "images_per_s" not in metrics
    assert metrics["train_time_s"] == 4.0


def test_a_training_repeated_at_another_cost_is_the_same_run(candidate, tracking_params):
    first = replay(candidate, params=tracking_params)
    cost = CostRecord.read(candidate / "training" / "cost.json")
    cost.model_copy(update={"train_time_s": 5.0}).write(candidate / "training" / "cost.json")
    assert replay(candidate, params=tracking_params) == first
    assert run_of(first).data.metrics["train_time_s"] == 5.0


def test_a_seed_other_than_0_is_in_the_name(project, tracking_params):
    folder = write_candidate(project / "runs" / "tiny-frozen" / "seed_3", seed=3)
    assert run_of(replay(folder, params=tracking_params)).info.run_name == "tiny-frozen-seed_3"


def test_dvc_experiment_and_random_start_are_tagged(project, tracking_params, monkeypatch):
    monkeypatch.setenv("DVC_EXP_NAME", "merry-owl")
    folder = project / "runs" / "tiny-frozen" / "seed_0"
    write_training(folder, weights=weights_record("tiny", pretrained=False))
    tags = run_of(replay(folder, params=tracking_params)).data.tags
    assert tags["bakeoff.dvc_experiment"] == "merry-owl"
    assert tags["bakeoff.pretrained"] == "no"
    assert tags["bakeoff.commercial_use"] == "unknown"
    assert tags["bakeoff.weights_reason"] == "unreachable"


def test_missing_training_is_told(project, tracking_params):
    with pytest.raises(TrackingError, match="a run is made from a finished training"):
        replay(project / "runs" / "none" / "seed_0", params=tracking_params)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not valid JSON"),
        ("[1]", "does not hold what it should: file: Input should be"),
        ('{"format": 2}', "lacks key"),
    ],
)
def test_broken_records_are_told(candidate, tracking_params, text, message):
    (candidate / "evaluation" / "metrics.json").write_text(text, encoding="utf-8")
    with pytest.raises(EvaluationError, match=f"metrics.json {message}"):
        replay(candidate, params=tracking_params)


@pytest.mark.survives
def test_a_server_that_is_not_there_costs_one_line(candidate, tracking_params, monkeypatch, capfd):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert replay(candidate, params=tracking_params) is None
    lines = capfd.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert "bakeoff: warning: the MLflow store http://127.0.0.1:9 did not take" in lines[0]
    assert "`bakeoff sync` repairs the store" in lines[0]


@pytest.mark.survives
def test_artifacts_that_fail_cost_a_warning_and_are_logged_next_time(candidate, tracking_params, monkeypatch, capfd):
    kept = state_dir("failures") / read_results(candidate).training.key
    with monkeypatch.context() as patch:
        patch.setattr("bakeoff.tracking.mirror.log_part_artifacts", lambda *_, **__: 1 / 0)
        assert replay(candidate, params=tracking_params) is None
    [run] = all_runs()
    assert run.info.status == "FINISHED"
    assert "test_accuracy" in run.data.metrics
    [failure] = read_failures(kept)
    assert "ZeroDivisionError" in failure.error
    assert "could not be made (ZeroDivisionError: division by zero); no number is lost" in capfd.readouterr().err
    assert replay(candidate, params=tracking_params) == run.info.run_id
    assert "evaluation/confusion.csv" in artifact_paths(run.info.run_id, "evaluation")
    assert read_failures(kept) == []


@pytest.mark.survives
def test_tensorboard_that_fails_costs_a_warning(candidate, tracking_params, monkeypatch, capfd):
    monkeypatch.setattr("bakeoff.tracking.mirror.write_events", lambda _: 1 / 0)
    assert replay(candidate, params=tracking_params.model_copy(update={"tensorboard": True}))
    assert "the TensorBoard file of " in capfd.readouterr().err
    [failure] = read_failures(state_dir("failures") / read_results(candidate).training.key)
    assert failure.what.startswith("the TensorBoard file of ")


def test_importing_the_package_loads_no_mlflow():
    import subprocess
    import sys

    code = "import sys, bakeoff.tracking.mirror as m; assert 'mlflow' not in sys.modules; print(m.replay.__name__)"
    source = Path(__file__).parents[2] / "src"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={"PYTHONPATH": str(source)}
    )
    assert answer.stdout.strip() == "replay", answer.stderr
