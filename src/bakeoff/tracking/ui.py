"""Starts MLflow on this machine, opening on the classic table of runs with the columns that decide."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import webbrowser

from bakeoff.errors import TrackingError
from bakeoff.params import TrackingParams, load_section
from bakeoff.paths import project_root
from bakeoff.tracking.store import Store, experiment_id, open_client, store_errors

HOST = "127.0.0.1"
_COLUMNS = (
    "metrics.`test_accuracy`",
    "metrics.`test_macro_f1`",
    "metrics.`images_per_s`",
    "metrics.`latency_ms_p50`",
    "metrics.`n_parameters`",
    "metrics.`train_time_s`",
    "tags.`bakeoff.pretrained`",
    "tags.`bakeoff.licence`",
)
_SHARE_KEY = "bakeoff"
_VIEW_TAG = f"mlflow.sharedViewState.{_SHARE_KEY}"
_START_S = 90


def serve_ui(port: int) -> None:
    """Serve the store until Ctrl-C; prints the address and opens a browser where there is one.

    Raises:
        TrackingError: something else listens on the port, or the server does not come up.
    """
    params = load_section(project_root() / "params.yaml", TrackingParams)
    try:
        store, address = prepare_view(params, port)
    except store_errors() as error:
        raise TrackingError(f"the MLflow store cannot be used: {' '.join(str(error).split())}") from None
    if os.environ.get("MLFLOW_TRACKING_URI"):
        sys.stdout.write(
            f"MLFLOW_TRACKING_URI is set: the runs are on {store.uri}; unset it to serve the local store.\n"
        )
    if _answers(port):
        raise TrackingError(
            f"port {port} is taken already; stop what runs there or pass another: `bakeoff ui --port 5001`."
        )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = subprocess.Popen(server_command(store, port), env=server_environment(), start_new_session=True)
    threading.Thread(target=_announce, args=(server, port, address), daemon=True).start()
    try:
        status = server.wait()
    except KeyboardInterrupt:
        return
    finally:
        stop_server(server)
    if status:
        raise TrackingError(f"`mlflow server` ended with status {status}; its own lines above say why.")


def stop_server(server: subprocess.Popen[bytes]) -> None:
    """End the server and the worker that it started; it leads a process group of its own."""
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def prepare_view(params: TrackingParams, port: int) -> tuple[Store, str]:
    """Save the view (columns, order) in the experiment and return the store and the address that opens on it."""
    client, store = open_client()
    experiment = experiment_id(client, store, params.experiment)
    client.set_experiment_tag(experiment, _VIEW_TAG, json.dumps(view_state()))
    return store, view_address(port, experiment)


def view_state() -> dict[str, object]:
    """Return the runs table's saved state, in the words of MLflow's own page (its `Share` button writes the same)."""
    return {
        "searchFilter": "",
        "orderByKey": "metrics.`test_accuracy`",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "selectedColumns": list(_COLUMNS),
    }


def view_address(port: int, experiment: str) -> str:
    """Return the address of the runs table in its classic (machine learning) form with the saved view."""
    query = f"workflowType=machine_learning&viewStateShareKey={_SHARE_KEY}"
    return f"http://{HOST}:{port}/#/experiments/{experiment}/runs?{query}"


def server_command(store: Store, port: int) -> list[str]:
    """Return the command of a server with one worker: the default four take 45 s and 2 GB."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", store.uri]
    return command if store.artifacts is None else [*command, "--default-artifact-root", store.artifacts]


def server_environment() -> dict[str, str]:
    """Return the environment that keeps the server small: no job runner."""
    return os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def _announce(server: subprocess.Popen[bytes], port: int, address: str) -> None:
    deadline_s = time.monotonic() + _START_S
    while time.monotonic() < deadline_s and server.poll() is None:
        if _answers(port):
            sys.stdout.write(f"\nMLflow: {address}\nStop it with Ctrl-C.\n")
            sys.stdout.flush()
            webbrowser.open(address)
            return
        time.sleep(0.5)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/health", timeout=2):
            return True
    except (urllib.error.HTTPError, http.client.HTTPException):
        return True
    except (urllib.error.URLError, OSError):
        return False
