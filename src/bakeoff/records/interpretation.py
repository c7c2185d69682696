"""What `interpret` finds in one candidate: channels.json and interpretation.json."""

from pathlib import PurePosixPath
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator

from bakeoff.core.errors import BakeoffError, EvaluationError
from bakeoff.core.section import Section
from bakeoff.records.base import Record

CHANNELS_FILE, INTERPRETATION_FILE = "channels.json", "interpretation.json"
MAPS_DIR = "maps"
"""Raw maps and the photos they are of, below the interpretation's folder."""
Channel = Literal["red", "green", "blue"]


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
