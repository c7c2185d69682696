"""Starts MLflow on this machine, opening on the classic table of runs with the columns that decide."""

import json
import os
import sys
from urllib.parse import quote

from bakeoff.core.errors import TrackingError
from bakeoff.core.paths import project_root
from bakeoff.core.section import load_section
from bakeoff.tracking.local_server import HOST, run_server
from bakeoff.tracking.params import TrackingParams
from bakeoff.tracking.store import Store, experiment_id, in_words, open_client, store_errors

_METRICS = ("test_accuracy", "test_macro_f1", "images_per_s", "latency_ms_p50", "n_parameters", "train_time_s")
_TAGS = ("pretrained", "licence")
VIEW = {
    "searchFilter": "",
    "orderByKey": "metrics.`test_accuracy`",
    "orderByAsc": False,
    "startTime": "ALL",
    "lifecycleFilter": "Active",
    "selectedColumns": [*(f"metrics.`{name}`" for name in _METRICS), *(f"tags.`bakeoff.{name}`" for name in _TAGS)],
}
"""The runs table's saved state, in the words of MLflow's own page (its `Share` button writes the same)."""
NO_JOB_RUNNER = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # what keeps the server small
_SHARE_KEY = "bakeoff"
_VIEW_TAG = f"mlflow.sharedViewState.{_SHARE_KEY}"


def serve_ui(port: int) -> None:
    """Serve the store until Ctrl-C; prints the address and opens a browser where there is one.

    A TrackingError where something else listens on the port, or the server does not come up.
    """
    params = load_section(project_root() / "params.yaml", TrackingParams)
    try:
        store, address = prepare_view(params, port)
    except store_errors() as error:
        raise TrackingError(f"the MLflow store cannot be used: {in_words(error)}") from None
    if os.environ.get("MLFLOW_TRACKING_URI"):
        sys.stdout.write(
            f"MLFLOW_TRACKING_URI is set: the runs are on {store.shown}; unset it to serve the local store.\n"
        )
    registry = f"http://{HOST}:{port}/#/models/{quote(params.experiment)}"
    run_server(
        server_command(store, port),
        environment=os.environ | NO_JOB_RUNNER,
        port=port,
        example="bakeoff ui --port 5002",
        welcome=f"\nMLflow: {address}\nRegistered model: {registry}\nStop it with Ctrl-C.\n",
        opens=address,
    )


def prepare_view(params: TrackingParams, port: int) -> tuple[Store, str]:
    """Save the view (columns, order) in the experiment and return the store and the address that opens on it."""
    client, store = open_client()
    experiment = experiment_id(client, store, params.experiment)
    client.set_experiment_tag(experiment, _VIEW_TAG, json.dumps(VIEW))
    query = f"workflowType=machine_learning&viewStateShareKey={_SHARE_KEY}"  # the table in its classic form
    return store, f"http://{HOST}:{port}/#/experiments/{experiment}/runs?{query}"


def server_command(store: Store, port: int) -> list[str]:
    """Return the command of a server with one worker: the default four take 45 s and 2 GB."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", store.uri]
    return command if store.artifacts is None else [*command, "--default-artifact-root", store.artifacts]
