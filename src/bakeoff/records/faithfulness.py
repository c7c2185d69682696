"""What `faithfulness` finds: which methods of explanation can be believed for one candidate; faithfulness.json."""

from typing import ClassVar, Literal

from bakeoff.core.errors import BakeoffError, EvaluationError
from bakeoff.core.section import Section
from bakeoff.records.base import Record

FAITHFULNESS_FILE = "faithfulness.json"
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
