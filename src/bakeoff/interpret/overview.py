"""What a candidate makes of the test products as a whole: examples of each class, a map, mean maps, the background."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bakeoff.core.failures import drawing
from bakeoff.data.figures import Figure
from bakeoff.data.products import StoredProducts
from bakeoff.data.table import Catalogue
from bakeoff.interpret.background import compare_greyed, cover, rely, show_alone
from bakeoff.interpret.figures import BLUE_ORANGE, scale_of, smooth
from bakeoff.interpret.overview_figures import Row, draw_places, draw_rows, in_sheets
from bakeoff.interpret.params import OverviewParams
from bakeoff.interpret.subject import NotExplainable, Subject
from bakeoff.records.interpretation import OVERVIEW_FILE, ClassExamples, OverviewRecord
from bakeoff.statistics.embedding import place, sample_by_class
from bakeoff.statistics.prototypes import find_criticisms, find_prototypes
from bakeoff.statistics.two_sample import gaussian_kernel

_FEWEST_PLACED = 5
_NAMED = 5
_NONE = "No examples of the classes and no map of the products"
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
    catalogue, labels, drawings = known.catalogue, known.catalogue.labels, Drawings()
    test = catalogue.rows("test")
    rows = test[sample_by_class(catalogue.label_ids(test), params.max_rows or len(test))]
    boxes, label_ids = catalogue.boxes_in_view(rows, subject.preprocessing), catalogue.label_ids(rows)
    wants_features, examples = params.prototypes > 0, list[Examples]()
    features, greyed, notes = _look(subject, catalogue.at(rows), boxes, wants_features=wants_features, advance=advance)
    if features is not None:
        examples = find_examples(features, label_ids, params=params)
        notes += _too_few(examples, labels, params)
        drawings = _draw_examples(subject, known, rows, examples, params)
        if len(features) < _FEWEST_PLACED:
            few = f"{len(features)} of them are too few, at least {_FEWEST_PLACED} are needed"
            notes.append(f"No map of the products: {few}.")
        elif not np.ptp(features, axis=0).any():
            notes.append("No map of the products: their features are all alike.")
        else:
            told = {"labels": labels, "title": subject.title}
            drawings["tsne"] = lambda: draw_places(
                place(features, label_ids, max_positions=len(features)),
                label_ids,
                known.predicted[rows] != label_ids,
                **told,
            )
    drawings |= _draw_means(subject, known)
    around, targets = catalogue.boxes_in_view(known.rows, subject.preprocessing), known.predicted[known.rows]
    relied = {method: rely(maps, around, targets, labels) for method, maps in known.maps.items()}
    ids = catalogue.products["product_id"].astype(str).to_numpy()[rows]
    record = OverviewRecord(
        key=key,
        notes=notes,
        n_products=len(rows),
        classes=[
            ClassExamples(label=labels[label_id], n=n, prototypes=ids[best].tolist(), criticisms=ids[others].tolist())
            for label_id, n, best, others in examples
        ],
        background={method: one for method, one in relied.items() if one},
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


def mean_maps(maps: np.ndarray, targets: np.ndarray) -> dict[int, tuple[int, np.ndarray]]:
    """Return by class of targets (N,) how many maps (N, H, H) it has and their mean, each over its mean magnitude.

    Maps that are not known (NaN) or are 0 throughout are left out, and so are classes that have no other.
    """
    magnitude = np.abs(maps).mean(axis=(1, 2))
    usable = magnitude > 0
    scaled, classes = maps[usable] / magnitude[usable, None, None], targets[usable]
    counts = zip(*np.unique(classes, return_counts=True), strict=True)
    return {int(one): (int(n), scaled[classes == one].mean(axis=0)) for one, n in counts}


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
                notes.append(f"{_NONE}: {reason}")
            if has_box.any():
                boxed, inside = images[has_box], cover(boxes[part][has_box], subject.image_size)
                versions = [boxed, show_alone(boxed, inside), show_alone(boxed, 1 - inside)]
                greyed.append(np.stack([subject.probabilities(version).argmax(axis=1) for version in versions]))
        advance(len(has_box))
    found = np.concatenate(features) if features else None
    if found is not None and not np.isfinite(found).all():
        notes.append(f"{_NONE}: the features are not all numbers.")
        found = None
    return found, np.concatenate(greyed, axis=1), notes


def _too_few(examples: Sequence[Examples], labels: Sequence[str], params: OverviewParams) -> list[str]:
    """Return a sentence where classes have fewer test products than examples are wanted, or none at all."""
    wanted, counts = params.prototypes + params.criticisms, dict.fromkeys(range(len(labels)), 0)
    counts |= {one.label_id: one.n for one in examples}
    few = [f"{labels[label_id]} ({n})" for label_id, n in counts.items() if n < wanted]
    told = ", ".join(few[:_NAMED]) + (f" and {len(few) - _NAMED} more" if len(few) > _NAMED else "")
    return [f"Some classes have fewer test products than the {wanted} examples wanted: {told}."] if few else []


def _draw_examples(
    subject: Subject, known: Known, rows: np.ndarray, examples: Sequence[Examples], params: OverviewParams
) -> Drawings:
    """Return what draws the sheets of prototypes and criticisms; photos are read when they are drawn."""
    catalogue, labels = known.catalogue, known.catalogue.labels
    headings = {0: "prototypes"}
    headings |= {params.prototypes: "criticisms: what the prototypes tell least of"} if params.criticisms else {}
    title = f"{subject.title}\ntest products that stand for their class, by the candidate's features"

    foot = "✓ classified correctly, ✗ misclassified, with the predicted class"

    def draw(some: Sequence[Examples]) -> Figure:
        shown = []
        for label_id, n, best, others in some:
            places = rows[np.concatenate([best, others])]
            told = ["✓" if taken == label_id else f"✗ {labels[taken]}" for taken in known.predicted[places]]
            cells = list(zip(subject.images(catalogue.at(places)), told, strict=True))
            shown.append(Row(labels[label_id], f"test products: {n:,}", cells))
        return draw_rows(shown, headings, title=title, foot=foot)

    return {name: partial(draw, some) for name, some in in_sheets("prototypes", examples).items()}


def _draw_means(subject: Subject, known: Known) -> Drawings:
    """Return what draws the sheets of mean maps, of the classes of which a method has at least two."""
    targets, labels = known.predicted[known.rows], known.catalogue.labels
    means = {known.titles[method]: mean_maps(maps, targets) for method, maps in known.maps.items()}
    scales = {title: scale_of([mean for _, mean in found.values()]) for title, found in means.items() if found}
    title = f"{subject.title}\nmean maps of the explained photos, by the class that is explained"
    foot = "orange speaks for the class, blue against it; each photo counts alike, each method has a scale of its own"

    def cell(title: str, label_id: int) -> tuple[np.ndarray | None, str]:
        if label_id not in means[title]:
            return None, ""
        n, mean = means[title][label_id]
        return BLUE_ORANGE(0.5 + 0.5 * smooth(mean) / scales[title])[..., :3], f"n = {n:,}"

    def draw(some: Sequence[int]) -> Figure:
        shown = [Row(labels[one], "", [cell(title, one) for title in means]) for one in some]
        return draw_rows(shown, dict(enumerate(means)), title=title, foot=foot)

    explained = sorted({one for found in means.values() for one, (n, _) in found.items() if n > 1})
    return {name: partial(draw, some) for name, some in in_sheets("mean_maps", explained).items()}
