"""Reads what one training left under runs/<candidate>/seed_<s>/ and says it in MLflow's terms; imports no mlflow."""

import csv
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from bakeoff.core.errors import TrackingError
from bakeoff.core.failures import FILE
from bakeoff.records.candidate import Candidate
from bakeoff.records.evaluation import CALIBRATION, CONFUSIONS, METRICS, CalibrationRecord, MetricsRecord
from bakeoff.records.explained_texts import TEXTS_FILE, TextsRecord
from bakeoff.records.faithfulness import FAITHFULNESS_FILE, FaithfulnessRecord
from bakeoff.records.interpretation import (
    INTERPRETATION_FILE,
    OVERVIEW_FILE,
    PARTS_FILE,
    ROBUSTNESS_FILE,
    InterpretationRecord,
    PartsRecord,
    RobustnessRecord,
)
from bakeoff.records.speed import ThroughputRecord
from bakeoff.records.training import CostRecord, TrainingHeader, TrainingRecord

PartName = Literal["training", "evaluation", "interpretation", "faithfulness"]
PARTS: tuple[PartName, ...] = get_args(PartName)
_TRAINING, HISTORY = "training.json", "history.csv"
_DIGESTED: dict[PartName, tuple[str, ...]] = {
    "training": (_TRAINING, "cost.json", HISTORY),
    "evaluation": (METRICS, CALIBRATION, CONFUSIONS, "confusion.csv", "classification_report.txt"),
    "interpretation": (INTERPRETATION_FILE, PARTS_FILE, ROBUSTNESS_FILE, OVERVIEW_FILE, TEXTS_FILE),
    "faithfulness": (FAITHFULNESS_FILE,),
}
_TRAINING_METRICS = {
    *("n_parameters", "n_trainable", "size_mib"),
    *("epochs_run", "steps_run", "best_epoch", "best_validation_accuracy"),
}
_COST_METRICS = {"train_time_s", "train_memory_mib"}
_SPEED_METRICS = {
    *("images_per_s", "ms_per_image", "latency_ms_p50", "latency_ms_p90", "latency_ms_p99", "predict_memory_mib"),
}
_SPEED_FILE = "measurements/throughput.json"
_PLAIN_PARAMS = ("candidate", "model", "mode", "seed", "framework", "loss", "device", "threads", "scan")
_MAX_PARAM_CHARS = 500  # every MLflow server takes this many
_OfTraining = TypeVar(
    "_OfTraining", MetricsRecord, InterpretationRecord, PartsRecord, RobustnessRecord, FaithfulnessRecord, TextsRecord
)


@dataclass(frozen=True)
class Part:
    """One stage's output: its folder, its key and a digest over the files that hold numbers."""

    name: PartName
    folder: Path
    key: str
    digest: str


@dataclass(frozen=True)
class Results:
    """What one training and the stages after it left."""

    training: TrainingRecord
    cost: CostRecord
    parts: Mapping[PartName, Part]  # the stages that have run, in order
    metrics: Mapping[str, float]  # their final figures, under the names that the runs table shows

    @property
    def keys(self) -> dict[PartName, str]:
        """The stages' keys."""
        return {name: part.key for name, part in self.parts.items()}

    @property
    def ended_s(self) -> float:
        """When the training ended, s since 1970."""
        return (self.parts["training"].folder / _TRAINING).stat().st_mtime


def read_results(candidate_dir: Path) -> Results:
    """Return what the stages left in runs/<candidate>/seed_<s>; a record of an older training or format is left out.

    A TrackingError where there is no training.json, a BakeoffError where a record is broken.
    """
    if not has_training(candidate_dir):
        raise TrackingError(
            f"{candidate_dir / 'training' / _TRAINING} is missing: a run is made from a finished training; "
            "run `dvc repro` or `dvc pull` first."
        )
    training_dir, evaluation_dir, why_dir, trust_dir = (candidate_dir / name for name in PARTS)
    training, cost = TrainingRecord.read(training_dir / _TRAINING), CostRecord.read(training_dir / "cost.json")
    evaluation = _current(MetricsRecord, evaluation_dir / METRICS, training)
    interpretation = _current(InterpretationRecord, why_dir / INTERPRETATION_FILE, training)
    interpretation = interpretation or _current(TextsRecord, why_dir / TEXTS_FILE, training)
    faithfulness = _current(FaithfulnessRecord, trust_dir / FAITHFULNESS_FILE, training)
    parts: dict[PartName, Part] = {
        name: Part(name, candidate_dir / name, record.key, _digest(candidate_dir / name, _DIGESTED[name]))
        for name, record in zip(PARTS, (training, evaluation, interpretation, faithfulness), strict=True)
        if record
    }
    measured = ThroughputRecord.read_current(candidate_dir.parents[2] / _SPEED_FILE)
    network = measured and measured.of(Candidate(training.candidate))
    speed = network.model_dump(include=_SPEED_METRICS) if network else {}
    if speed:
        digest = hash_of(parts["training"].digest, json.dumps(speed, sort_keys=True))
        parts["training"] = replace(parts["training"], digest=digest)
    found = training.model_dump(include=_TRAINING_METRICS) | cost.model_dump(include=_COST_METRICS) | speed
    if evaluation:
        found |= _evaluated(evaluation, CalibrationRecord.read_current(evaluation_dir / CALIBRATION))
    if lost_parts := _current(PartsRecord, why_dir / PARTS_FILE, training):
        lost = (item for group in lost_parts.parts.values() for item in group.items())
        found |= {f"part_drop_{name}": part.accuracy.mean for name, part in lost}
    if robustness := _current(RobustnessRecord, why_dir / ROBUSTNESS_FILE, training):
        found["robustness_loss"] = robustness.mean_loss
    for name, method in faithfulness.methods.items() if faithfulness else ():
        found[f"faithfulness_{name}_deletion_gain"] = method.deletion.gain
        found[f"faithfulness_{name}_insertion_gain"] = method.insertion.gain
    return Results(training, cost, parts, finite(found))


def _current(kind: type[_OfTraining], path: Path, training: TrainingRecord) -> _OfTraining | None:
    record = kind.read_current(path)
    return record if record and record.training_key == training.key else None


def _evaluated(metrics: MetricsRecord, calibration: CalibrationRecord | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for split, figures in metrics.splits.items():
        found |= {f"{split}_{name}": value for name, value in figures.items() if name != "n"}
    for name, interval in metrics.intervals.get("test", {}).items():
        found |= {f"test_{name}_low": interval.low, f"test_{name}_high": interval.high}
    gaps = metrics.overfitting
    found |= {f"overfitting_{name}": getattr(gaps, name) for name in ("accuracy_gap", "log_loss_gap")}
    if calibration:
        after = calibration.test.after
        calibrated = {"ece": after.ece_equal_width, "log_loss": after.log_loss, "brier": after.brier}
        found |= {f"test_calibrated_{name}": value for name, value in calibrated.items()}
        found["calibration_temperature"] = calibration.temperature
    return found


def has_training(candidate_dir: Path) -> bool:
    """Return whether a finished training lies there."""
    return (candidate_dir / "training" / _TRAINING).is_file()


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


def run_params(training: TrainingHeader) -> dict[str, str]:
    """Return MLflow params: the header's plain fields, settings and schedule flattened, every value as text."""
    flat = {name: getattr(training, name) for name in _PLAIN_PARAMS}
    for section, values in training.model_dump(mode="json", include={"settings", "training"}).items():
        flat |= flatten(values, section)
    texts = {name: one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for name, one in flat.items()}
    return {name: text[:_MAX_PARAM_CHARS] for name, text in texts.items()}


def flatten(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return nested mappings as one level with dotted names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        dotted = f"{prefix}.{name}"
        flat |= flatten(value, dotted) if isinstance(value, Mapping) else {dotted: value}
    return flat


def finite(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the values that are finite numbers; MLflow's charts cannot show others."""
    numbers = {name: value for name, value in metrics.items() if isinstance(value, int | float)}
    return {name: float(value) for name, value in numbers.items() if math.isfinite(value)}


def epoch_metrics(row: Mapping[str, Any]) -> dict[str, float]:
    """Return one epoch's row as metrics `epoch/<column>`; the final ones carry plain names."""
    return finite({f"epoch/{name}": as_value(str(value)) for name, value in row.items() if name != "epoch"})


def as_value(cell: str) -> str | int | float | None:
    """Return a CSV cell as the finite number it spells, None where it is empty, else its text (a class `Infinity`)."""
    for kind in (int, float):
        try:
            if math.isfinite(value := kind(cell)):
                return value
        except ValueError:
            continue
    return cell or None


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return a CSV file's rows as text by column; none where there is no file, as of a history without epochs."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
