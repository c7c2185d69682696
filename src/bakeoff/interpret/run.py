"""One candidate explained from end to end: what matters over the test split, and heat maps of a few test photos."""

from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from rich.progress import Progress

from bakeoff.core.code import digest
from bakeoff.core.failures import drawing
from bakeoff.core.files import replacing
from bakeoff.core.machine import ComputeParams
from bakeoff.core.progress import progress_bar
from bakeoff.data.predictions import WITHOUT_INPUT, Predictions, read_predictions
from bakeoff.data.table import Catalogue
from bakeoff.interpret.explain import background, explain, most_probable, warn_of
from bakeoff.interpret.figures import caption, draw_explained, panels, read_photo
from bakeoff.interpret.loss_figures import draw_corruptions, draw_parts, draw_robustness
from bakeoff.interpret.losses import try_on
from bakeoff.interpret.methods import METHODS
from bakeoff.interpret.opening import open_subject
from bakeoff.interpret.overview import Known, make_overview
from bakeoff.interpret.params import InterpretParams
from bakeoff.interpret.parts import measure_parts
from bakeoff.interpret.photos import Chosen, choose_photos, safe_name
from bakeoff.interpret.robustness import measure_robustness
from bakeoff.interpret.subject import Subject
from bakeoff.records import interpretation as records
from bakeoff.records.training import TrainingRecord


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
    catalogue = catalogue.by_product()
    products = predictions.products
    products.loc[products["origin"] == WITHOUT_INPUT, "split"] = "not read"  # so it is not explained
    return Candidate(training, training_dir, catalogue, predictions)


def interpret_candidate(
    candidate: Candidate, out_dir: Path, *, params: InterpretParams, compute: ComputeParams
) -> None:
    """Write interpretation.json with its maps and figures under `out_dir`."""
    training, key = candidate.training, digest([candidate.training.key, params.used()])
    chosen = choose_photos(
        candidate.predictions, n_shared=params.n_shared, max_shared=params.max_shared, n_own=params.n_own
    )
    with open_subject(candidate.training_dir, compute, batch_px=params.batch_px) as subject, progress_bar() as progress:
        subject.background = background(subject, candidate.catalogue)
        photos, items, maps = explain_photos(subject, candidate, chosen, out_dir, params=params, progress=progress)
        told = {"score": subject.score, "notes": _notes(training, chosen, params), "photos": photos, "items": items}
        record = records.InterpretationRecord.model_validate({"key": key, "training_key": training.key} | told)
        record.write(out_dir / records.INTERPRETATION_FILE)
        explain_losses(subject, candidate, out_dir, params=params, key=key, progress=progress)
        predicted, rows = candidate.predictions.probabilities.argmax(axis=1), [one.row for one in chosen]
        titles = {method: METHODS[method].TITLE for method in maps}
        known = Known(candidate.catalogue, predicted, np.array(rows, dtype=np.int64), maps, titles)
        advance = partial(progress.advance, progress.add_task("looking at test products", total=None))
        make_overview(subject, known, out_dir, params=params.overview, key=key, advance=advance)
    for photo in photos:
        shown = panels(out_dir, [item for item in items if item.product_id == photo.product_id])
        named = {"title": caption(training.candidate, photo), "probabilities": photo.probabilities, "box": photo.box}
        with drawing(out_dir / photo.figure, out_dir) as path:
            draw_explained(read_photo(out_dir, photo), shown, path, **named)


def explain_losses(
    subject: Subject, candidate: Candidate, out_dir: Path, *, params: InterpretParams, key: str, progress: Progress
) -> None:
    """Write parts.json and, where it is asked for, robustness.json, with their figures."""
    keys = {"key": key, "training_key": candidate.training.key}
    of, title = (subject, candidate.catalogue, candidate.predictions), candidate.training.candidate
    tried = try_on(*of, max_rows=params.parts.max_rows)
    parts = measure_parts(subject, tried, params.parts, progress)
    records.PartsRecord(**keys, **dict(parts)).write(out_dir / records.PARTS_FILE)
    if parts.parts:
        with drawing(out_dir / "figures" / "parts.png", out_dir) as path:
            draw_parts(parts, path, title=title)
    if not params.robustness.strengths:
        return
    tried = try_on(*of, max_rows=params.robustness.max_rows)
    robustness = measure_robustness(subject, tried, params.robustness, progress)
    records.RobustnessRecord(**keys, **dict(robustness)).write(out_dir / records.ROBUSTNESS_FILE)
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
) -> tuple[list[records.ExplainedPhoto], list[records.Explanation], dict[str, np.ndarray]]:
    """Write each of M photos and its raw maps; return what interpretation.json says of them, and the methods' maps.

    These are (M, H, W) float32 of the predicted classes, NaN throughout where a photo has none.
    """
    shape, photos, items = (len(chosen), subject.image_size, subject.image_size), [], []
    maps = {method: np.full(shape, np.nan, np.float32) for method in params.methods}
    asked = [(method, n) for method in maps for n in range(1 + (method in params.counter_methods))]
    task = progress.add_task("explaining photos", total=len(chosen) * len(asked))
    boxes = candidate.catalogue.boxes_in_view([one.row for one in chosen], subject.preprocessing)
    for number, (one, box) in enumerate(zip(chosen, boxes, strict=True)):
        image, photo = subject.images(candidate.catalogue.at([one.row]))[0], _describe(one, candidate, box)
        with replacing(out_dir / photo.photo) as path:
            Image.fromarray(np.rint(image * 255).astype(np.uint8)).save(path, format="PNG")
        for method, is_counter in asked:
            target, file = one.counter if is_counter else one.predicted, None
            found, note, gap = explain(subject, image, target, method, params)
            if found is not None:
                file = f"{records.MAPS_DIR}/{safe_name(one.product_id)}.{method}.{target}.npz"
                with replacing(out_dir / file) as path, path.open("wb") as stream:
                    np.savez_compressed(stream, map=found)
                if not is_counter:
                    maps[method][number] = found
            told = {"target": subject.labels[target], "map": file, "note": note, "completeness_gap": gap}
            items.append(records.Explanation(product_id=one.product_id, method=method, **told))
            progress.advance(task)
        photos.append(photo)
        subject.divided.clear()
    return photos, items, {method: each for method, each in maps.items() if np.isfinite(each).any()}


def _describe(one: Chosen, candidate: Candidate, box: np.ndarray) -> records.ExplainedPhoto:
    """Return what the candidate makes of a chosen photo."""
    labels, shares = candidate.catalogue.labels, candidate.predictions.probabilities[one.row]
    name = safe_name(one.product_id)
    return records.ExplainedPhoto(
        product_id=one.product_id,
        kind=one.kind,
        true=labels[one.true],
        predicted=labels[one.predicted],
        correct=one.true == one.predicted,
        probabilities=most_probable(labels, shares, one.true),
        counter=labels[one.counter],
        box=box.tolist() if np.isfinite(box).all() else None,
        photo=f"{records.MAPS_DIR}/{name}.png",
        figure=f"attributions/{name}.png",
    )


def _notes(training: TrainingRecord, chosen: list[Chosen], params: InterpretParams) -> list[str]:
    """Return what the reader of the maps must know."""
    kinds = Counter(one.kind for one in chosen)
    found = [
        f"Only {kinds[kind]} of {wanted} further {kind.replace('_', ' and ')} test photos exist."
        for kind, wanted in params.n_own.items()
        if kinds[kind] < wanted
    ]
    return found + warn_of(training)
