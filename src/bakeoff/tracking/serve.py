"""Serves the champion, or another logged candidate, over HTTP in the environment of its framework."""

import os
from dataclasses import dataclass
from pathlib import Path

from bakeoff.core.allocator import kept_environment
from bakeoff.core.errors import TrackingError
from bakeoff.core.paths import environment_python, project_root
from bakeoff.core.section import load_section
from bakeoff.decision.deployed import deployed_folder
from bakeoff.records.candidate import Candidate
from bakeoff.records.training import ENVIRONMENTS, TrainingRecord
from bakeoff.tracking import runs
from bakeoff.tracking.local_server import HOST, run_server
from bakeoff.tracking.models import UNLOGGED
from bakeoff.tracking.params import TrackingParams
from bakeoff.tracking.registry import CHAMPION, find_version, training_runs
from bakeoff.tracking.store import in_words, open_client, store_errors

_APP = Path(__file__).with_name("serving_app.py")


@dataclass(frozen=True)
class Served:
    """A model to serve: what MLflow calls it, who it is in words, and the framework it needs."""

    uri: str
    who: str
    framework: str


def serve_model(port: int, candidate: str | None = None) -> None:
    """Serve the champion, or a candidate of runs/, on 127.0.0.1 until Ctrl-C.

    A TrackingError where there is no such model, no store, no environment, or no free port.
    """
    params = load_section(project_root() / "params.yaml", TrackingParams)
    try:
        served = champion(params) if candidate is None else trained(candidate, params, project_root() / "runs")
    except store_errors() as error:
        raise TrackingError(f"the MLflow store cannot be used: {in_words(error)}") from None
    command, example = server_command(served, port), f"bakeoff serve --port {port + 1}"
    run_server(command, environment=_environment(served), port=port, example=example, welcome=welcome(served, port))


def champion(params: TrackingParams) -> Served:
    """Return the registered champion; a TrackingError where nothing is registered."""
    client, store = open_client()
    version = find_version(client, params.experiment)
    if version is None:
        raise TrackingError(
            f"no model is registered as {params.experiment}@{CHAMPION} in {store.shown}; run `bakeoff run`, or "
            "`bakeoff sync` where reports/ holds a choice already, or serve one by name with --candidate."
        )
    who = f"{version.tags.get('candidate')} (champion, version {version.version})"
    return Served(f"models:/{params.experiment}/{version.version}", who, version.tags.get("framework", ""))


def trained(candidate: str, params: TrackingParams, runs_dir: Path) -> Served:
    """Return a candidate of runs/: of its seeds the one to deploy; a TrackingError without a model of that training."""
    folder = deployed_folder(runs_dir, candidate)
    key = TrainingRecord.read(folder / "training" / "training.json").key
    client, store = open_client()
    for run in training_runs(client, params.experiment, candidate):
        if run.data.tags.get(runs.TRAINING_KEY) == key:
            who = f"{candidate} ({folder.name.replace('_', ' ')})"
            return Served(f"models:/{run.data.tags[runs.MODEL]}", who, run.data.params.get("framework", ""))
    if not Candidate(candidate).in_one_environment:
        raise TrackingError(f"{candidate} has no logged model: {UNLOGGED}; serve one of its sides.")
    raise TrackingError(
        f"{store.shown} has no logged model of {folder}; set tracking.log_models: true in conf/config.yaml, then "
        "`bakeoff params` and `bakeoff sync`."
    )


def server_command(served: Served, port: int) -> list[str]:
    """Return the command that serves a model with its framework's interpreter; a TrackingError where there is none."""
    if served.framework not in ENVIRONMENTS:
        legal = ", ".join(ENVIRONMENTS)
        raise TrackingError(
            f"{served.who}: framework must be one of {legal}, got {served.framework!r}; `bakeoff sync`."
        )
    python = environment_python(ENVIRONMENTS[served.framework])
    if not python.is_file():
        raise TrackingError(f"{served.who} needs {python}, which is missing; run `make setup`.")
    # -P: the script's folder has modules of bakeoff.tracking, whose names must not stand for others.
    return [str(python), "-P", str(_APP), "--model", served.uri, "--port", str(port)]


def welcome(served: Served, port: int) -> str:
    """Return what is printed once the server answers: the address, and lines that can be copied."""
    address = f"http://{HOST}:{port}/invocations"
    told = f"\n{served.who} answers at {address}; stop it with Ctrl-C. Ask it:\n"
    candidate = Candidate(served.who.partition(" ")[0])
    reads = {side.modality for side in candidate.sides or (candidate,)}
    if reads == {"image"}:
        return f"{told}  curl -H 'Content-Type: image/jpeg' --data-binary @photo.jpg '{address}?top_k=3'\n"
    image = ', "image": "\'$(base64 -w0 photo.jpg)\'"' if "image" in reads else ""
    row = f'{{"title": "A wooden chair", "description": "Four legs"{image}}}'
    return (
        f"{told}  curl -H 'Content-Type: application/json' {address} \\\n"
        f'    -d \'{{"dataframe_records": [{row}], "params": {{"top_k": 3}}}}\'\n'
    )


def _environment(served: Served) -> dict[str, str]:
    """Return the variables of the server: the same store, no path of this process's, and PyTorch keeps its memory."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    memory = kept_environment() if served.framework in ("pytorch", "fusion") else {}  # the server computes in threads
    return kept | memory | {"MLFLOW_TRACKING_URI": open_client()[1].uri, "PYTHONUNBUFFERED": "1"}
