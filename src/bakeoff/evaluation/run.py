"""One candidate judged from end to end: predictions, metrics, confusion, throughput, all in its evaluation folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import Progress

from bakeoff.catalogue.table import Catalogue
from bakeoff.evaluation import confusion, metrics, throughput
from bakeoff.evaluation.predictions import Predictions, predict_catalogue, write_predictions
from bakeoff.evaluation.predictor import Predictor
from bakeoff.evaluation.records import derived_key, write_record
from bakeoff.evaluation.threads import physical_cores
from bakeoff.params import ComputeParams, EvaluateParams, ThroughputParams


@dataclass(frozen=True)
class EvaluationSettings:
    """The params sections that an evaluation reads."""

    evaluate: EvaluateParams
    throughput: ThroughputParams
    compute: ComputeParams

    @property
    def threads(self) -> int:
        """CPU threads for predicting: compute.threads, or the physical cores."""
        return self.compute.threads or physical_cores()

    def key(self, training_key: str) -> str:
        """Return the evaluation's key: the training's and the sections evaluate and throughput."""
        return derived_key(training_key, self.evaluate.model_dump(), self.throughput.model_dump())


def evaluate_candidate(
    predictor: Predictor,
    catalogue: Catalogue,
    out_dir: Path,
    *,
    training: dict[str, Any],
    settings: EvaluationSettings,
) -> dict[str, Any]:
    """Write a candidate's whole evaluation and return its metrics.json.

    Args:
        predictor: the trained candidate.
        catalogue: the products it was trained on.
        out_dir: gets predictions.parquet, metrics.json, throughput.json, confusion.csv, the text report and figures/.
        training: training.json, of which candidate, model, mode, seed and key are used.
        settings: params sections evaluate, throughput and compute.

    Raises:
        EvaluationError: the candidate's labels are not the catalogue's, or its probabilities are none.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    predictor.set_threads(settings.threads)
    with Progress() as progress:
        predictions = predict_catalogue(predictor, catalogue, progress=progress)
        write_predictions(predictions, out_dir / "predictions.parquet")
        losses = metrics.training_losses(predictor, predictions, catalogue)
        task = progress.add_task("measuring throughput", total=None)
        speed = _measure(predictor, catalogue, settings)
        progress.update(task, total=1, completed=1)
    key = settings.key(training["key"])
    write_record(out_dir / "throughput.json", {**speed, "key": key})
    record = {
        **{name: training[name] for name in ("candidate", "model", "mode", "seed")},
        "key": key,
        "training_key": training["key"],
        "probabilities": predictor.probability_kind,
        "training_loss_name": predictor.loss_name,
        **metrics.all_metrics(predictions, losses),
    }
    _write_confusion(predictions, out_dir, candidate=training["candidate"])
    write_record(out_dir / "metrics.json", record)
    return record


def _measure(predictor: Predictor, catalogue: Catalogue, settings: EvaluationSettings) -> dict[str, Any]:
    """Return throughput.json's record, measured on the first test photos."""
    wanted = settings.throughput
    photos = predictor.images(catalogue.rows("test")[: wanted.batch_size].tolist())
    if wanted.threads is not None and wanted.threads != settings.threads:
        predictor.set_threads(wanted.threads)
    return throughput.measure_throughput(predictor, photos, batch_size=wanted.batch_size, budget_s=wanted.budget_s)


def _write_confusion(predictions: Predictions, out_dir: Path, *, candidate: str) -> None:
    """Write confusion.csv, its figure and the text report of the test split."""
    label_ids, probabilities = predictions.split("test")
    predicted, labels = metrics.predicted_classes(probabilities), predictions.labels
    counts = confusion.count_confusions(label_ids, predicted, len(labels))
    accuracy = float((label_ids == predicted).mean())
    title = f"{candidate}: {len(label_ids)} test photos, accuracy {accuracy:.3f}"
    confusion.write_confusion_csv(counts, labels, out_dir / "confusion.csv")
    confusion.draw_confusion(counts, labels, out_dir / "figures" / "confusion.png", title=title)
    confusion.write_report(label_ids, predicted, labels, out_dir / "classification_report.txt")
