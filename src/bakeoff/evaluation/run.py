"""One candidate judged from its predictions alone: metrics, calibration, confusions. No framework is loaded."""

from functools import partial
from pathlib import Path

import numpy as np
from rich.progress import Progress

from bakeoff.core.code import digest
from bakeoff.core.failures import drawing
from bakeoff.data.figures import shorten
from bakeoff.data.predictions import WITHOUT_INPUT, Predictions, read_predictions
from bakeoff.data.table import Catalogue
from bakeoff.evaluation.calibration import calibration_record
from bakeoff.evaluation.confusions import confusions_record, write_confusion_csv, write_report
from bakeoff.evaluation.figures import draw_calibration, draw_confusion, draw_strip, read_photos
from bakeoff.evaluation.metrics import (
    N_STEPS,
    all_split_metrics,
    metric_intervals,
    overfitting,
    per_class_metrics,
    predicted_classes,
)
from bakeoff.evaluation.params import EvaluateParams
from bakeoff.records import evaluation as records
from bakeoff.records.training import TrainingRecord
from bakeoff.statistics.groups import group_sizes
from bakeoff.statistics.matrix import count_confusions


def evaluate_candidate(
    training_dir: Path, catalogue: Catalogue, out_dir: Path, *, params: EvaluateParams
) -> records.MetricsRecord:
    """Write a candidate's whole evaluation and return its metrics.

    Of `training_dir`, training.json and predictions.parquet are read. Figures come last, and each of them may fail
    (`bakeoff.core.failures`).

    Raises:
        EvaluationError: a file is missing or broken, or belongs to another catalogue or split.
    """
    training = TrainingRecord.read(training_dir / "training.json")
    predictions = read_predictions(training_dir / "predictions.parquet", catalogue=catalogue)
    catalogue = catalogue.by_product()
    groups = catalogue.products["group_id"].to_numpy()[catalogue.rows("test")]
    metrics, calibration, confusions = _find(predictions, training, params, groups)
    origins = predictions.products["origin"].to_numpy()[catalogue.rows("test")]
    if lacking := int((origins == WITHOUT_INPUT).sum()):
        metrics = metrics.model_copy(update={"n_without_input": lacking})
    label_ids, probabilities = predictions.split("test")
    predicted = predicted_classes(probabilities)
    counts = count_confusions(label_ids, predicted, len(predictions.labels))
    confusions.write(out_dir / records.CONFUSIONS)
    write_confusion_csv(counts, predictions.labels, out_dir / "confusion.csv")
    write_report(label_ids, predicted, predictions.labels, out_dir / "classification_report.txt")
    calibration.write(out_dir / records.CALIBRATION)
    metrics.write(out_dir / records.METRICS)  # last: it says that the others are there
    title = f"{metrics.candidate}: {len(label_ids)} test products, accuracy {(label_ids == predicted).mean():.3f}"
    _draw(calibration, confusions, counts, catalogue, out_dir, title=title)
    return metrics


def _find(
    predictions: Predictions, training: TrainingRecord, params: EvaluateParams, groups: np.ndarray
) -> tuple[records.MetricsRecord, records.CalibrationRecord, records.ConfusionsRecord]:
    """Return metrics with intervals, calibration and confusions; `groups` (n,) are those of the test products."""
    label_ids, probabilities = predictions.split("test")
    copies = float(group_sizes(groups, len(label_ids)).mean())
    key = digest([training.key, params.model_dump()])
    with Progress() as progress:
        task = progress.add_task("metrics and their intervals", total=N_STEPS + 2)
        advance = partial(progress.advance, task)
        splits = all_split_metrics(predictions, top_k=params.top_k, n_bins=params.calibration_bins)
        advance()
        intervals = metric_intervals(
            label_ids, probabilities, params=params, metrics=splits["test"], groups=groups, advance=advance
        )
        calibration = records.CalibrationRecord(key=key, **calibration_record(predictions, params, copies))
        advance()
    metrics = {
        **training.model_dump(include={"candidate", "model", "mode", "seed", "probabilities"}),
        "key": key,
        "training_key": training.key,
        "training_loss_name": training.loss,
        "splits": splits,
        "n_effective": len(label_ids) / copies,
        "intervals": {"test": intervals},
        "overfitting": overfitting(splits, intervals["accuracy"]),
        "per_class": per_class_metrics(label_ids, probabilities, predictions.labels, groups),
    }
    confusions = records.ConfusionsRecord(key=key, **confusions_record(predictions))
    return records.MetricsRecord.model_validate(metrics), calibration, confusions


def _draw(
    calibration: records.CalibrationRecord,
    confusions: records.ConfusionsRecord,
    counts: np.ndarray,
    catalogue: Catalogue,
    out_dir: Path,
    *,
    title: str,
) -> None:
    """Draw the confusion matrix, the calibration and a strip of photos for each confused pair."""
    figures = out_dir / "figures"
    with drawing(figures / "confusion.png", out_dir) as path:
        groups = [group.label_ids for group in confusions.groups]
        draw_confusion(counts, catalogue.labels, path, title=title, order=confusions.order, groups=groups)
    with drawing(figures / "calibration.png", out_dir) as path:
        draw_calibration(calibration, path, title=title)
    for pair in confusions.pairs:
        with drawing(out_dir / pair.picture, out_dir) as path:
            true, predicted = (shorten(catalogue.labels[label], 40) for label in (pair.true, pair.predicted))
            heading = f"{true} → {predicted}: {pair.count} / {pair.total}"
            captions = [f"{confidence:.0%}" for confidence in pair.confidences]
            draw_strip(read_photos(catalogue, pair.product_ids), captions, path, heading=heading)
