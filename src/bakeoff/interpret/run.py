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
from bakeoff.data.boxes import boxes_in_view
from bakeoff.data.predictions import Predictions, read_predictions
from bakeoff.data.table import Catalogue
from bakeoff.interpret.explain import background, explain, warn_of
from bakeoff.interpret.figures import caption, draw_explained, panels, read_map, read_photo
from bakeoff.interpret.loss_figures import draw_corruptions, draw_parts, draw_robustness
from bakeoff.interpret.losses import try_on
from bakeoff.interpret.methods import METHODS
from bakeoff.interpret.opening import open_subject
from bakeoff.interpret.overview import Known, make_overview
from bakeoff.interpret.params import InterpretParams
from bakeoff.interpret.parts import measure_parts
from bakeoff.interpret.photos import KINDS, Chosen, choose_photos, safe_name
from bakeoff.interpret.robustness import measure_robustness
from bakeoff.interpret.subject import Subject
from bakeoff.records.files import derived_key
from bakeoff.records.interpretation import (
    INTERPRETATION_FILE,
    MAPS_DIR,
    PARTS_FILE,
    ROBUSTNESS_FILE,
    ExplainedPhoto,
    Explanation,
    InterpretationRecord,
    PartsRecord,
    RobustnessRecord,
)
from bakeoff.records.training import TrainingRecord

_TOP = 5


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
        explain_losses(subject, candidate, out_dir, params=params, key=key, progress=progress)
        known = _known(candidate, chosen, explained, out_dir, params=params)
        task = progress.add_task("looking at test products", total=None)
        make_overview(
            subject, known, out_dir, params=params.overview, key=key, advance=lambda n: progress.advance(task, n)
        )
        record = InterpretationRecord(
            key=key,
            training_key=candidate.training.key,
            score=subject.score,
            notes=_notes(candidate.training, chosen, params),
            photos=[photo for photo, _ in explained],
            items=[item for _, items in explained for item in items],
        )
    record.write(out_dir / INTERPRETATION_FILE)
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


def explain_losses(
    subject: Subject, candidate: Candidate, out_dir: Path, *, params: InterpretParams, key: str, progress: Progress
) -> None:
    """Write parts.json and, where it is asked for, robustness.json, with their figures."""
    keys = {"key": key, "training_key": candidate.training.key}
    of, title = (subject, candidate.catalogue, candidate.predictions), candidate.training.candidate
    tried = try_on(*of, max_rows=params.parts.max_rows)
    parts = measure_parts(subject, tried, params.parts, progress)
    PartsRecord(**keys, **dict(parts)).write(out_dir / PARTS_FILE)
    if parts.parts:
        with drawing(out_dir / "figures" / "parts.png", out_dir) as path:
            draw_parts(parts, path, title=title)
    if not params.robustness.strengths:
        return
    tried = try_on(*of, max_rows=params.robustness.max_rows)
    robustness = measure_robustness(subject, tried, params.robustness, progress)
    RobustnessRecord(**keys, **dict(robustness)).write(out_dir / ROBUSTNESS_FILE)
    with drawing(out_dir / "figures" / "robustness.png", out_dir) as path:
        draw_robustness(robustness, path, title=title)
    with drawing(out_dir / "figures" / "corruptions.png", out_dir) as path:
        draw_corruptions(subject.images(tried.products.at([0]))[0], robustness, path, title=title)


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
    boxes = boxes_in_view(candidate.catalogue, [one.row for one in chosen], subject.preprocessing)
    for one, box in zip(chosen, boxes, strict=True):
        image = subject.images(candidate.catalogue.at([one.row]))[0]
        photo = _describe(one, candidate, box)
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


def _known(
    candidate: Candidate,
    chosen: list[Chosen],
    explained: list[tuple[ExplainedPhoto, list[Explanation]]],
    out_dir: Path,
    *,
    params: InterpretParams,
) -> Known:
    """Return what the overview is made of: the maps of the predicted classes by method."""
    maps: dict[str, np.ndarray] = {}
    for method in params.methods:
        found = [
            next(
                (read_map(out_dir, item) for item in items if (item.method, item.target) == (method, photo.predicted)),
                None,
            )
            for photo, items in explained
        ]
        shape = next((one.shape for one in found if one is not None), None)
        if shape:
            maps[method] = np.stack([np.full(shape, np.nan, np.float32) if one is None else one for one in found])
    return Known(
        candidate.catalogue,
        candidate.predictions.probabilities.argmax(axis=1),
        np.array([one.row for one in chosen], dtype=np.int64),
        maps,
        {method: METHODS[method].TITLE for method in maps},
    )


def _describe(one: Chosen, candidate: Candidate, box: np.ndarray) -> ExplainedPhoto:
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
        box=box.tolist() if np.isfinite(box).all() else None,
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
    return found + warn_of(training)
