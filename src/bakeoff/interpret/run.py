"""One candidate explained from end to end: colour channels over the test split, heat maps of a few test photos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from bakeoff.core.failures import drawing
from bakeoff.core.files import write_json
from bakeoff.core.machine import ComputeParams
from bakeoff.core.seeding import default_threads
from bakeoff.data.predictions import Predictions, read_predictions
from bakeoff.data.table import Catalogue
from bakeoff.interpret.channels import CHANNELS, ChannelResult, choose_rows, draw_channels, permutation_importance
from bakeoff.interpret.choice import Chosen, choose_photos, safe_name
from bakeoff.interpret.explainers import Explainer, open_explainer
from bakeoff.interpret.figures import Caption, draw_attributions
from bakeoff.interpret.generic import GREY
from bakeoff.interpret.methods import METHODS
from bakeoff.interpret.params import InterpretParams
from bakeoff.predictors.loading import load_predictor
from bakeoff.predictors.protocol import ImageGradients
from bakeoff.records.files import derived_key
from bakeoff.records.training import TrainingRecord

CHANNEL_SEED = 0
"""One seed for every candidate, so that all are shown the same shuffled photos."""
Maps = tuple[np.ndarray, dict[str, np.ndarray]]
"""The photo (H, W, 3) float32, and its maps by title."""


@dataclass(frozen=True)
class Subject:
    """Who is explained: the candidate, what it was trained on and what it predicted."""

    predictor: ImageGradients
    catalogue: Catalogue
    predictions: Predictions
    training: TrainingRecord


def open_subject(training_dir: Path, catalogue: Catalogue, compute: ComputeParams) -> Subject:
    """Return a trained candidate, its predictions and the catalogue they are of.

    Raises:
        EvaluationError: the folder holds no training, or its predictions are of another catalogue or split.
    """
    training = TrainingRecord.read(training_dir / "training.json")
    predictions = read_predictions(training_dir / "predictions.parquet", catalogue=catalogue)
    predictor = load_predictor(training_dir, device=compute.device)
    predictor.set_threads(compute.threads or default_threads())
    return Subject(predictor, catalogue, predictions, training)


def interpret_candidate(subject: Subject, out_dir: Path, *, params: InterpretParams) -> None:
    """Write channels.json, figures/channels.png, attributions.json and attributions/<product>.png under `out_dir`."""
    explainer = open_explainer(subject.training.environment, subject.predictor, params)
    key = derived_key(subject.training.key, params.model_dump())
    chosen = choose_photos(subject.predictions, n_correct=params.n_correct, n_wrong=params.n_wrong)
    with Progress() as progress:
        channels = _explain_channels(subject, out_dir, params=params, key=key, progress=progress)
        explained = _explain_photos(subject, explainer, chosen, progress=progress)
    found = {"n_correct": sum(photo.correct for photo in chosen), "n_wrong": sum(not photo.correct for photo in chosen)}
    record = {
        "key": key,
        "requested": {"n_correct": params.n_correct, "n_wrong": params.n_wrong},
        "found": found,
        "note": _note(params, found),
        "baseline": GREY,
        "explained_score": {method.name: explainer.scores.get(method.name, "logit") for method in METHODS},
        "items": [item for item, _ in explained],
    }
    write_json(out_dir / "attributions.json", record)
    with drawing(out_dir / "figures" / "channels.png", out_dir) as path:
        draw_channels(channels, path, title=subject.training.candidate)
    for item, maps in explained:
        with drawing(out_dir / item["figure"], out_dir) as path:
            draw_attributions(*maps, path, caption=_caption(subject, item))


def _explain_channels(
    subject: Subject, out_dir: Path, *, params: InterpretParams, key: str, progress: Progress
) -> ChannelResult:
    """Write channels.json, the importance of the three channels on the test photos, and return it."""
    catalogue, predictions = subject.catalogue, subject.predictions
    rows = choose_rows(catalogue.rows("test"), params.channel_max_rows, seed=CHANNEL_SEED)
    label_ids = catalogue.label_ids(rows)
    task = progress.add_task("shuffling channels", total=len(CHANNELS) * params.channel_repeats * len(rows))
    result = permutation_importance(
        subject.predictor,
        catalogue.at(rows),
        label_ids,
        baseline_correct=predictions.probabilities[rows].argmax(axis=1) == label_ids,
        shuffles=(params.channel_repeats, CHANNEL_SEED),
        advance=lambda n: progress.advance(task, n),
    )
    record = {"key": key, "training_key": subject.training.key, "seed": CHANNEL_SEED, **vars(result)}
    write_json(out_dir / "channels.json", record)
    return result


def _explain_photos(
    subject: Subject, explainer: Explainer, chosen: list[Chosen], *, progress: Progress
) -> list[tuple[dict[str, Any], Maps]]:
    """Return for each chosen photo its item of attributions.json, and what its figure shows."""
    labels = subject.catalogue.labels
    task = progress.add_task("explaining photos", total=len(METHODS) * len(chosen))
    items = []
    for photo in chosen:
        image, maps = subject.predictor.images(subject.catalogue.at([photo.row]))[0], {}
        for method in METHODS:
            maps[method.title] = method.attribute(explainer, image, photo.predicted)
            progress.advance(task)
        names = {"true": labels[photo.true], "predicted": labels[photo.predicted]}
        shown = {"product_id": photo.product_id, **names, "probability": photo.probability, "correct": photo.correct}
        how = {
            "method": "+".join(method.name for method in METHODS),
            "figure": f"attributions/{safe_name(photo.product_id)}.png",
        }
        items.append((shown | how, (image, maps)))
    return items


def _caption(subject: Subject, item: dict[str, Any]) -> Caption:
    shown = {name: item[name] for name in ("product_id", "true", "predicted", "probability")}
    return Caption(candidate=subject.training.candidate, **shown)


def _note(params: InterpretParams, found: dict[str, int]) -> str | None:
    """Return one sentence where fewer photos exist than were asked for."""
    parts = []
    if found["n_correct"] < params.n_correct:
        parts.append(f"only {found['n_correct']} of {params.n_correct} correct test photos exist")
    if found["n_wrong"] < params.n_wrong:
        parts.append(f"only {found['n_wrong']} of {params.n_wrong} wrong test photos exist")
    return "; ".join(parts) + "." if parts else None
