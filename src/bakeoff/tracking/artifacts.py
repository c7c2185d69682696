"""Copies a stage's figures, tables and texts into its MLflow run; model files, predictions and raw maps stay here."""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.core.files import write_json
from bakeoff.records.interpretation import MAPS_DIR
from bakeoff.records.weights import WeightsRecord
from bakeoff.tracking.records import Part, as_value
from bakeoff.tracking.runs import log_tags

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

HEAVY = {".safetensors", ".h5", ".keras", ".parquet", ".pt", ".pth", ".npy", ".npz", ".tmp"}
_CONFUSION_TABLE = "evaluation/confusion_matrix.json"
_TABLES_TAG = "mlflow.loggedArtifacts"


def log_part_artifacts(client: MlflowClient, run: Run, parts: Sequence[Part], *, weights: WeightsRecord) -> None:
    """Log every light file of these stages under the stage's name, the weights' record and the confusion table."""
    with tempfile.TemporaryDirectory(prefix="bakeoff-mlflow-") as name:
        staging = Path(name)
        for part in parts:
            _copy_light_files(part.folder, staging / part.name)
            if part.name == "training":
                write_json(staging / "weights" / "record.json", weights.model_dump(mode="json"))
            elif part.name == "evaluation" and (confusion := part.folder / "confusion.csv").is_file():
                write_json(staging / _CONFUSION_TABLE, table_of_csv(confusion))
        client.log_artifacts(run.info.run_id, str(staging))
    if any(part.name == "evaluation" for part in parts):
        mark_table(client, run, _CONFUSION_TABLE)


def _copy_light_files(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        if MAPS_DIR in path.relative_to(source).parts:  # thousands of files, which the figures show
            continue
        if path.is_file() and path.suffix not in HEAVY:  # no file: a link of DVC's cache to what is gone from it
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def table_of_csv(path: Path) -> dict[str, Any]:
    """Return a CSV file in the form of MLflow's tables (`log_table`, which would append at every replay)."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    columns = [name or "true" for name in header]
    return {"columns": columns, "data": [[as_value(cell) for cell in row] for row in rows]}


def mark_table(client: MlflowClient, run: Run, artifact_file: str) -> None:
    """Set the tag by which MLflow's evaluation view knows an artifact as a table."""
    value = json.dumps([{"path": artifact_file, "type": "table"}])
    log_tags(client, run, {_TABLES_TAG: value})
