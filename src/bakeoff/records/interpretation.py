"""What `interpret` finds in one candidate: channels.json and attributions.json."""

from typing import ClassVar, Literal

from bakeoff.core.errors import BakeoffError, EvaluationError
from bakeoff.core.section import Section
from bakeoff.records.base import Record

CHANNELS_FILE, ATTRIBUTIONS_FILE = "channels.json", "attributions.json"
Channel = Literal["red", "green", "blue"]


class _OfInterpretation(Record):
    STAGE: ClassVar[str] = "interpret interpret_baseline"
    ERROR: ClassVar[type[BakeoffError]] = EvaluationError

    key: str


class ChannelImportance(Section):
    """What it costs to shuffle one channel between the photos."""

    accuracy: float
    """Mean over the shuffles."""
    drop: float
    """Accuracy lost, mean over the shuffles."""
    drop_std: float
    """Over the shuffles; 0 with a single one."""
    drop_standard_error: float
    """Over the photos."""
    drops: list[float]
    """Of each shuffle."""


class ChannelResult(Section):
    """Accuracy on n test photos as they are, and the importance of each channel."""

    baseline_accuracy: float
    n: int
    repeats: int
    channels: dict[Channel, ChannelImportance]


class ChannelsRecord(ChannelResult, _OfInterpretation):
    """channels.json: what colour is worth to the candidate."""

    training_key: str
    seed: int
    """Of the shuffles."""


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
