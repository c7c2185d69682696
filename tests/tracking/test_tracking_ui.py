from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tracking_files import write_candidate

from bakeoff.core.errors import TrackingError
from bakeoff.tracking.mirror import replay
from bakeoff.tracking.ui import prepare_view, serve_ui

ROOT = Path(__file__).parents[2]
PARAMS = "tracking: {experiment: bakeoff, tensorboard: false, system_metrics: false, log_models: false}\n"


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def wait_until(condition, seconds=60):
    deadline_s = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(0.3)
    assert condition()


@pytest.fixture
def served(project, tracking_params, port, monkeypatch):
    """The real `bakeoff ui` in a process of its own."""
    (project / "params.yaml").write_text(PARAMS, encoding="utf-8")
    replay(write_candidate(project / "runs" / "tiny-frozen" / "seed_0"), params=tracking_params)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "BROWSER": "true"}
    code = f"from bakeoff.tracking.ui import serve_ui; serve_ui({port})"
    with (project / "ui.log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=log, stderr=log)
    try:
        wait_until(lambda: "Stop it with Ctrl-C." in (project / "ui.log").read_text())
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.skipif(not Path("/usr/bin/chromium").exists(), reason="no chromium here")
def test_the_page_opens_on_the_classic_table_with_accuracy_and_throughput(served, project, port):
    playwright = pytest.importorskip("playwright.sync_api")
    address = next(line for line in (project / "ui.log").read_text().splitlines() if line.startswith("MLflow: "))
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1600, "height": 800})
        page.goto(address.removeprefix("MLflow: "))
        page.get_by_text("tiny-frozen").first.wait_for(timeout=60_000)
        page.get_by_text("images_per_s").first.wait_for(timeout=20_000)
        text = page.inner_text("body")
        browser.close()
    assert {"test_accuracy", "images_per_s", "latency_ms_p50"} <= set(text.splitlines())
    served.send_signal(signal.SIGTERM)
    served.wait(timeout=30)
    wait_until(lambda: not answers(port), 20)


def test_a_taken_port_is_told(project):
    (project / "params.yaml").write_text(PARAMS, encoding="utf-8")
    import http.server
    import threading

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        with pytest.raises(TrackingError, match="is taken already; stop what runs there or pass another"):
            serve_ui(other.server_address[1])
        other.shutdown()


def test_the_view_is_saved_in_the_experiment(project, tracking_params):
    from bakeoff.tracking.store import open_client

    _, address = prepare_view(tracking_params, 5000)
    client, _ = open_client()
    found = client.get_experiment_by_name("bakeoff")
    runs = f"http://127.0.0.1:5000/#/experiments/{found.experiment_id}/runs"
    assert address == f"{runs}?workflowType=machine_learning&viewStateShareKey=bakeoff"
    assert "metrics.`images_per_s`" in found.tags["mlflow.sharedViewState.bakeoff"]
