"""How far each method of explanation can be believed for one candidate, measured on a few test photos."""

import contextlib
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from bakeoff.core.failures import drawing
from bakeoff.core.progress import progress_bar
from bakeoff.core.section import PositiveInt, Section
from bakeoff.core.seeding import derive_seed
from bakeoff.data.boxes import boxes_in_view
from bakeoff.data.table import Catalogue
from bakeoff.interpret.deletion import (
    answer_curves,
    box_pixels,
    random_map,
    rank_correlation,
    rank_pixels,
    top_in_box,
)
from bakeoff.interpret.perturbation import infidelity_of, sensitivity_of
from bakeoff.interpret.subject import NotExplainable, Subject
from bakeoff.interpret.trust import Measured, summarise
from bakeoff.records.files import derived_key
from bakeoff.records.faithfulness import FAITHFULNESS_FILE, FaithfulnessRecord, MethodFaithfulness
from bakeoff.records.training import TrainingRecord

_TOP = 0.05
Attribute = Callable[[Subject, np.ndarray, np.ndarray], np.ndarray]
"""A method with its settings: subject, images (N, H, W, 3) and targets (N,) to maps (N, H, W) float32."""


class FaithfulnessParams(Section):
    """Section `faithfulness`: whose methods are measured, and on how much."""

    models: list[str]
    modes: list[str]
    """The study's candidates that are measured; none of them is a stage that does nothing."""
    baseline_seeds: list[int]
    """Of the TensorFlow baseline."""
    rows: PositiveInt
    """Test photos at most, the same for every candidate."""
    steps: PositiveInt
    """In which all pixels are deleted or inserted."""
    squares: PositiveInt
    """Per photo, for the infidelity."""
    sensitivity_rows: Annotated[int, Field(ge=0)]
    """Of the photos, those whose maps are repeated under noise."""
    noises: PositiveInt
    """Per photo, for the sensitivity."""


@dataclass(frozen=True)
class Photo:
    """A test photo that is explained, and the random map that methods are held against."""

    image: np.ndarray
    """(H, W, 3) float32 in [0, 1]."""
    target: int
    """The class that the candidate predicts."""
    inside: np.ndarray | None
    """Which pixels lie in the object's box, (H, W) bool; None where it is not known or the candidate was wrong."""
    ties: np.ndarray
    """A random map, (H, W) float32."""
    random_curves: np.ndarray
    """(2, steps + 1) probabilities: deletion and insertion by it."""


def choose_rows(product_ids: list[str], label_ids: np.ndarray, n: int) -> np.ndarray:
    """Return the places of at most n products, (≤ n,) int64, ascending, the same for every candidate.

    By the digest of the product's id, first one of each class, then second ones: what a candidate predicts has no part
    in it, and a product added to the catalogue moves few others.
    """
    order = sorted(range(len(product_ids)), key=lambda i: hashlib.sha256(product_ids[i].encode()).digest())
    turns: dict[int, int] = {}
    placed = []
    for place in order:
        label = int(label_ids[place])
        turns[label] = turns.get(label, 0) + 1
        placed.append((turns[label], place))
    placed.sort(key=lambda item: item[0])
    return np.sort(np.array([place for _, place in placed[:n]], dtype=np.int64))


def measure_faithfulness(
    subject: Subject,
    catalogue: Catalogue,
    training: TrainingRecord,
    methods: Mapping[str, tuple[str, Attribute]],
    out_dir: Path,
    *,
    params: FaithfulnessParams,
    settings: Mapping[str, Any],
) -> FaithfulnessRecord:
    """Write faithfulness.json and figures/faithfulness.png under `out_dir`.

    `methods` has each one's title and function by name, `settings` what determines their maps beside the candidate.
    A method that cannot be had for the candidate is named with its reason; the others are measured.
    """
    from bakeoff.interpret.faithfulness_figure import draw_faithfulness

    test = catalogue.rows("test")
    ids = catalogue.products["product_id"].astype(str).to_numpy()
    rows = test[choose_rows(list(ids[test]), catalogue.label_ids(test), params.rows)]
    found: dict[str, MethodFaithfulness] = {}
    refused: dict[str, str] = {}
    with progress_bar() as progress:
        task = progress.add_task(f"{training.candidate}: faithfulness", total=1 + len(methods))
        photos = open_photos(subject, catalogue, rows, steps=params.steps)
        trial = Trial(subject, _randomised(subject), photos, params)
        progress.advance(task)
        for name, (title, attribute) in methods.items():
            try:
                found[name] = summarise(title, trial.measure(attribute), not_learned=training.not_learned)
            except NotExplainable as reason:
                refused[name] = str(reason)
            progress.advance(task)
    random = np.mean([photo.random_curves for photo in photos], axis=0)
    record = FaithfulnessRecord(
        key=derived_key(training.key, params.model_dump(), settings),
        training_key=training.key,
        product_ids=ids[rows].tolist(),
        random_deletion=random[0].tolist(),
        random_insertion=random[1].tolist(),
        methods=found,
        refused=refused,
    )
    record.write(out_dir / FAITHFULNESS_FILE)
    with drawing(out_dir / "figures" / "faithfulness.png", out_dir) as path:
        draw_faithfulness(record, path, title=training.candidate)
    return record


def _randomised(subject: Subject) -> Subject | None:
    try:
        return subject.randomised(0)
    except NotExplainable:
        return None


def open_photos(subject: Subject, catalogue: Catalogue, rows: np.ndarray, *, steps: int) -> list[Photo]:
    """Return the photos at `rows`, each with the class that the candidate predicts and a random map of its own."""
    images = subject.images(catalogue.at(rows))
    targets = subject.probabilities(images).argmax(axis=1)
    boxes = boxes_in_view(catalogue, rows, subject.preprocessing)
    boxes[targets != catalogue.label_ids(rows)] = np.nan  # what it took for another class need not lie in the box
    photos = []
    for row, image, target, box in zip(rows, images, targets, boxes, strict=True):
        inside = box_pixels(box, subject.image_size)
        ties = random_map(subject.image_size, derive_seed(0, "faithfulness", catalogue.products["product_id"][row]))
        random = answer_curves(subject.probabilities, image, target, rank_pixels(ties, ties), steps=steps)
        photos.append(Photo(image, int(target), inside if inside.any() else None, ties, random))
    return photos


@dataclass(frozen=True)
class Trial:
    """What every method of a candidate is measured by."""

    subject: Subject
    randomised: Subject | None
    """The same network with parameters drawn anew; None where that cannot be had."""
    photos: list[Photo]
    params: FaithfulnessParams

    def measure(self, attribute: Attribute) -> list[Measured]:
        """Return what is measured of a method's maps of the photos that it can explain.

        Raises:
            NotExplainable: it can explain none.
        """
        measured: list[Measured] = []
        reason = NotExplainable("there is no test photo.")
        for photo in self.photos:
            try:
                heat = self._explain(self.subject, attribute, photo)
            except NotExplainable as error:
                reason = error
            else:
                measured.append(self._measure(attribute, photo, heat, first=len(measured)))
        if not measured:
            raise reason
        return measured

    def _measure(self, attribute: Attribute, photo: Photo, heat: np.ndarray, *, first: int) -> Measured:
        """Return what is measured of one photo's map; `first` photos were measured before."""
        subject, params, ranks, inside = self.subject, self.params, rank_pixels(heat, photo.ties), photo.inside
        alike = sensitivity = pointing = None
        with contextlib.suppress(NotExplainable):
            if self.randomised:
                alike = rank_correlation(heat, self._explain(self.randomised, attribute, photo))
        with contextlib.suppress(NotExplainable):
            if first < params.sensitivity_rows:
                explain = partial(attribute, subject)
                sensitivity = sensitivity_of(explain, photo.image, photo.target, n_noises=params.noises)
        if inside is not None:
            pointing = (top_in_box(ranks, inside, 0), top_in_box(ranks, inside, _TOP), float(inside.mean()))
        return Measured(
            curves=answer_curves(subject.probabilities, photo.image, photo.target, ranks, steps=params.steps),
            random_curves=photo.random_curves,
            infidelity=infidelity_of(subject, photo.image, photo.target, heat=heat, n_squares=params.squares),
            sensitivity=sensitivity,
            same_when_random=alike,
            pointing=pointing,
        )

    @staticmethod
    def _explain(subject: Subject, attribute: Attribute, photo: Photo) -> np.ndarray:
        heat = attribute(subject, photo.image[None], np.array([photo.target], dtype=np.int64))[0]
        if not np.isfinite(heat).all():
            raise NotExplainable("its map is not made of finite numbers.")
        return heat
