from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from tracking_files import epoch_row, header, write_candidate, write_training

from bakeoff.tracking.live import live_run
from bakeoff.tracking.mirror import replay
from bakeoff.tracking.store import open_client
from bakeoff.tracking.ui import server_command, server_environment


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
def test_a_server_killed_in_the_middle_costs_one_warning_and_sync_repairs(project, tracking_params, monkeypatch, capfd):
    server, uri = start_server(project)
    try:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        watching = tracking_params.model_copy(update={"system_metrics": True})
        capfd.readouterr()
        with live_run(header(), watching) as run:
            run.log_epoch(epoch_row(1))
            assert steps(run.run_id) == [(1, 1.0)]
            stop(server)
            started_s = time.monotonic()
            for epoch in range(2, 30):
                run.log_epoch(epoch_row(epoch))
        assert time.monotonic() - started_s < 15
        warnings = [line for line in capfd.readouterr().err.splitlines() if line.strip()]
        assert len(warnings) == 1, warnings
        assert "did not take tiny-frozen" in warnings[0]
        server, _ = start_server(project, port=int(uri.rpartition(":")[2]))
        folder = write_candidate(project / "runs" / "tiny-frozen" / "seed_0")
        assert replay(folder, params=tracking_params) == run.run_id
        assert steps(run.run_id) == [(1, 1.0), (2, 0.5)]
        assert open_client()[0].get_run(run.run_id).data.metrics["test_accuracy"] == 0.75
    finally:
        stop(server)


def start_server(project, port=None):
    """A real `mlflow server` over a store of its own, ready to answer."""
    if port is None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    folder = project / "server"
    folder.mkdir(exist_ok=True)
    from bakeoff.tracking.store import Store

    command = server_command(Store(f"sqlite:///{folder}/mlflow.db", f"file://{folder}/artifacts"), port)
    with (project / "server.log").open("w") as log:
        server = subprocess.Popen(
            command, env=server_environment(), stdout=log, stderr=log, cwd=project, start_new_session=True
        )
    deadline_s = time.monotonic() + 90
    while time.monotonic() < deadline_s:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                return server, f"http://127.0.0.1:{port}"
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise AssertionError((project / "server.log").read_text())


def stop(server):
    import signal

    if server.poll() is None:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
