"""Tells MLflow which data a run learned from: name, digest and source, in the form of its Datasets column."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bakeoff.records import catalogue

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_MAX_DIGEST_CHARS = 36


def log_dataset(client: MlflowClient, run: Run, dataset: catalogue.Dataset) -> None:
    """Log the data set as the run's training input, once."""
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
