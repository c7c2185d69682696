"""What `interpret` finds in one candidate: parts.json, robustness.json and interpretation.json."""

from pathlib import PurePosixPath
from typing import Annotated, ClassVar

from pydantic import AfterValidator

from bakeoff.core.errors import BakeoffError, EvaluationError
from bakeoff.core.section import Section
from bakeoff.records.base import Record

PARTS_FILE, ROBUSTNESS_FILE, INTERPRETATION_FILE = "parts.json", "robustness.json", "interpretation.json"
OVERVIEW_FILE = "overview.json"
MAPS_DIR = "maps"
"""Raw maps and the photos they are of, below the interpretation's folder."""


def _stays_below(path: str) -> str:
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError(f"{path!r} leads out of the interpretation's folder")
    return path


FileBelow = Annotated[str, AfterValidator(_stays_below)]
"""Where a file lies below the interpretation's folder."""


class _OfInterpretation(Record):
    STAGE: ClassVar[str] = "interpret interpret_baseline"
    ERROR: ClassVar[type[BakeoffError]] = EvaluationError

    key: str


class Lost(Section):
    """What changed photos cost, a share (0.1: ten points), and its 95 % interval over photos; below 0 it is gained."""

    mean: float
    low: float
    high: float


class LostByShuffles(Lost):
    """The mean over the shuffles, with its standard deviation over them; 0 with a single one."""

    sd: float


class ClassImportance(Section):
    """What a part is worth to one class."""

    recall: LostByShuffles
    f1: LostByShuffles


class PartImportance(Section):
    """What it costs to take one part of the photos from other photos, also by class that has a test photo."""

    accuracy: LostByShuffles
    macro_f1: LostByShuffles
    classes: dict[str, ClassImportance]


class PartsFound(Section):
    """Figures of n test photos as they are, the importance of each part by group and name, and what is missing."""

    n: int
    repeats: int
    accuracy: float
    macro_f1: float
    parts: dict[str, dict[str, PartImportance]]
    note: str | None


class PartsRecord(PartsFound, _OfInterpretation):
    """parts.json: what the parts of a photo are worth to the candidate."""

    training_key: str


class UnderCorruption(Section):
    """Accuracy, and how much of it is lost, where photos are corrupted in one way at a strength of 1 to 5."""

    strength: int
    accuracy: float
    lost: Lost


class RobustnessFound(Section):
    """Accuracy on n test photos as they are, under each corruption, and its loss, mean over kinds and strengths."""

    n: int
    accuracy: float
    corruptions: dict[str, list[UnderCorruption]]
    mean_lost: Lost


class RobustnessRecord(RobustnessFound, _OfInterpretation):
    """robustness.json: what noise, blur and the like cost the candidate."""

    training_key: str

    @property
    def mean_loss(self) -> float:
        """Accuracy lost, points."""
        return 100 * self.mean_lost.mean


class ExplainedPhoto(Section):
    """A test photo that was explained, and what the candidate makes of it."""

    product_id: str
    kind: str
    """`shared` by all candidates, else `right_sure`, `right_unsure`, `wrong_sure` or `wrong_unsure`."""
    true: str
    predicted: str
    correct: bool
    probabilities: dict[str, float]
    """Of the most probable classes, the first first, and of the true one."""
    counter: str
    """The class that might have been: the true one where the prediction is wrong, else the second most probable."""
    box: list[float] | None
    """The object's left, top, right and bottom in the photo as the network sees it, px, where that is known."""
    photo: FileBelow
    """The photo as the network sees it, PNG."""
    figure: FileBelow
    """Where its maps are drawn."""


class Explanation(Section):
    """One method's map of one class of one photo."""

    product_id: str
    method: str
    target: str
    """The class that is explained."""
    map: FileBelow | None
    """Where the raw map lies, `map` (H, W) float32 of an .npz; None where it could not be had."""
    note: str | None
    """Why not."""
    completeness_gap: float | None
    """Sum of the map less the score's difference to the method's baseline; None where a method promises no sum."""


class InterpretationRecord(_OfInterpretation):
    """interpretation.json: which photos were explained, and how."""

    training_key: str
    score: str
    """What is explained of a class: `logit` or `probability`."""
    notes: list[str]
    """What the reader must know: fewer photos than asked for, a candidate that did not learn, methods left out."""
    photos: list[ExplainedPhoto]
    items: list[Explanation]
    """A photo × method each."""


class ClassExamples(Section):
    """Of n test products, ids of those that stand best for their class by the features, and of those told least of."""

    label: str
    n: int
    prototypes: list[str]
    criticisms: list[str]


class OutsideShare(Section):
    """Share of n maps' positive attribution outside the object's box, and of the area, which a blind map has there."""

    n: int
    outside: float
    expected: float


class BackgroundReliance(OutsideShare):
    """That of one method's maps, over all photos and by the class that is explained."""

    classes: dict[str, OutsideShare]


class GreyedAccuracy(Section):
    """The accuracy on n test photos whose box is known: as they are, with all but the box mid-grey, with the box so.

    The drops are 95 % intervals of what is lost.
    """

    n: int
    accuracy: float
    object_alone: float
    background_alone: float
    object_alone_drop: tuple[float, float]
    background_alone_drop: tuple[float, float]


class OverviewRecord(_OfInterpretation):
    """overview.json: what the candidate makes of the test products as a whole."""

    notes: list[str]
    """What could not be made, and why; a sentence each."""
    n_products: int
    """Test products that were looked at."""
    classes: list[ClassExamples]
    """Those that have test products; empty where no prototypes are wanted or the network shows no features."""
    background: dict[str, BackgroundReliance]
    """By method; empty where no box is known."""
    greyed: GreyedAccuracy | None
    """None where no box is known."""
    figures: list[str]
    """Where prototypes, the map of the products and the mean maps are drawn, below the interpretation's folder."""
