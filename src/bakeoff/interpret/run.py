"""One candidate explained from end to end: what matters over the test split, and heat maps of a few test photos."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from rich.progress import Progress

from bakeoff.core.failures import drawing
from bakeoff.core.files import replacing
from bakeoff.core.machine import ComputeParams
from bakeoff.data.predictions import Predictions, read_predictions
from bakeoff.data.table import PHOTO_OF, Catalogue
from bakeoff.interpret.channels import CHANNELS, choose_rows, draw_channels, permutation_importance
from bakeoff.interpret.explain import background, explain
from bakeoff.interpret.figures import caption, draw_explained, panels, read_photo
from bakeoff.interpret.opening import open_subject
from bakeoff.interpret.params import InterpretParams
from bakeoff.interpret.photos import KINDS, Chosen, choose_photos, safe_name
from bakeoff.interpret.subject import Subject
from bakeoff.records.files import derived_key
from bakeoff.records.interpretation import (
    CHANNELS_FILE,
    INTERPRETATION_FILE,
    MAPS_DIR,
    ChannelsRecord,
    ExplainedPhoto,
    Explanation,
    InterpretationRecord,
)
from bakeoff.records.training import TrainingRecord

_TOP = 5
CHANNEL_SEED = 0
"""One seed for every candidate, so that all are shown the same shuffled photos."""


@dataclass(frozen=True)
class Candidate:
    """A trained candidate with what it was trained on and what it predicted."""

    training: TrainingRecord
    training_dir: Path
    catalogue: Catalogue
    """One row per product."""
    predictions: Predictions


def read_candidate(training_dir: Path, catalogue: Catalogue) -> Candidate:
    """Return a trained candidate, its predictions and the catalogue they are of.

    Raises:
        EvaluationError: the folder holds no training, or its predictions are of another catalogue or split.
    """
    training = TrainingRecord.read(training_dir / "training.json")
    predictions = read_predictions(training_dir / "predictions.parquet", catalogue=catalogue)
    return Candidate(training, training_dir, catalogue.by_product(), predictions)


def interpret_candidate(
    candidate: Candidate, out_dir: Path, *, params: InterpretParams, compute: ComputeParams
) -> None:
    """Write interpretation.json with its maps and figures under `out_dir`."""
    key = derived_key(candidate.training.key, params.used())
    chosen = choose_photos(
        candidate.predictions, n_shared=params.n_shared, max_shared=params.max_shared, n_own=params.n_own
    )
    with open_subject(candidate.training_dir, compute, batch_px=params.batch_px) as subject, Progress() as progress:
        subject.background = background(subject, candidate.catalogue)
        explained = explain_photos(subject, candidate, chosen, out_dir, params=params, progress=progress)
        channels = _explain_channels(subject, candidate, out_dir, params=params, key=key, progress=progress)
        record = InterpretationRecord(
            key=key,
            training_key=candidate.training.key,
            score=subject.score,
            notes=_notes(candidate.training, chosen, params),
            photos=[photo for photo, _ in explained],
            items=[item for _, items in explained for item in items],
        )
    record.write(out_dir / INTERPRETATION_FILE)
    with drawing(out_dir / "figures" / "channels.png", out_dir) as path:
        draw_channels(channels, path, title=candidate.training.candidate)
    for photo, items in explained:
        with drawing(out_dir / photo.figure, out_dir) as path:
            draw_explained(
                read_photo(out_dir, photo),
                panels(out_dir, items),
                path,
                title=caption(candidate.training.candidate, photo),
                probabilities=photo.probabilities,
                box=photo.box,
            )


def _explain_channels(
    subject: Subject, candidate: Candidate, out_dir: Path, *, params: InterpretParams, key: str, progress: Progress
) -> ChannelsRecord:
    """Write channels.json, the importance of the three channels on the test photos, and return it."""
    catalogue, predictions = candidate.catalogue, candidate.predictions
    rows = choose_rows(catalogue.rows("test"), params.channel_max_rows, seed=CHANNEL_SEED)
    label_ids, products = catalogue.label_ids(rows), catalogue.at(rows)
    alone = PHOTO_OF in catalogue.products  # what is predicted of several photos says little of the first
    found = subject.probabilities(subject.images(products)) if alone else predictions.probabilities[rows]
    task = progress.add_task("shuffling channels", total=len(CHANNELS) * params.channel_repeats * len(rows))
    result = permutation_importance(
        subject,
        products,
        label_ids,
        baseline_correct=found.argmax(axis=1) == label_ids,
        shuffles=(params.channel_repeats, CHANNEL_SEED),
        advance=lambda n: progress.advance(task, n),
    )
    record = ChannelsRecord(key=key, training_key=candidate.training.key, seed=CHANNEL_SEED, **dict(result))
    record.write(out_dir / CHANNELS_FILE)
    return record


def explain_photos(
    subject: Subject,
    candidate: Candidate,
    chosen: list[Chosen],
    out_dir: Path,
    *,
    params: InterpretParams,
    progress: Progress,
) -> list[tuple[ExplainedPhoto, list[Explanation]]]:
    """Write each chosen photo and its raw maps; return what interpretation.json says of them."""
    n_maps = len(chosen) * (len(params.methods) + len(set(params.methods) & set(params.counter_methods)))
    task = progress.add_task("explaining photos", total=n_maps)
    labels, found = subject.labels, []
    for one in chosen:
        image = subject.images(candidate.catalogue.at([one.row]))[0]
        photo = _describe(one, candidate)
        with replacing(out_dir / photo.photo) as path:
            Image.fromarray(np.rint(image * 255).astype(np.uint8)).save(path, format="PNG")
        items = []
        for method in params.methods:
            for target in [one.predicted, one.counter][: 1 + (method in params.counter_methods)]:
                explained = explain(subject, image, target, method, params)
                file = None
                if explained.map is not None:
                    file = f"{MAPS_DIR}/{safe_name(one.product_id)}.{method}.{target}.npz"
                    with replacing(out_dir / file) as path, path.open("wb") as stream:
                        np.savez_compressed(stream, map=explained.map)
                given = {"note": explained.note, "completeness_gap": explained.completeness_gap}
                items.append(
                    Explanation(product_id=one.product_id, method=method, target=labels[target], map=file, **given)
                )
                progress.advance(task)
        found.append((photo, items))
    return found


def _describe(one: Chosen, candidate: Candidate) -> ExplainedPhoto:
    """Return what the candidate makes of a chosen photo."""
    labels, shares = candidate.catalogue.labels, candidate.predictions.probabilities[one.row]
    most = list(dict.fromkeys([*np.argsort(-shares, kind="stable")[:_TOP].tolist(), one.true]))
    name = safe_name(one.product_id)
    return ExplainedPhoto(
        product_id=one.product_id,
        kind=one.kind,
        true=labels[one.true],
        predicted=labels[one.predicted],
        correct=one.true == one.predicted,
        probabilities={labels[label_id]: float(shares[label_id]) for label_id in most},
        counter=labels[one.counter],
        box=None,
        photo=f"{MAPS_DIR}/{name}.png",
        figure=f"attributions/{name}.png",
    )


def _notes(training: TrainingRecord, chosen: list[Chosen], params: InterpretParams) -> list[str]:
    """Return what the reader of the maps must know."""
    kinds = Counter(one.kind for one in chosen)
    found = [
        f"Only {kinds[kind]} of {params.n_own[kind]} {kind.replace('_', ' and ')} test photos exist."
        for kind in KINDS
        if kinds[kind] < params.n_own[kind]
    ]
    if not training.learned:
        found.append(f"This candidate did not learn ({training.not_learned}): its maps show what chance looks at.")
    return found
