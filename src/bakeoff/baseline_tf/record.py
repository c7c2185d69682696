"""What a baseline training writes beside its model: training.json's header and key."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.backbones.weights.record import WeightsRecord
from bakeoff.baseline_tf.initial import user_file
from bakeoff.baseline_tf.runtime import Device, keras, tf
from bakeoff.baseline_tf.sequence import Preprocessing
from bakeoff.catalogue.table import Catalogue
from bakeoff.params import BaselineParams

MODEL_FILE = "model.keras"


def training_header(
    params: BaselineParams,
    *,
    catalogue: Catalogue,
    seed: int,
    device: Device,
    weights_dir: Path,
    record: WeightsRecord,
) -> dict[str, Any]:
    """Return the part of training.json that is known before anything is trained, `key` included."""
    header: dict[str, Any] = {
        "candidate": "baseline_tf",
        "model": "baseline_tf",
        "mode": params.mode,
        "seed": seed,
        "framework": "tensorflow",
        "architecture": "EfficientNet-B0 (Keras)",
        "settings": params.model_dump(mode="json"),
        "training": merged_training(params),
        "labels": list(catalogue.labels),
        "dataset": catalogue.dataset,
        "weights": record.model_dump(mode="json"),
        "weights_dir": weights_dir.as_posix(),
        "loss": params.loss,
        "device": device.kind,
        "device_name": device.name,
        "threads": device.threads,
        "scan": None,
        "versions": versions(),
        "git_commit": git_commit(),
    }
    return header | {"key": training_key(header, catalogue, params)}


def merged_training(params: BaselineParams) -> dict[str, Any]:
    """Return the schedule of the mode together with what holds for every mode; `as_is` trains for 0 epochs."""
    shared = {
        "optimizer": "adamw",
        "loss": params.loss,
        "weight_decay": params.weight_decay,
        "batch_size": params.batch_size,
        "dropout": params.dropout,
        "augment": "none",
    }
    if params.mode == "as_is":
        return {"epochs": 0, "learning_rate": None, "max_steps": None, **shared}
    return {**getattr(params, params.mode).model_dump(mode="json"), **shared}


def training_key(header: dict[str, Any], catalogue: Catalogue, params: BaselineParams) -> str:
    """Return 16 hex digits over all that determines the result: settings, data, split, weights, machine, versions."""
    split = catalogue.products["split"].astype(str).str.cat(sep=",")
    names = (
        "mode",
        "seed",
        "settings",
        "training",
        "labels",
        "weights",
        "device",
        "device_name",
        "threads",
        "versions",
    )
    determined = {name: header[name] for name in names} | {
        "digest": catalogue.dataset.get("digest"),
        "split": hashlib.sha256(split.encode()).hexdigest(),
        "files": [file_digest(user_file(name)) for name in (params.weights_file, params.class_names) if name],
        "preprocessing": vars(Preprocessing(params.image_size)),
    }
    return hashlib.sha256(json.dumps(determined, sort_keys=True, default=str).encode()).hexdigest()[:16]


def file_digest(path: Path) -> str | None:
    """Return a file's sha256, or None where it is missing (whoever reads it then says so)."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Return the versions that determine a result."""
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
    }


def git_commit() -> str | None:
    """Return the commit of the working folder, or None outside a repository."""
    command = ["git", "rev-parse", "--verify", "--quiet", "HEAD"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write a record, indented and in a stable order."""
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
