"""Finds the one MLflow run of a training by its keys, or makes it; logs what it lacks, its data set included."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from bakeoff.records import catalogue
from bakeoff.records.training import TrainingHeader
from bakeoff.tracking import tags as names
from bakeoff.tracking.records import PartName

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_MAX_DIGEST_CHARS = 36
_BATCH = {"metrics": 1000, "params": 100, "tags": 100}  # what log_batch takes at most


def is_compatible(tags: Mapping[str, str], keys: Mapping[PartName, str]) -> bool:
    """Return whether a run may hold stages with these keys: the training's equal, each other equal or absent."""
    if tags.get(names.TRAINING_KEY) != keys["training"]:
        return False
    return all(tags.get(names.part_key(part), key) == key for part, key in keys.items())


def find_run(client: MlflowClient, experiment: str, *, candidate: str, keys: Mapping[PartName, str]) -> Run | None:
    """Return the compatible run that already holds most of these stages, the newest of equals, or None."""
    wanted = {names.TRAINING_KEY: keys["training"], "bakeoff.candidate": candidate}
    filter_string = " and ".join(f"tags.`{name}` = '{value}'" for name, value in wanted.items())
    found = client.search_runs(
        [experiment], filter_string=filter_string, order_by=["attributes.start_time DESC"], max_results=100
    )
    fitting = [run for run in found if is_compatible(run.data.tags, keys)]
    if not fitting:
        return None
    return max(fitting, key=lambda run: sum(names.part_key(part) in run.data.tags for part in keys))


def create_run(
    client: MlflowClient,
    experiment: str,
    *,
    training: TrainingHeader,
    commit: str | None,
    start_time_ms: int | None = None,
) -> Run:
    """Return a new run named after the candidate, with the tags that identify it."""
    identity = names.identity_tags(training, commit)
    identity[names.KEY] = names.combined_key(identity)
    return client.create_run(experiment, start_time=start_time_ms, tags=identity, run_name=names.run_name(training))


def log_in_batches(
    client: MlflowClient, run_id: str, kind: Literal["metrics", "params", "tags"], items: list[Any]
) -> None:
    """Log metrics, params or tags in as few requests as MLflow's limits allow; single calls are slow on sqlite."""
    size = _BATCH[kind]
    for start in range(0, len(items), size):
        batch: dict[str, Any] = {kind: items[start : start + size]}
        client.log_batch(run_id, **batch)


def log_tags(client: MlflowClient, run: Run, tags: Mapping[str, str]) -> None:
    """Set the tags whose value differs from what the run has."""
    from mlflow.entities import RunTag

    changed = [RunTag(name, value) for name, value in tags.items() if run.data.tags.get(name) != value]
    log_in_batches(client, run.info.run_id, "tags", changed)


def log_params(client: MlflowClient, run: Run, params: Mapping[str, str]) -> None:
    """Log the params that the run lacks: MLflow refuses another value for one that is there."""
    from mlflow.entities import Param

    missing = [Param(name, value) for name, value in params.items() if name not in run.data.params]
    log_in_batches(client, run.info.run_id, "params", missing)


def log_final_metrics(client: MlflowClient, run: Run, metrics: Mapping[str, float], *, timestamp_ms: int) -> None:
    """Log the metrics whose latest value differs from the file's."""
    from mlflow.entities import Metric

    changed = [
        Metric(name, value, timestamp_ms, 0) for name, value in metrics.items() if run.data.metrics.get(name) != value
    ]
    log_in_batches(client, run.info.run_id, "metrics", changed)


def log_dataset(client: MlflowClient, run: Run, dataset: catalogue.Dataset) -> None:
    """Log the data set as the run's training input, once, in the form of MLflow's Datasets column."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    name, digest, source_url = dataset.name, dataset.digest[:_MAX_DIGEST_CHARS], dataset.source_url
    inputs = run.inputs.dataset_inputs if run.inputs else []
    logged = {(item.dataset.name, item.dataset.digest) for item in inputs}
    if (name, digest) in logged:
        return
    source_type, source = ("http", {"url": source_url}) if source_url else ("local", {"uri": f"data/raw/{name}"})
    profile = json.dumps({"kind": dataset.kind, "licence": dataset.licence})
    entity = Dataset(name, digest, source_type, json.dumps(source), profile=profile)
    client.log_inputs(run.info.run_id, [DatasetInput(entity, [InputTag("mlflow.data.context", "training")])])
