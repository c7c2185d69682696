from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest
from tracking_files import epoch_row, header, write_candidate, write_training

from bakeoff.tracking.live import live_run
from bakeoff.tracking.mirror import replay
from bakeoff.tracking.store import open_client


def steps(run_id, name="epoch/train_loss"):
    return [(point.step, point.value) for point in open_client()[0].get_metric_history(run_id, name)]


@pytest.mark.slow
def test_epochs_show_while_training_runs(project, tracking_params):
    with live_run(header(), tracking_params) as run:
        run.log_epoch(epoch_row(1))
        shown = open_client()[0].get_run(run.run_id)
        assert shown.info.status == "RUNNING"
        assert shown.data.metrics["epoch/validation_accuracy"] == 0.6
        assert shown.data.params["training.learning_rate"] == "0.003"


def test_the_replay_of_a_finished_training_closes_the_same_run(project, tracking_params):
    with live_run(header(), tracking_params) as run:
        for epoch in (1, 2):
            run.log_epoch(epoch_row(epoch))
    folder = project / "runs" / "tiny-frozen" / "seed_0"
    write_training(folder)
    assert replay(folder, params=tracking_params) == run.run_id
    assert steps(run.run_id) == [(1, 1.0), (2, 0.5)]
    assert open_client()[0].get_run(run.run_id).info.status == "FINISHED"


def test_a_resumed_training_goes_on_in_its_run(project, tracking_params):
    with contextlib.suppress(KeyboardInterrupt), live_run(header(), tracking_params) as first:
        first.log_epoch(epoch_row(1))
        raise KeyboardInterrupt
    assert open_client()[0].get_run(first.run_id).info.status == "KILLED"
    with live_run(header(), tracking_params) as second:
        for epoch in (1, 2):
            second.log_epoch(epoch_row(epoch))
    assert second.run_id == first.run_id
    assert steps(first.run_id) == [(1, 1.0), (2, 0.5)]


def test_a_failed_training_is_marked_with_its_sentence(project, tracking_params):
    with pytest.raises(ValueError, match="loss is not finite"), live_run(header(), tracking_params) as run:
        raise ValueError("loss is not finite")
    failed = open_client()[0].get_run(run.run_id)
    assert failed.info.status == "FAILED"
    assert failed.data.tags["bakeoff.error"] == "ValueError: loss is not finite"
    folder = project / "runs" / "tiny-frozen" / "seed_0"
    write_training(folder)
    assert replay(folder, params=tracking_params) == run.run_id
    mended = open_client()[0].get_run(run.run_id)
    assert mended.info.status == "FINISHED"
    assert "bakeoff.error" not in mended.data.tags


@pytest.mark.slow
def test_system_metrics_are_logged_while_training(project, tracking_params):
    watching = tracking_params.model_copy(update={"system_metrics": True})
    with live_run(header(), watching) as run:
        deadline_s = time.monotonic() + 20
        found = {}
        while not found and time.monotonic() < deadline_s:
            time.sleep(0.5)
            metrics = open_client()[0].get_run(run.run_id).data.metrics
            found = {name: value for name, value in metrics.items() if name.startswith("system/")}
    assert "system/cpu_utilization_percentage" in found
    assert "system/system_memory_usage_megabytes" in found


@pytest.mark.slow
@pytest.mark.torch  # mlflow-skinny has no server
@pytest.mark.survives
def test_a_server_killed_in_the_middle_costs_one_warning_and_sync_repairs(
    project, tracking_params, mlflow_server, monkeypatch, capfd
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server.uri)
    watching = tracking_params.model_copy(update={"system_metrics": True})
    capfd.readouterr()
    with live_run(header(), watching) as run:
        run.log_epoch(epoch_row(1))
        assert steps(run.run_id) == [(1, 1.0)]
        mlflow_server.stop()
        started_s = time.monotonic()
        for epoch in range(2, 30):
            run.log_epoch(epoch_row(epoch))
    assert time.monotonic() - started_s < 15
    folder = write_candidate(project / "runs" / "tiny-frozen" / "seed_0")
    assert replay(folder, params=tracking_params) is None
    warnings = [line for line in capfd.readouterr().err.splitlines() if line.strip()]
    assert len(warnings) == 1, warnings
    assert "did not take tiny-frozen (its server does not answer)" in warnings[0]
    mlflow_server.start()
    assert replay(folder, params=tracking_params) == run.run_id
    assert steps(run.run_id) == [(1, 1.0), (2, 0.5)]
    assert open_client()[0].get_run(run.run_id).data.metrics["test_accuracy"] == 0.75


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("experiment", ["50% off", "run #1 l'été"])
def test_a_server_takes_an_experiment_of_any_name(experiment, project, tracking_params, mlflow_server, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server.uri)
    folder = write_candidate(project / "runs" / "tiny-frozen" / "seed_0")
    run_id = replay(folder, params=tracking_params.model_copy(update={"experiment": experiment}))
    client, _ = open_client()
    assert client.get_experiment(client.get_run(run_id).info.experiment_id).name == experiment
    found = client.download_artifacts(run_id, "evaluation/confusion.csv", str(project))
    assert Path(found).read_bytes() == (folder / "evaluation" / "confusion.csv").read_bytes()
