"""What a candidate makes of the test products as a whole: examples of each class, a map, mean maps, the background."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bakeoff.core.failures import drawing
from bakeoff.data.boxes import boxes_in_view
from bakeoff.data.figures import Figure
from bakeoff.data.products import StoredProducts
from bakeoff.data.table import Catalogue
from bakeoff.interpret.background import compare_greyed, cover, rely, show_alone
from bakeoff.interpret.overview_figures import (
    MAP_FOOT,
    Row,
    colour_map,
    draw_places,
    draw_rows,
    in_sheets,
    scale_of,
    to_bytes,
)
from bakeoff.interpret.params import OverviewParams
from bakeoff.interpret.subject import NotExplainable, Subject
from bakeoff.records.interpretation import OVERVIEW_FILE, BackgroundReliance, ClassExamples, OverviewRecord
from bakeoff.statistics.embedding import place, sample_by_class
from bakeoff.statistics.prototypes import find_criticisms, find_prototypes
from bakeoff.statistics.two_sample import gaussian_kernel

_FEWEST_PLACED = 5
_NAMED = 5
Drawings = dict[str, Callable[[], Figure]]
"""What draws each figure, by its name."""


@dataclass(frozen=True)
class Known:
    """What is known of a candidate already; positions count the catalogue's products, one row each."""

    catalogue: Catalogue
    predicted: np.ndarray
    """(N,) class indices of all products."""
    rows: np.ndarray
    """(M,) positions of the explained photos."""
    maps: Mapping[str, np.ndarray]
    """By method, (M, H, H) of the predicted class; NaN throughout where a photo has no map."""
    titles: Mapping[str, str]
    """Of the methods."""


class Examples(NamedTuple):
    """Of a class with n products: rows of the prototypes and of the criticisms, in the order they were found in."""

    label_id: int
    n: int
    prototypes: np.ndarray
    criticisms: np.ndarray


def make_overview(
    subject: Subject,
    known: Known,
    out_dir: Path,
    *,
    params: OverviewParams,
    key: str,
    advance: Callable[[int], object] = lambda _: None,
) -> OverviewRecord:
    """Write overview.json and its figures under `out_dir`, and return the record.

    Examples, map and accuracies are of test products; `advance` is told how many of them were just looked at. What
    cannot be made is said in the record's notes.
    """
    catalogue, drawings = known.catalogue, Drawings()
    test = catalogue.rows("test")
    rows = test[sample_by_class(catalogue.label_ids(test), params.max_rows or len(test))]
    boxes, label_ids = boxes_in_view(catalogue, rows, subject.preprocessing), catalogue.label_ids(rows)
    wants_features, examples = params.prototypes > 0, list[Examples]()
    features, greyed, notes = _look(subject, catalogue.at(rows), boxes, wants_features=wants_features, advance=advance)
    if features is not None:
        examples = find_examples(features, label_ids, params=params)
        notes += _too_few(examples, subject.labels, params)
        drawings = _draw_examples(subject, known, rows, examples, params)
        if reason := cannot_be_placed(features):
            notes.append(f"No map of the products: {reason}.")
        else:
            drawings["tsne"] = partial(_draw_places, subject, features, label_ids, known.predicted[rows])
    drawings |= _draw_means(subject, known)
    record = OverviewRecord(
        key=key,
        notes=notes,
        n_products=len(rows),
        classes=[_describe(one, rows, known) for one in examples],
        background=_rely(subject, known),
        greyed=compare_greyed(greyed, label_ids[np.isfinite(boxes[:, 0])]) if greyed.size else None,
        figures=[f"figures/{name}.png" for name in drawings],
    )
    record.write(out_dir / OVERVIEW_FILE)
    for name, draw in drawings.items():
        with drawing(out_dir / "figures" / f"{name}.png", out_dir) as path:
            draw().savefig(path, dpi=110)
    return record


def find_examples(features: np.ndarray, label_ids: np.ndarray, *, params: OverviewParams) -> list[Examples]:
    """Return the examples of each class of label_ids (N,) by features (N, D), rows counted in these."""
    found = []
    for label_id in np.unique(label_ids):
        rows = np.flatnonzero(label_ids == label_id)
        kernel = gaussian_kernel(features[rows].astype(np.float64))
        prototypes = find_prototypes(kernel, params.prototypes)
        criticisms = find_criticisms(kernel, prototypes, params.criticisms)
        found.append(Examples(int(label_id), len(rows), rows[prototypes], rows[criticisms]))
    return found


def mean_maps(maps: np.ndarray, targets: np.ndarray) -> dict[int, np.ndarray]:
    """Return the mean of the maps (N, H, H) of each class of targets (N,), each divided by its mean magnitude first.

    Maps that are not known (NaN) or are 0 throughout are left out, and so are classes that have no other.
    """
    magnitude = np.abs(maps).mean(axis=(1, 2))
    usable = magnitude > 0
    scaled = maps[usable] / magnitude[usable, None, None]
    return {int(one): scaled[targets[usable] == one].mean(axis=0) for one in np.unique(targets[usable])}


def cannot_be_placed(features: np.ndarray) -> str | None:
    """Return why t-SNE has no map of features (N, D), as the rest of a sentence; None where it has."""
    if len(features) < _FEWEST_PLACED:
        return f"{len(features)} of them are too few, at least {_FEWEST_PLACED} are needed"
    return None if np.ptp(features, axis=0).any() else "their features are all alike"


def _look(
    subject: Subject,
    products: StoredProducts,
    boxes: np.ndarray,
    *,
    wants_features: bool,
    advance: Callable[[int], object],
) -> tuple[np.ndarray | None, np.ndarray, list[str]]:
    """Look at N products once and return what is found, and sentences of what is not.

    Features (N, D), None where there are none or none are wanted; of the b products that have a box (4,) the classes
    (3, b) as they are, of the object alone and of the background alone.
    """
    features, greyed, notes = list[np.ndarray](), [np.empty((3, 0), dtype=np.int64)], list[str]()
    for part in subject.parts(len(products)):
        has_box = np.isfinite(boxes[part, 0])
        if wants_features or has_box.any():
            images = subject.images(products.at(np.arange(len(products))[part]))
            try:
                features += [subject.features(images)] if wants_features else []
            except NotExplainable as reason:
                wants_features, features = False, []
                notes.append(f"No examples of the classes and no map of the products: {reason}")
            if has_box.any():
                greyed.append(_classify_greyed(subject, images[has_box], boxes[part][has_box]))
        advance(len(has_box))
    found = np.concatenate(features) if features else None
    if found is not None and not np.isfinite(found).all():
        notes.append("No examples of the classes and no map of the products: the features are not all numbers.")
        found = None
    return found, np.concatenate(greyed, axis=1), notes


def _classify_greyed(subject: Subject, images: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the predicted classes (3, n) of images: as they are, the object alone, the background alone."""
    inside = cover(boxes, subject.image_size)
    versions = [images, show_alone(images, inside), show_alone(images, 1 - inside)]
    return np.stack([subject.probabilities(version).argmax(axis=1) for version in versions])


def _too_few(examples: Sequence[Examples], labels: Sequence[str], params: OverviewParams) -> list[str]:
    """Return a sentence where classes have fewer test products than examples are wanted, or none at all."""
    wanted, counts = params.prototypes + params.criticisms, dict.fromkeys(range(len(labels)), 0)
    counts |= {one.label_id: one.n for one in examples}
    few = [f"{labels[label_id]} ({n})" for label_id, n in counts.items() if n < wanted]
    told = ", ".join(few[:_NAMED]) + (f" and {len(few) - _NAMED} more" if len(few) > _NAMED else "")
    return [f"Some classes have fewer test products than the {wanted} examples wanted: {told}."] if few else []


def _describe(examples: Examples, rows: np.ndarray, known: Known) -> ClassExamples:
    ids = known.catalogue.products["product_id"].astype(str).to_numpy()
    return ClassExamples(
        label=known.catalogue.labels[examples.label_id],
        n=examples.n,
        prototypes=ids[rows[examples.prototypes]].tolist(),
        criticisms=ids[rows[examples.criticisms]].tolist(),
    )


def _rely(subject: Subject, known: Known) -> dict[str, BackgroundReliance]:
    boxes, targets = boxes_in_view(known.catalogue, known.rows, subject.preprocessing), known.predicted[known.rows]
    found = {method: rely(maps, boxes, targets, subject.labels) for method, maps in known.maps.items()}
    return {method: relied for method, relied in found.items() if relied}


def _draw_examples(
    subject: Subject, known: Known, rows: np.ndarray, examples: Sequence[Examples], params: OverviewParams
) -> Drawings:
    """Return what draws the sheets of prototypes and criticisms; photos are read when they are drawn."""
    catalogue, labels = known.catalogue, known.catalogue.labels
    headings = {0: "prototypes"}
    headings |= {params.prototypes: "criticisms: what the prototypes tell least of"} if params.criticisms else {}
    title = f"{subject.title}\ntest products that stand for their class, by the candidate's features"

    def draw(some: Sequence[Examples]) -> Figure:
        shown = []
        for one in some:
            places = rows[np.concatenate([one.prototypes, one.criticisms])]
            photos = to_bytes(subject.images(catalogue.at(places)))
            pairs = zip(known.predicted[places], photos, strict=True)
            cells = [(photo, "✓" if taken == one.label_id else f"✗ {labels[taken]}") for taken, photo in pairs]
            shown.append(Row(labels[one.label_id], f"test products: {one.n:,}", cells))
        return draw_rows(
            shown, headings, title=title, foot="✓ classified correctly, ✗ misclassified, with the predicted class"
        )

    return {name: partial(draw, some) for name, some in in_sheets("prototypes", examples).items()}


def _draw_means(subject: Subject, known: Known) -> Drawings:
    """Return what draws the sheets of mean maps."""
    targets, labels = known.predicted[known.rows], known.catalogue.labels
    means = {method: mean_maps(maps, targets) for method, maps in known.maps.items()}
    headings = dict(enumerate(known.titles[method] for method in means))
    title = f"{subject.title}\nmean maps of the explained photos, by the class that is explained"
    scales = [scale_of(list(found.values())) for found in means.values()]

    def draw(some: Sequence[int]) -> Figure:
        shown = []
        for label_id in some:
            maps = [found.get(label_id) for found in means.values()]
            cells = [(colour_map(one, scale), "") for one, scale in zip(maps, scales, strict=True)]
            shown.append(Row(labels[label_id], f"photos: {(targets == label_id).sum():,}", cells))
        return draw_rows(shown, headings, title=title, foot=MAP_FOOT)

    explained = sorted({label_id for found in means.values() for label_id in found})
    return {name: partial(draw, some) for name, some in in_sheets("mean_maps", explained).items()}


def _draw_places(subject: Subject, features: np.ndarray, label_ids: np.ndarray, predicted: np.ndarray) -> Figure:
    """Draw the map of the products by t-SNE."""
    places = place(features, label_ids, max_positions=len(features))
    return draw_places(places, label_ids, predicted != label_ids, labels=subject.labels, title=subject.title)
