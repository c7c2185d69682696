"""Finds the one MLflow run of a training by its tags, or makes it, and logs what it lacks.

No DVC output ever holds a run id: tags say which training a run shows, and where that comes from. Its model files,
predictions and raw maps stay out of it.
"""

from __future__ import annotations

import csv
import getpass
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bakeoff.core.files import write_json
from bakeoff.records import catalogue
from bakeoff.records.interpretation import MAPS_DIR
from bakeoff.records.training import TrainingHeader, TrainingRecord
from bakeoff.records.weights import WeightsRecord
from bakeoff.tracking.records import PARTS, Part, PartName, as_value, hash_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

TRAINING_KEY = "bakeoff.training_key"
KEY = "bakeoff.key"
MODEL = "bakeoff.logged_model"
CALIBRATION = "bakeoff.calibration_digest"
ERROR = "bakeoff.error"
_MAX_DIGEST_CHARS = 36
_NAMED = ("candidate", "model", "mode", "seed", "architecture")
Kind = Literal["metrics", "params", "tags"]
_BATCH: dict[Kind, int] = {"metrics": 1000, "params": 100, "tags": 100}  # what log_batch takes at most
HEAVY = {".bin", ".safetensors", ".h5", ".keras", ".parquet", ".pt", ".pth", ".npy", ".npz", ".tmp"}
_CONFUSION_TABLE = "evaluation/confusion_matrix.json"
_TABLES_TAG = "mlflow.loggedArtifacts"


def part_key(name: PartName) -> str:
    """Return the tag that holds a stage's key."""
    return f"bakeoff.{name}_key"


def part_digest(name: PartName) -> str:
    """Return the tag that says which version of a stage's files was logged completely."""
    return f"bakeoff.{name}_digest"


def combined_key(tags: Mapping[str, str]) -> str:
    """Return `bakeoff.key`: 16 hex digits over the stages' keys that the tags hold."""
    return hash_of(*(f"{name}={tags[part_key(name)]}" for name in PARTS if part_key(name) in tags))


def run_name(training: TrainingHeader) -> str:
    """Return the candidate, with its seed where that is not 0."""
    return training.candidate if training.seed == 0 else f"{training.candidate}-seed_{training.seed}"


def identity_tags(training: TrainingHeader, commit: str | None) -> dict[str, str]:
    """Return what a run is created with: its names, its training key and its origin; `learned` once that is known."""
    weights, dataset = training.weights, training.dataset
    values = {
        TRAINING_KEY: training.key,
        **{f"bakeoff.{name}": getattr(training, name) for name in _NAMED},
        "bakeoff.git_commit": commit,
        "mlflow.source.git.commit": commit,
        "mlflow.source.name": "dvc repro",
        "mlflow.source.type": "LOCAL",
        "mlflow.user": _user(),
        "bakeoff.licence": weights.licence,
        "bakeoff.commercial_use": _yes_no(weights.commercial_use),
        "bakeoff.pretrained": None if weights.source == "none" else _yes_no(weights.pretrained),
        "bakeoff.dataset": dataset.name,
        "bakeoff.dataset_digest": dataset.digest,
        "bakeoff.dataset_licence": dataset.licence,
        "bakeoff.repair": dataset.repair_name,
        "bakeoff.learned": _yes_no(training.learned) if isinstance(training, TrainingRecord) else None,
        "bakeoff.dvc_experiment": os.environ.get("DVC_EXP_NAME"),
    }
    names = ("source", "file", "url_or_id", "revision", "sha256", "reason")
    values |= {f"bakeoff.weights_{name}": getattr(weights, name) for name in names}
    return {name: str(value) for name, value in values.items() if value is not None and value != ""}


def _yes_no(value: bool | None) -> str:
    return "unknown" if value is None else ("yes" if value else "no")


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return None


def is_compatible(tags: Mapping[str, str], keys: Mapping[PartName, str]) -> bool:
    """Return whether a run may hold stages with these keys: the training's equal, each other equal or absent."""
    if tags.get(TRAINING_KEY) != keys["training"]:
        return False
    return all(tags.get(part_key(part), key) == key for part, key in keys.items())


def find_run(client: MlflowClient, experiment: str, *, candidate: str, keys: Mapping[PartName, str]) -> Run | None:
    """Return the compatible run that already holds most of these stages, the newest of equals, or None."""
    wanted = {TRAINING_KEY: keys["training"], "bakeoff.candidate": candidate}
    filter_string = " and ".join(f"tags.`{name}` = '{value}'" for name, value in wanted.items())
    found = client.search_runs(
        [experiment], filter_string=filter_string, order_by=["attributes.start_time DESC"], max_results=100
    )
    fitting = [run for run in found if is_compatible(run.data.tags, keys)]
    return max(fitting, key=lambda run: sum(part_key(part) in run.data.tags for part in keys), default=None)


def create_run(
    client: MlflowClient, experiment: str, *, training: TrainingHeader, commit: str | None, start_ms: int | None = None
) -> Run:
    """Return a new run named after the candidate, with the tags that identify it."""
    identity = identity_tags(training, commit)
    identity[KEY] = combined_key(identity)
    return client.create_run(experiment, start_time=start_ms, tags=identity, run_name=run_name(training))


def log_in_batches(client: MlflowClient, run_id: str, kind: Kind, items: Sequence[Any]) -> None:
    """Log metrics, params or tags in as few requests as MLflow's limits allow; single calls are slow on sqlite."""
    for start in range(0, len(items), _BATCH[kind]):
        batch: dict[str, Any] = {kind: items[start : start + _BATCH[kind]]}
        client.log_batch(run_id, **batch)


def log(client: MlflowClient, run: Run, kind: Kind, values: Mapping[str, Any], *, timestamp_ms: int = 0) -> None:
    """Log final metrics or tags that differ from what the run has, or the params that it lacks."""
    from mlflow.entities import Metric, Param, RunTag

    known = getattr(run.data, kind)
    if kind == "params":  # MLflow refuses another value for one that is there
        items = [Param(name, value) for name, value in values.items() if name not in known]
    else:
        changed = {name: value for name, value in values.items() if known.get(name) != value}
        is_tag = kind == "tags"
        items = [RunTag(*one) if is_tag else Metric(*one, timestamp_ms, 0) for one in changed.items()]
    log_in_batches(client, run.info.run_id, kind, items)


def log_dataset(client: MlflowClient, run: Run, dataset: catalogue.Dataset) -> None:
    """Log the data set as the run's training input, once, in the form of MLflow's Datasets column."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    name, digest, source_url = dataset.name, dataset.digest[:_MAX_DIGEST_CHARS], dataset.source_url
    inputs = run.inputs.dataset_inputs if run.inputs else []
    if any((item.dataset.name, item.dataset.digest) == (name, digest) for item in inputs):
        return
    source_type, source = ("http", {"url": source_url}) if source_url else ("local", {"uri": f"data/raw/{name}"})
    profile = json.dumps({"kind": dataset.kind, "licence": dataset.licence})
    entity = Dataset(name, digest, source_type, json.dumps(source), profile=profile)
    client.log_inputs(run.info.run_id, [DatasetInput(entity, [InputTag("mlflow.data.context", "training")])])


def log_part_artifacts(client: MlflowClient, run: Run, parts: Sequence[Part], *, weights: WeightsRecord) -> None:
    """Log every light file of these stages under the stage's name, the weights' record and the confusion table."""
    with tempfile.TemporaryDirectory(prefix="bakeoff-mlflow-") as name:
        staging = Path(name)
        for part in parts:
            shutil.copytree(
                part.folder,
                staging / part.name,
                ignore=shutil.ignore_patterns(MAPS_DIR, *(f"*{ending}" for ending in HEAVY)),
                copy_function=shutil.copyfile,
                ignore_dangling_symlinks=True,  # of DVC's cache to what is gone from it
            )
            if part.name == "training":
                write_json(staging / "weights" / "record.json", weights.model_dump(mode="json"))
            elif part.name == "evaluation" and (confusion := part.folder / "confusion.csv").is_file():
                write_json(staging / _CONFUSION_TABLE, table_of_csv(confusion))
        client.log_artifacts(run.info.run_id, str(staging))
    if any(part.name == "evaluation" for part in parts):
        mark_table(client, run, _CONFUSION_TABLE)


def table_of_csv(path: Path) -> dict[str, Any]:
    """Return a CSV file in the form of MLflow's tables (`log_table`, which would append at every replay)."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    columns = [name or "true" for name in header]
    return {"columns": columns, "data": [[as_value(cell) for cell in row] for row in rows]}


def mark_table(client: MlflowClient, run: Run, artifact_file: str) -> None:
    """Set the tag by which MLflow's evaluation view knows an artifact as a table."""
    log(client, run, "tags", {_TABLES_TAG: json.dumps([{"path": artifact_file, "type": "table"}])})
