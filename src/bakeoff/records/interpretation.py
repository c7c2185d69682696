"""What `interpret` and `faithfulness` find in one candidate: channels.json, attributions.json, faithfulness.json."""

from typing import ClassVar, Literal

from bakeoff.core.errors import BakeoffError, EvaluationError
from bakeoff.core.section import Section
from bakeoff.records.base import Record

CHANNELS_FILE, ATTRIBUTIONS_FILE = "channels.json", "attributions.json"
FAITHFULNESS_FILE = "faithfulness.json"
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


Trust = Literal["yes", "no", "undecided"]


class AnswerCurve(Section):
    """What deleting or inserting a map's most important pixels does, mean over the photos."""

    probabilities: list[float]
    """Of the explained class, from the photo as it is (or its blur) to grey (or the photo)."""
    area: float
    """Under the curve, in [0, 1]: small where pixels are deleted, large where they are inserted."""
    gain: float
    """By how much the area is better than a random map's of the same photos."""
    gain_low: float
    gain_high: float
    """Of the gain's 95 % interval over the photos; from -1 to 1 for a single photo."""


class Pointing(Section):
    """Where a map's most important pixels lie, on the photos that the candidate got right and whose box is known."""

    n: int
    share: float
    """Of the photos whose most important pixel lies in the box."""
    share_low: float
    share_high: float
    chance: float
    """What a random map can expect: the boxes' mean share of the photo."""
    top_share: float
    """Of the 5 % most important pixels, the mean share in the box."""
    top_in_box: float
    """Share of the photos where more than half of them lie in the box."""


class MethodFaithfulness(Section):
    """How far a method's maps of a candidate can be believed; None where it could not be measured."""

    title: str
    n: int
    """Photos that it explained."""
    deletion: AnswerCurve
    insertion: AnswerCurve
    infidelity: float | None
    """Share of the score's changes that the maps do not foretell, in [0, 1]."""
    sensitivity: float | None
    """Largest change of a map under noise that cannot be seen, as a share of its norm."""
    same_when_random: float | None
    """Rank correlation, in [0, 1], with the maps of the same network with parameters drawn anew."""
    pointing: Pointing | None
    trust: Trust
    sentence: str
    """Why."""


class FaithfulnessRecord(Record):
    """faithfulness.json: which methods can be believed for a candidate."""

    STAGE: ClassVar[str] = "faithfulness faithfulness_baseline"
    ERROR: ClassVar[type[BakeoffError]] = EvaluationError

    key: str
    training_key: str
    product_ids: list[str]
    random_deletion: list[float]
    random_insertion: list[float]
    """The curves of a random map, mean over all photos."""
    methods: dict[str, MethodFaithfulness]
    refused: dict[str, str]
    """Method to why the candidate cannot be explained by it."""
