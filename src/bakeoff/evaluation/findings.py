"""What the predictions say of a candidate, found in one place and written as metrics, calibration and confusions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.core.failures import drawing
from bakeoff.core.files import write_json
from bakeoff.data.predictions import Predictions
from bakeoff.data.table import Catalogue
from bakeoff.evaluation import uncertainty
from bakeoff.evaluation.calibration import calibration_record
from bakeoff.evaluation.calibration_figure import draw_calibration
from bakeoff.evaluation.confusion import write_confusion_csv, write_report
from bakeoff.evaluation.confusion_figure import draw_confusion
from bakeoff.evaluation.confusions import confusions_record
from bakeoff.evaluation.metrics import all_split_metrics, count_confusions, per_class_metrics, predicted_classes
from bakeoff.evaluation.pairs import draw_strip, read_photos
from bakeoff.evaluation.params import EvaluateParams

N_STEPS = uncertainty.N_STEPS + 2
"""Calls of `advance` by `find`."""


@dataclass(frozen=True)
class Findings:
    """The three records of an evaluation, less the names and keys at their head."""

    metrics: dict[str, Any]
    calibration: dict[str, Any]
    confusions: dict[str, Any]


def find(
    predictions: Predictions,
    *,
    params: EvaluateParams,
    advance: Callable[[], object] = lambda: None,
) -> Findings:
    """Return metrics with intervals, calibration and confusions; only the test split judges.

    Args:
        predictions: all three splits.
        params: section evaluate.
        advance: called after each of `N_STEPS` parts, so that a bar can move.

    Raises:
        EvaluationError: a split is empty.
    """
    splits = all_split_metrics(predictions, top_k=params.top_k, n_bins=params.calibration_bins)
    advance()
    label_ids, probabilities = predictions.split("test")
    per_class = per_class_metrics(label_ids, probabilities, predictions.labels)
    intervals = uncertainty.metric_intervals(
        label_ids, probabilities, params=params, metrics=splits["test"], advance=advance
    )
    metrics = {
        "splits": splits,
        "intervals": {"test": intervals},
        "overfitting": uncertainty.overfitting(splits, intervals["accuracy"]),
        "per_class": uncertainty.add_class_intervals(per_class, label_ids, predicted_classes(probabilities)),
    }
    calibration = calibration_record(predictions, params)
    advance()
    return Findings(metrics, calibration, confusions_record(predictions))


def write_findings(
    findings: Findings, predictions: Predictions, catalogue: Catalogue, out_dir: Path, *, header: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the three records, confusion.csv and the text report, then draw; return metrics.json.

    Args:
        findings: what to write.
        predictions: they were found in.
        catalogue: has the photos of the confused pairs.
        out_dir: the evaluation folder.
        header: names and keys: candidate, model, mode, seed, key, training_key, probabilities, training_loss_name.
    """
    key, labels = {"key": header["key"]}, predictions.labels
    label_ids, probabilities = predictions.split("test")
    predicted = predicted_classes(probabilities)
    counts = count_confusions(label_ids, predicted, len(labels))
    write_json(out_dir / "confusions.json", key | findings.confusions)
    write_confusion_csv(counts, labels, out_dir / "confusion.csv")
    write_report(label_ids, predicted, labels, out_dir / "classification_report.txt")
    write_json(out_dir / "calibration.json", key | findings.calibration)
    record = {**header, **findings.metrics}
    write_json(out_dir / "metrics.json", record)
    title = f"{header['candidate']}: {len(label_ids)} test photos, accuracy {(label_ids == predicted).mean():.3f}"
    _draw(findings, counts, catalogue, out_dir, title=title)
    return record


def _draw(findings: Findings, counts: np.ndarray, catalogue: Catalogue, out_dir: Path, *, title: str) -> None:
    """Draw the confusion matrix, the calibration and a strip of photos for each confused pair."""
    confusions, figures = findings.confusions, out_dir / "figures"
    with drawing(figures / "confusion.png", out_dir) as path:
        groups = [group["label_ids"] for group in confusions["groups"]]
        draw_confusion(counts, catalogue.labels, path, title=title, order=confusions["order"], groups=groups)
    with drawing(figures / "calibration.png", out_dir) as path:
        draw_calibration(findings.calibration, path, title=title)
    for pair in confusions["pairs"]:
        with drawing(out_dir / pair["picture"], out_dir) as path:
            true, taken = catalogue.labels[pair["true"]], catalogue.labels[pair["predicted"]]
            heading = f"{true} → {taken}   {pair['count']} / {pair['total']}"
            captions = [f"{confidence:.0%}" for confidence in pair["confidences"]]
            draw_strip(read_photos(catalogue, pair["product_ids"]), captions, path, heading=heading)
