"""One candidate explained from end to end: colour channels over the test split, heat maps of a few test photos."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from rich.progress import Progress

from bakeoff.core.failures import drawing
from bakeoff.core.machine import ComputeParams
from bakeoff.core.modes import parse_mode
from bakeoff.core.seeding import default_threads
from bakeoff.data.predictions import Predictions, read_predictions
from bakeoff.data.table import PHOTO_OF, Catalogue
from bakeoff.interpret.channels import CHANNELS, choose_rows, draw_channels, permutation_importance
from bakeoff.interpret.choice import Chosen, choose_photos, safe_name
from bakeoff.interpret.figures import caption, draw_attributions
from bakeoff.interpret.generic import GREY, GenericExplainer
from bakeoff.interpret.params import InterpretParams
from bakeoff.predictors.loading import load_predictor
from bakeoff.predictors.protocol import Predictor
from bakeoff.records.files import derived_key
from bakeoff.records.interpretation import (
    ATTRIBUTIONS_FILE,
    CHANNELS_FILE,
    AttributionsRecord,
    ChannelsRecord,
    ExplainedPhoto,
    PhotoCounts,
)
from bakeoff.records.training import TrainingRecord

if TYPE_CHECKING:
    from bakeoff.interpret.captum_attributions import CaptumExplainer

Explainer: TypeAlias = "GenericExplainer | CaptumExplainer"
METHODS = {"integrated_gradients": "Integrated Gradients", "occlusion": "Occlusion"}
"""An explainer's methods, and the titles over their panels; figures, records and progress follow from this table.

Each takes an image (H, W, 3) float32 in [0, 1] and a class index, and returns a signed map (H, W) or (H, W, 3) float32.
"""
CHANNEL_SEED = 0
"""One seed for every candidate, so that all are shown the same shuffled photos."""
Maps = tuple[np.ndarray, dict[str, np.ndarray]]
"""The photo (H, W, 3) float32, and its maps by title."""


@dataclass(frozen=True)
class Subject:
    """Who is explained: the candidate, what it was trained on and what it predicted."""

    predictor: Predictor
    catalogue: Catalogue
    predictions: Predictions
    training: TrainingRecord

    @property
    def methods(self) -> dict[str, str]:
        """Those of `METHODS` that this candidate can be explained by."""
        is_smooth = self.training.framework != "pytorch" or parse_mode(self.training.mode).has_gradients
        return {name: title for name, title in METHODS.items() if is_smooth or name != "integrated_gradients"}


def open_subject(training_dir: Path, catalogue: Catalogue, compute: ComputeParams) -> Subject:
    """Return a trained candidate, its predictions and the catalogue they are of.

    Raises:
        EvaluationError: the folder holds no training, or its predictions are of another catalogue or split.
    """
    training = TrainingRecord.read(training_dir / "training.json")
    predictions = read_predictions(training_dir / "predictions.parquet", catalogue=catalogue)
    predictor = load_predictor(training_dir, device=compute.device)
    predictor.set_threads(compute.threads or default_threads())
    return Subject(predictor, catalogue.by_product(), predictions, training)


def open_explainer(environment: str, predictor: Any, params: InterpretParams) -> Explainer:
    """Return Captum's explainer for `torch`, the framework-free one for `tf`, which imports no torch."""
    if environment == "tf":
        return GenericExplainer(predictor, params)
    from bakeoff.interpret.captum_attributions import CaptumExplainer

    return CaptumExplainer(predictor.module, params)


def interpret_candidate(subject: Subject, out_dir: Path, *, params: InterpretParams) -> None:
    """Write channels.json, figures/channels.png, attributions.json and attributions/<product>.png under `out_dir`."""
    explainer = open_explainer(subject.training.environment, subject.predictor, params)
    key = derived_key(subject.training.key, params.model_dump())
    chosen = choose_photos(subject.predictions, n_correct=params.n_correct, n_wrong=params.n_wrong)
    with Progress() as progress:
        explained = _explain_photos(subject, explainer, chosen, progress=progress)
        subject.predictor.speed_up(n_trials=0)  # gradients need the plain network, many photos the fastest
        channels = _explain_channels(subject, out_dir, params=params, key=key, progress=progress)
    n_correct, titles = sum(photo.correct for photo in chosen), subject.methods.values()
    counts = {"correct": (n_correct, params.n_correct), "wrong": (len(chosen) - n_correct, params.n_wrong)}
    few = [f"only {n} of {wanted} {kind} test photos exist" for kind, (n, wanted) in counts.items() if n < wanted]
    few += [f"{title} needs gradients, which this head has not" for title in METHODS.values() if title not in titles]
    AttributionsRecord(
        key=key,
        requested=PhotoCounts(n_correct=params.n_correct, n_wrong=params.n_wrong),
        found=PhotoCounts(n_correct=n_correct, n_wrong=len(chosen) - n_correct),
        note="; ".join(few) + "." if few else None,
        baseline=GREY,
        explained_score={name: explainer.scores[name] for name in subject.methods},
        items=[photo for photo, _ in explained],
    ).write(out_dir / ATTRIBUTIONS_FILE)
    with drawing(out_dir / "figures" / "channels.png", out_dir) as path:
        draw_channels(channels, path, title=subject.training.candidate)
    for photo, maps in explained:
        with drawing(out_dir / photo.figure, out_dir) as path:
            draw_attributions(*maps, path, title=caption(subject.training.candidate, photo))


def _explain_channels(
    subject: Subject, out_dir: Path, *, params: InterpretParams, key: str, progress: Progress
) -> ChannelsRecord:
    """Write channels.json, the importance of the three channels on the test photos, and return it."""
    catalogue, predictions = subject.catalogue, subject.predictions
    rows = choose_rows(catalogue.rows("test"), params.channel_max_rows, seed=CHANNEL_SEED)
    label_ids, products = catalogue.label_ids(rows), catalogue.at(rows)
    alone = PHOTO_OF in catalogue.products  # what is predicted of several photos says little of the first
    found = subject.predictor.predict(products) if alone else predictions.probabilities[rows]
    task = progress.add_task("shuffling channels", total=len(CHANNELS) * params.channel_repeats * len(rows))
    result = permutation_importance(
        subject.predictor,
        products,
        label_ids,
        baseline_correct=found.argmax(axis=1) == label_ids,
        shuffles=(params.channel_repeats, CHANNEL_SEED),
        advance=lambda n: progress.advance(task, n),
    )
    record = ChannelsRecord(key=key, training_key=subject.training.key, seed=CHANNEL_SEED, **dict(result))
    record.write(out_dir / CHANNELS_FILE)
    return record


def _explain_photos(
    subject: Subject, explainer: Explainer, chosen: list[Chosen], *, progress: Progress
) -> list[tuple[ExplainedPhoto, Maps]]:
    """Return for each chosen photo what attributions.json says of it, and what its figure shows."""
    labels = subject.catalogue.labels
    task = progress.add_task("explaining photos", total=len(subject.methods) * len(chosen))
    items = []
    for photo in chosen:
        image, maps = subject.predictor.images(subject.catalogue.at([photo.row]))[0], {}
        for method, title in subject.methods.items():
            maps[title] = getattr(explainer, method)(image, photo.predicted)
            progress.advance(task)
        explained = ExplainedPhoto(
            product_id=photo.product_id,
            true=labels[photo.true],
            predicted=labels[photo.predicted],
            probability=photo.probability,
            correct=photo.correct,
            method="+".join(subject.methods),
            figure=f"attributions/{safe_name(photo.product_id)}.png",
        )
        items.append((explained, (image, maps)))
    return items
