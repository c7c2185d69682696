"""What `interpret` finds in one candidate: parts.json, robustness.json and interpretation.json."""

from typing import ClassVar

from bakeoff.core.errors import BakeoffError, EvaluationError
from bakeoff.core.section import Section
from bakeoff.records.base import Record

PARTS_FILE, ROBUSTNESS_FILE, INTERPRETATION_FILE = "parts.json", "robustness.json", "interpretation.json"


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
    """The mean over the shuffles."""

    sd: float
    """Over the shuffles; 0 with a single one."""


class ClassImportance(Section):
    """What a part is worth to one class."""

    recall: LostByShuffles
    f1: LostByShuffles


class PartImportance(Section):
    """What it costs to take one part of the photos from other photos."""

    accuracy: LostByShuffles
    macro_f1: LostByShuffles
    classes: dict[str, ClassImportance]
    """Those that have a test photo."""


class PartsFound(Section):
    """Figures of n test photos as they are, and the importance of each part."""

    n: int
    repeats: int
    accuracy: float
    macro_f1: float
    parts: dict[str, dict[str, PartImportance]]
    """By group and name."""
    note: str | None
    """One sentence where something could not be measured."""


class PartsRecord(PartsFound, _OfInterpretation):
    """parts.json: what the parts of a photo are worth to the candidate."""

    training_key: str


class UnderCorruption(Section):
    """How the candidate does where photos are corrupted in one way, so strongly."""

    strength: int
    """1 to 5."""
    accuracy: float
    lost: Lost
    """Accuracy."""


class RobustnessFound(Section):
    """Accuracy on n test photos as they are, and under each corruption."""

    n: int
    accuracy: float
    corruptions: dict[str, list[UnderCorruption]]
    mean_lost: Lost
    """Accuracy, mean over corruptions and strengths."""


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
    photo: str
    """Where the photo as the network sees it lies, PNG, below the interpretation's folder."""
    figure: str
    """Where its maps are drawn."""


class Explanation(Section):
    """One method's map of one class of one photo."""

    product_id: str
    method: str
    target: str
    """The class that is explained."""
    map: str | None
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
