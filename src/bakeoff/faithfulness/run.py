"""How far each method of explanation can be believed for one candidate, measured on a few test photos."""

import contextlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bakeoff.core.code import digest
from bakeoff.core.errors import EvaluationError
from bakeoff.core.failures import drawing
from bakeoff.core.machine import ComputeParams
from bakeoff.core.progress import progress_bar
from bakeoff.core.seeding import derive_seed
from bakeoff.faithfulness.deletion import (
    answer_curves,
    box_pixels,
    random_map,
    rank_correlation,
    rank_pixels,
    top_in_box,
)
from bakeoff.faithfulness.figure import draw_faithfulness
from bakeoff.faithfulness.params import FaithfulnessParams
from bakeoff.faithfulness.perturbation import CoveredPhoto, infidelity_of, sensitivity_of
from bakeoff.faithfulness.trust import Measured, summarise
from bakeoff.interpret.explain import REMEDIES, Attribute, attributed, background
from bakeoff.interpret.methods import METHODS
from bakeoff.interpret.opening import open_subject
from bakeoff.interpret.params import InterpretParams
from bakeoff.interpret.photos import KINDS, Chosen, choose_photos
from bakeoff.interpret.run import Candidate
from bakeoff.interpret.subject import NotExplainable, Subject
from bakeoff.learning.out_of_memory import out_of_memory_in_words
from bakeoff.records.faithfulness import FAITHFULNESS_FILE, FaithfulnessRecord, MethodFaithfulness

_TOP = 0.05


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
    covered: CoveredPhoto


@dataclass(frozen=True)
class Trial:
    """What every method of a candidate is measured by."""

    subject: Subject
    randomised: Subject | None
    """The same network with parameters drawn anew; None where that cannot be had."""
    photos: list[Photo]
    params: FaithfulnessParams

    def measure(self, attribute: Attribute) -> list[Measured]:
        """Return what is measured of a method's maps of the photos that it can explain; `NotExplainable` if of none."""
        measured: list[Measured] = []
        reason = NotExplainable("there is no test photo.")
        for photo in self.photos:
            try:
                heat = attributed(attribute, self.subject, photo.image, photo.target)
            except NotExplainable as error:
                reason = error
            else:
                measured.append(self._measure(attribute, photo, heat, place=len(measured)))
        if not measured:
            raise reason
        return measured

    def _measure(self, attribute: Attribute, photo: Photo, heat: np.ndarray, *, place: int) -> Measured:
        """Return what is measured of one photo's map, of those that could be made the `place`-th from 0."""
        subject, params, ranks, inside = self.subject, self.params, rank_pixels(heat, photo.ties), photo.inside
        image, target, alike, sensitivity, pointing = photo.image, photo.target, None, None, None
        with contextlib.suppress(NotExplainable):
            if self.randomised:
                alike = rank_correlation(heat, attributed(attribute, self.randomised, image, target))
        with contextlib.suppress(NotExplainable):
            if place < params.sensitivity_rows:
                sensitivity = sensitivity_of(partial(attribute, subject), image, target, n_noises=params.noises)
        if inside is not None:
            pointing = (top_in_box(ranks, inside, 0), top_in_box(ranks, inside, _TOP), float(inside.mean()))
        curves = answer_curves(subject.probabilities, image, target, ranks, steps=params.steps)
        infidelity = infidelity_of(photo.covered, heat)
        subject.divided.clear()
        return Measured(curves, photo.random_curves, infidelity, sensitivity, alike, pointing)


def measure_faithfulness(
    candidate: Candidate,
    out_dir: Path,
    *,
    params: FaithfulnessParams,
    interpret: InterpretParams,
    compute: ComputeParams,
) -> FaithfulnessRecord:
    """Write faithfulness.json and, of the methods that could be had, figures/faithfulness.png under `out_dir`.

    The methods are those of `interpret`. The photos are the same for every candidate, by the digest of the product's
    id, the classes in turn; each explains the class that it predicts there. A method that it cannot be explained by is
    named with the reason, and the others are measured.

    Raises:
        EvaluationError: memory ran out.
    """
    training = candidate.training
    chosen = choose_photos(
        candidate.predictions, n_shared=params.rows, max_shared=params.rows, n_own=dict.fromkeys(KINDS, 0)
    )
    if not chosen:
        raise EvaluationError("there is no test photo to measure heat maps on; see section `split`.")
    found: dict[str, MethodFaithfulness] = {}
    refused: dict[str, str] = {}
    with (
        open_subject(candidate.training_dir, compute, batch_px=interpret.batch_px) as subject,
        out_of_memory_in_words(EvaluationError, "measuring faithfulness", remedies=REMEDIES),
        progress_bar() as progress,
    ):
        task = progress.add_task(f"faithfulness of {training.candidate}", total=1 + len(interpret.methods))
        subject.background = background(subject, candidate.catalogue)
        trial = open_trial(subject, candidate, chosen, params)
        progress.advance(task)
        for name in interpret.methods:
            attribute = partial(METHODS[name].attribute, settings=interpret.settings(name))
            try:
                found[name] = summarise(METHODS[name].TITLE, trial.measure(attribute), training.not_learned)
            except NotExplainable as reason:
                refused[name] = str(reason)
            progress.advance(task)
    random = np.mean([photo.random_curves for photo in trial.photos], axis=0)
    settings = {name: interpret.settings(name).model_dump() for name in interpret.methods}
    record = FaithfulnessRecord(
        key=digest([training.key, params.used(), settings]),
        training_key=training.key,
        product_ids=[one.product_id for one in chosen],
        random_deletion=random[0].tolist(),
        random_insertion=random[1].tolist(),
        methods=found,
        refused=refused,
    )
    record.write(out_dir / FAITHFULNESS_FILE)
    if found:
        with drawing(out_dir / "figures" / "faithfulness.png", out_dir) as path:
            draw_faithfulness(record, path, title=training.candidate)
    return record


def open_trial(subject: Subject, candidate: Candidate, chosen: list[Chosen], params: FaithfulnessParams) -> Trial:
    """Return what the methods of a candidate are measured by: the chosen photos, each with a random map of its own."""
    rows = np.array([one.row for one in chosen], dtype=np.int64)
    images = subject.images(candidate.catalogue.at(rows))
    boxes = candidate.catalogue.boxes_in_view(rows, subject.preprocessing)
    photos, side = [], subject.image_size
    for one, image, box in zip(chosen, images, boxes, strict=True):
        target, inside = one.predicted, box_pixels(box, side)
        points = inside.any() and target == one.true  # another class's evidence need not lie in the box
        ties = random_map(side, derive_seed(0, "faithfulness", one.product_id))
        curves = answer_curves(subject.probabilities, image, target, rank_pixels(ties, ties), steps=params.steps)
        covered = CoveredPhoto(subject, image, target, n_squares=params.squares)
        photos.append(Photo(image, target, inside if points else None, ties, curves, covered))
    randomised = None
    with contextlib.suppress(NotExplainable):
        # A seed of its own: the training's would draw the very weights that a random start began with.
        randomised = subject.randomised(derive_seed(candidate.training.seed, "randomised"))
        randomised.background = subject.background
    return Trial(subject, randomised, photos, params)
