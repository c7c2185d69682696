"""One photo explained by one method."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from bakeoff.core.errors import EvaluationError
from bakeoff.data.products import evenly_spaced
from bakeoff.data.table import Catalogue
from bakeoff.interpret.methods import METHODS
from bakeoff.interpret.params import InterpretParams
from bakeoff.interpret.subject import NotExplainable, Subject
from bakeoff.learning.out_of_memory import out_of_memory_in_words
from bakeoff.records.training import TrainingRecord

_BACKGROUND, _TOP = 16, 5
REMEDIES = "lower interpret.batch_px, or set compute.device: cpu"


Attribute = Callable[[Subject, np.ndarray, np.ndarray], np.ndarray]
"""A method with its settings: subject, images (N, H, W, 3) and targets (N,) to maps (N, H, W) float32."""


class Explained(NamedTuple):
    """A map (H, W) float32, or why there is none; and by how much it misses the sum that its method promises."""

    map: np.ndarray | None
    note: str | None = None
    completeness_gap: float | None = None


def explain(subject: Subject, image: np.ndarray, target: int, method: str, params: InterpretParams) -> Explained:
    """Return what a method says of class `target` of an image (H, W, 3) float32 in [0, 1].

    Raises:
        EvaluationError: memory ran out.
    """
    module, settings = METHODS[method], params.settings(method)
    doing = f"{module.TITLE} with up to {subject.batch_images} photos of {subject.image_size} px at a time"
    with out_of_memory_in_words(EvaluationError, doing, remedies=REMEDIES):
        try:
            found = attributed(partial(module.attribute, settings=settings), subject, image, target)
        except NotExplainable as reason:
            return Explained(None, f"{module.TITLE}: {reason}")
        if not (start := getattr(module, "adds_up_from", None)):
            return Explained(found)
        ends = np.concatenate([image[None], start(subject, image[None], settings)])
        here, there = subject.scores(ends)[:, target].astype(np.float64)
    return Explained(found, None, float(found.sum(dtype=np.float64) - (here - there)))


def attributed(attribute: Attribute, subject: Subject, image: np.ndarray, target: int) -> np.ndarray:
    """Return a method's map (H, W) float32 of class `target` of an image (H, W, 3); `NotExplainable` without one."""
    found = attribute(subject, image[None], np.array([target], dtype=np.int64))[0]
    if not np.isfinite(found).all():
        raise NotExplainable("the map holds values that are not finite numbers.")
    return found


def warn_of(training: TrainingRecord) -> list[str]:
    """Return what the reader of a candidate's maps must know: whether it learned."""
    if training.learned:
        return []
    return [f"This candidate did not learn ({training.not_learned}): its maps show what chance looks at."]


def background(subject: Subject, catalogue: Catalogue) -> np.ndarray:
    """Return some train photos as the subject sees them, (M, H, W, 3) float32, evenly spaced over the catalogue."""
    rows = catalogue.rows("train")
    return subject.images(catalogue.at(rows[evenly_spaced(len(rows), _BACKGROUND)]))


def most_probable(labels: Sequence[str], shares: np.ndarray, also: int) -> dict[str, float]:
    """Return the five most probable classes by shares (K,), the first first, and class `also`, with their shares."""
    shown = dict.fromkeys([*np.argsort(-shares, kind="stable")[:_TOP].tolist(), also])
    return {labels[label_id]: float(shares[label_id]) for label_id in shown}
