"""Reads what one training left under runs/<candidate>/seed_<s>/ and says it in MLflow's terms; imports no mlflow."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from bakeoff.core.errors import TrackingError
from bakeoff.core.failures import FILE
from bakeoff.records.speed import ThroughputRecord

PartName = Literal["training", "evaluation", "interpretation"]
PARTS: tuple[PartName, ...] = get_args(PartName)
_KEY_FILE: dict[PartName, str] = {
    "training": "training.json",
    "evaluation": "metrics.json",
    "interpretation": "channels.json",
}
_DIGESTED: dict[PartName, tuple[str, ...]] = {
    "training": ("training.json", "cost.json", "history.csv"),
    "evaluation": (
        *("metrics.json", "calibration.json", "confusions.json"),
        *("confusion.csv", "classification_report.txt"),
    ),
    "interpretation": ("channels.json", "attributions.json"),
}
_TRAINING_METRICS = (
    "n_parameters",
    "n_trainable",
    "size_mib",
    "train_time_s",
    "train_memory_mib",
    "epochs_run",
    "steps_run",
    "best_epoch",
    "best_validation_accuracy",
)
_SPEED_METRICS = (
    *("images_per_s", "ms_per_image", "latency_ms_p50", "latency_ms_p90", "latency_ms_p99", "predict_memory_mib"),
)
_SPEED_FILE = "measurements/throughput.json"
_PLAIN_PARAMS = ("candidate", "model", "mode", "seed", "framework", "loss", "device", "threads", "scan")
_MAX_PARAM_CHARS = 500  # every MLflow server takes this many


@dataclass(frozen=True)
class Part:
    """One stage's output: its folder, key, record and a digest over the files that hold numbers."""

    name: PartName
    folder: Path
    key: str
    digest: str
    record: Mapping[str, Any]
    speed: Mapping[str, Any] = field(default_factory=dict)
    """The training's: its network's figures in measurements/throughput.json; empty where it was not measured."""


def read_parts(candidate_dir: Path) -> dict[PartName, Part]:
    """Return the stages' outputs that exist, in order; one that names another `training_key` is an older training's.

    Args:
        candidate_dir: runs/<candidate>/seed_<s>, which holds training/ and maybe evaluation/ and interpretation/.

    Raises:
        TrackingError: there is no training.json, or a record is not a JSON object with a `key`.
    """
    parts: dict[PartName, Part] = {
        name: _read_part(candidate_dir / name, name) for name in PARTS if _exists(candidate_dir, name)
    }
    if "training" not in parts:
        raise TrackingError(
            f"{candidate_dir / 'training' / 'training.json'} is missing: a run is made from a finished training; "
            "run `dvc repro` or `dvc pull` first."
        )
    key = parts["training"].key
    return dict(item for item in parts.items() if item[1].record.get("training_key", key) == key)


def has_training(candidate_dir: Path) -> bool:
    """Return whether a finished training lies there."""
    return _exists(candidate_dir, "training")


def _exists(candidate_dir: Path, name: PartName) -> bool:
    return (candidate_dir / name / _KEY_FILE[name]).is_file()


def _read_part(folder: Path, name: PartName) -> Part:
    record = read_record(folder / _KEY_FILE[name])
    key = record.get("key")
    if not isinstance(key, str) or not key:
        raise TrackingError(f"{folder / _KEY_FILE[name]} must hold a text `key`, got {key!r}; rerun its stage.")
    digest, speed = _digest(folder, _DIGESTED[name]), {}
    if name == "training":
        cost = folder / "cost.json"
        record |= read_record(cost) if cost.is_file() else {}
        speed = _speed_of(folder.parents[3] / _SPEED_FILE, str(record.get("model")))
        digest = hash_of(digest, json.dumps(speed, sort_keys=True)) if speed else digest
    return Part(name, folder, key, digest, record, speed)


def _speed_of(path: Path, network: str) -> dict[str, Any]:
    if not path.is_file():
        return {}
    found = ThroughputRecord.read(path).networks.get(network)
    return {} if found is None else found.model_dump(include=set(_SPEED_METRICS))


def read_record(path: Path) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        TrackingError: the file holds something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TrackingError(f"{path} is not valid JSON ({error}); rerun the stage that wrote it.") from None
    if not isinstance(values, dict):
        raise TrackingError(f"{path} must hold a JSON object, got {type(values).__name__}; rerun its stage.")
    return values


def _digest(folder: Path, names: tuple[str, ...]) -> str:
    """Return a digest of the files that hold numbers, and of what failed: a picture mended later is logged again."""
    pieces = [path.read_bytes() if (path := folder / name).is_file() else b"" for name in names]
    failed = folder / FILE
    return hash_of(*pieces, *([failed.read_bytes()] if failed.is_file() else []))


def hash_of(*pieces: bytes | str) -> str:
    """Return 16 hex digits of the sha256 over the pieces, each closed by its length."""
    digest = hashlib.sha256()
    for piece in pieces:
        data = piece.encode() if isinstance(piece, str) else piece
        digest.update(data + len(data).to_bytes(8, "little"))
    return digest.hexdigest()[:16]


def run_params(training: Mapping[str, Any]) -> dict[str, str]:
    """Return MLflow params: the header's plain fields, settings and schedule flattened, every value as text."""
    flat = {name: training[name] for name in _PLAIN_PARAMS if name in training}
    for section in ("settings", "training"):
        flat |= flatten(training.get(section) or {}, section)
    return {name: _as_text(value)[:_MAX_PARAM_CHARS] for name, value in flat.items()}


def flatten(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return nested mappings as one level with dotted names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        dotted = f"{prefix}.{name}"
        flat |= flatten(value, dotted) if isinstance(value, Mapping) else {dotted: value}
    return flat


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def run_metrics(parts: Mapping[PartName, Part]) -> dict[str, float]:
    """Return the final figures of every stage that ran, under the names that the runs table shows."""
    training = parts["training"]
    metrics: dict[str, Any] = {name: training.record.get(name) for name in _TRAINING_METRICS} | dict(training.speed)
    if evaluation := parts.get("evaluation"):
        for split, figures in (evaluation.record.get("splits") or {}).items():
            metrics |= {f"{split}_{name}": value for name, value in figures.items() if name != "n"}
        metrics |= _uncertainty_metrics(evaluation.record)
        metrics |= _calibration_metrics(evaluation.folder / "calibration.json")
    if interpretation := parts.get("interpretation"):
        for channel, figures in (interpretation.record.get("channels") or {}).items():
            metrics[f"channel_drop_{channel}"] = figures.get("drop")
    return finite(metrics)


def _uncertainty_metrics(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ends of each test metric's interval and the gaps between training and test."""
    metrics: dict[str, Any] = {}
    for name, interval in ((record.get("intervals") or {}).get("test") or {}).items():
        metrics |= {f"test_{name}_{end}": interval.get(end) for end in ("low", "high")}
    gaps = record.get("overfitting") or {}
    return metrics | {f"overfitting_{name}": gaps.get(name) for name in ("accuracy_gap", "log_loss_gap")}


def _calibration_metrics(path: Path) -> dict[str, Any]:
    """Return the temperature and what it does to the test split's calibration error and log loss."""
    if not path.is_file():
        return {}
    record = read_record(path)
    after = (record.get("test") or {}).get("after") or {}
    calibrated = {"ece": after.get("ece_equal_width"), "log_loss": after.get("log_loss"), "brier": after.get("brier")}
    metrics = {f"test_calibrated_{name}": value for name, value in calibrated.items()}
    return metrics | {"calibration_temperature": record.get("temperature")}


def finite(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the values that are finite numbers; MLflow's charts cannot show others."""
    numbers = {name: value for name, value in metrics.items() if isinstance(value, int | float)}
    return {name: float(value) for name, value in numbers.items() if math.isfinite(value)}


def epoch_metrics(row: Mapping[str, Any]) -> dict[str, float]:
    """Return one epoch's row as metrics `epoch/<column>`; the final ones carry plain names."""
    values = {f"epoch/{name}": _number(value) for name, value in row.items() if name != "epoch"}
    return finite(values)


def _number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return None


def read_history(training_dir: Path) -> list[dict[str, str]]:
    """Return history.csv's rows, one per epoch, as text; none where nothing was trained."""
    path = training_dir / "history.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
