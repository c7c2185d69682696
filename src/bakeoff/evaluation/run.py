"""One candidate judged from end to end: predictions, throughput and findings, all in its evaluation folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import Progress

from bakeoff.core.machine import ComputeParams
from bakeoff.core.paths import state_dir
from bakeoff.core.seeding import default_threads
from bakeoff.data.predictions import predict_catalogue, write_predictions
from bakeoff.data.table import Catalogue
from bakeoff.evaluation.findings import N_STEPS, find, write_findings
from bakeoff.evaluation.metrics import training_losses
from bakeoff.evaluation.params import EvaluateParams
from bakeoff.predictors.protocol import Predictor
from bakeoff.records.files import derived_key, write_record
from bakeoff.speed.params import ThroughputParams
from bakeoff.speed.sharing import Workplace, shared_throughput
from bakeoff.speed.subject import Plan


@dataclass(frozen=True)
class EvaluationSettings:
    """The params sections that an evaluation reads."""

    evaluate: EvaluateParams
    throughput: ThroughputParams
    compute: ComputeParams

    @property
    def threads(self) -> int:
        """CPU threads for predicting: compute.threads, or the physical cores."""
        return self.compute.threads or default_threads()

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
        out_dir: gets predictions.parquet, throughput.json, confusions.json, confusion.csv, the text report,
            calibration.json and metrics.json, and last figures/, each of which may fail (`bakeoff.core.failures`).
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
        losses = training_losses(predictor, predictions, catalogue)
        intervals = progress.add_task("metrics and their intervals", total=N_STEPS)
        findings = find(predictions, losses, params=settings.evaluate, advance=lambda: progress.advance(intervals))
        task = progress.add_task("measuring throughput", total=None)
        speed = _measure(
            predictor,
            catalogue,
            settings,
            candidate=training["candidate"],
            on_wait=lambda: progress.update(task, description="throughput: waiting for another measurement"),
        )
        progress.update(task, total=1, completed=1)
    key = settings.key(training["key"])
    write_record(out_dir / "throughput.json", {**speed, "key": key})
    header = {
        **{name: training[name] for name in ("candidate", "model", "mode", "seed")},
        "key": key,
        "training_key": training["key"],
        "probabilities": predictor.probability_kind,
        "training_loss_name": predictor.loss_name,
    }
    return write_findings(findings, predictions, catalogue, out_dir, header=header)


def _measure(
    predictor: Predictor,
    catalogue: Catalogue,
    settings: EvaluationSettings,
    *,
    candidate: str,
    on_wait: Callable[[], None],
) -> dict[str, Any]:
    """Return throughput.json's record, measured on the first test photos or taken from the same architecture's."""
    wanted = settings.throughput
    if wanted.threads is not None and wanted.threads != settings.threads:
        predictor.set_threads(wanted.threads)
    workplace = Workplace(state_dir("throughput"), on_wait=on_wait)
    return shared_throughput(predictor, catalogue, Plan.of(wanted), candidate=candidate, workplace=workplace)
