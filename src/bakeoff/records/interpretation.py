"""What `interpret` finds in one candidate: parts.json, robustness.json and attributions.json."""

from typing import ClassVar

from bakeoff.core.errors import BakeoffError, EvaluationError
from bakeoff.core.section import Section
from bakeoff.records.base import Record

PARTS_FILE, ROBUSTNESS_FILE, ATTRIBUTIONS_FILE = "parts.json", "robustness.json", "attributions.json"


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
    each: list[float]
    """Of each shuffle."""


class PartImportance(Section):
    """What it costs to take one part of the photos from other photos."""

    accuracy: LostByShuffles
    macro_f1: LostByShuffles
    recall: dict[str, Lost]
    """Of each class that has a test photo."""


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


class PhotoCounts(Section):
    """How many test photos, right ones and wrong ones."""

    n_correct: int
    n_wrong: int


class ExplainedPhoto(Section):
    """A test photo with heat maps of the predicted class."""

    product_id: str
    true: str
    predicted: str
    probability: float
    correct: bool
    method: str
    figure: str
    """Where its maps are drawn, below the interpretation's folder."""


class AttributionsRecord(_OfInterpretation):
    """attributions.json: which photos were explained, and how."""

    requested: PhotoCounts
    found: PhotoCounts
    note: str | None
    """One sentence where fewer photos exist than were asked for."""
    baseline: float
    """Grey level, in [0, 1], that stands for no information."""
    explained_score: dict[str, str]
    """Method to what it explains: `logit` or `probability`."""
    items: list[ExplainedPhoto]
