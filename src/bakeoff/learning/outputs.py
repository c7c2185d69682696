"""What both trainers leave: training.json, cost.json, history.csv, predictions.parquet and pictures."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.core.failures import drawing
from bakeoff.data.predictions import Predictions, write_predictions
from bakeoff.data.table import Catalogue
from bakeoff.data.transforms import transform_photo
from bakeoff.learning.figures import preview_title, write_history_figure, write_preview
from bakeoff.learning.history import History, majority_share, why_not_learned, write_history
from bakeoff.learning.key import git_commit, now_utc
from bakeoff.records.settings import Geometry
from bakeoff.records.training import CostRecord, TrainingHeader, TrainingRecord


def training_record(
    header: TrainingHeader, history: History, catalogue: Catalogue, predictions: Predictions, **network: Any
) -> TrainingRecord:
    """Return training.json: what was known beforehand, what came out, and the fields that describe the network."""
    assert history.best is not None  # params ask for one epoch or more
    accuracy = history.best["validation_accuracy"]
    train, validation = (catalogue.label_ids(catalogue.rows(split)) for split in ("train", "validation"))
    losses = [*history.step_losses, history.best.get("validation_loss", 0.0)]  # a model taken over as it is has none
    labels, scores = predictions.split("validation")
    not_learned = why_not_learned(
        accuracy, majority_share(train, validation), losses, labels=labels, predicted=scores.argmax(axis=1)
    )
    outcome = {
        "epochs_run": len(history.rows),
        "steps_run": len(history.step_losses),
        "best_epoch": history.best["epoch"],
        "best_validation_accuracy": accuracy,
        "stopped_early": history.stopped_early,
        "learned": not_learned is None,
        "not_learned": not_learned,
    }
    return TrainingRecord.model_validate(dict(header) | network | outcome)


def cost_record(header: TrainingHeader, history: History, *, feature_time_s: float, **measured: Any) -> CostRecord:
    """Return cost.json of a training that has just ended, `measured` being its further fields."""
    return CostRecord(
        key=header.key,
        git_commit=git_commit(),
        ended_at=now_utc(),
        train_time_s=feature_time_s + sum(row["seconds"] for row in history.rows),
        feature_time_s=feature_time_s,
        **measured,
    )


def size_mib(shapes: Iterable[Sequence[int]]) -> float:
    """Return the memory that a deployed classifier's numbers take as float32, whatever its file looks like, MiB."""
    return 4 * sum(math.prod(shape) for shape in shapes) / 2**20


def write_outputs(
    out_dir: Path, record: TrainingRecord, cost: CostRecord, *, history: History, predictions: Predictions
) -> None:
    """Write all but the model, training.json last: where it is, nothing but pictures can be missing."""
    write_history(history.rows, out_dir / "history.csv")
    write_predictions(predictions, out_dir / "predictions.parquet")
    cost.write(out_dir / "cost.json")
    record.write(out_dir / "training.json")


def draw_figures(
    out_dir: Path,
    record: TrainingRecord,
    history: History,
    *,
    catalogue: Catalogue,
    used: Geometry,
    augment: Callable[..., np.ndarray] | None = None,
) -> None:
    """Draw the learning curves, photos as the network sees them and, where there is an augmentation, some draws."""
    figures, transform = out_dir / "figures", partial(transform_photo, used=used)
    with drawing(figures / "history.png", out_dir) as path:
        write_history_figure(path, history.rows, title=record.title, best_epoch=record.best_epoch)
    title = preview_title(record.model, used)
    with drawing(figures / "preview.png", out_dir) as path:
        write_preview(path, catalogue, transform, title=title, seed=record.seed)
    if augment:
        with drawing(figures / "augmented.png", out_dir) as path:
            write_preview(path, catalogue, transform, title=title, seed=record.seed, augment=augment)
