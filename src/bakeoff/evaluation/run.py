"""One candidate judged from its predictions alone: metrics, calibration, confusions. No framework is loaded."""

from pathlib import Path

from rich.progress import Progress

from bakeoff.data.predictions import read_predictions
from bakeoff.data.table import Catalogue
from bakeoff.evaluation.findings import N_STEPS, find, write_findings
from bakeoff.evaluation.params import EvaluateParams
from bakeoff.records.evaluation import MetricsRecord
from bakeoff.records.training import TrainingRecord


def evaluate_candidate(
    training_dir: Path, catalogue: Catalogue, out_dir: Path, *, params: EvaluateParams
) -> MetricsRecord:
    """Write a candidate's whole evaluation and return its metrics.

    Args:
        training_dir: what its trainer wrote, of which training.json and predictions.parquet are read.
        catalogue: the products it was trained on.
        out_dir: gets confusions.json, confusion.csv, the text report, calibration.json and metrics.json, and last
            figures/, each of which may fail (`bakeoff.core.failures`).
        params: section evaluate.

    Raises:
        EvaluationError: a file is missing or broken, or belongs to another catalogue or split.
    """
    training = TrainingRecord.read(training_dir / "training.json")
    predictions = read_predictions(training_dir / "predictions.parquet", catalogue=catalogue)
    catalogue = catalogue.by_product()
    groups = catalogue.products["group_id"].to_numpy()[catalogue.rows("test")]
    with Progress() as progress:
        task = progress.add_task("metrics and their intervals", total=N_STEPS)
        findings = find(predictions, training, params=params, groups=groups, advance=lambda: progress.advance(task))
    write_findings(findings, predictions, catalogue, out_dir)
    return findings.metrics
