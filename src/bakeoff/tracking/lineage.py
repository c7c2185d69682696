"""Tells MLflow which data a run learned from: name, digest and source, in the form of its Datasets column."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_MAX_DIGEST_CHARS = 36


def log_dataset(client: MlflowClient, run: Run, dataset: Mapping[str, Any]) -> None:
    """Log the data set as the run's training input, once."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    name, digest = dataset.get("name"), str(dataset.get("digest") or "")[:_MAX_DIGEST_CHARS]
    inputs = run.inputs.dataset_inputs if run.inputs else []
    logged = {(item.dataset.name, item.dataset.digest) for item in inputs}
    if not name or not digest or (name, digest) in logged:
        return
    source_url = dataset.get("source_url")
    source_type, source = ("http", {"url": source_url}) if source_url else ("local", {"uri": f"data/raw/{name}"})
    profile = {key: dataset[key] for key in ("kind", "licence", "n_products", "n_classes") if key in dataset}
    entity = Dataset(name, digest, source_type, json.dumps(source), profile=json.dumps(profile))
    client.log_inputs(run.info.run_id, [DatasetInput(entity, [InputTag("mlflow.data.context", "training")])])
