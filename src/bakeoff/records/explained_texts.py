"""What `interpret_text` finds in one text candidate: interpretation/texts.json."""

from collections.abc import Iterable
from typing import ClassVar, Literal

from bakeoff.core.errors import BakeoffError, EvaluationError
from bakeoff.core.section import Section
from bakeoff.records.base import Record

TEXTS_FILE = "texts.json"
Weighted = tuple[str, float]
"""A term or a word, and what it is worth."""
Scored = Literal["score", "log_probability"]
"""What is explained of a class: a linear model's score, or the log probability, nats."""


class ExplainedText(Section):
    """A test product whose text was explained, and what the candidate makes of it."""

    product_id: str
    kind: str
    """`shared` by all text candidates, else `right_sure`, `right_unsure`, `wrong_sure` or `wrong_unsure`."""
    title: str | None
    """On one line, control and direction signs as escapes."""
    true: str
    predicted: str
    correct: bool
    probabilities: dict[str, float]
    """Of the most probable classes, the first first, and of the true one."""
    words: list[Weighted]
    """The text as the model reads it, cleaned, each word with what it adds to the predicted class."""
    completeness_gap: float | None
    """Sum of the words less what it should be; None where the method promises no sum."""


class TextsRecord(Record):
    """texts.json: which terms speak for each class, and which words for the predictions of some test products."""

    STAGE: ClassVar[str] = "interpret_text"
    ERROR: ClassVar[type[BakeoffError]] = EvaluationError

    key: str
    training_key: str
    scored: Scored
    terms: dict[str, list[Weighted]]
    """By class, the largest weight first; a forest's, which are of all classes together, under the empty name."""
    texts: list[ExplainedText]


def strongest(words: Iterable[Weighted], n: int) -> tuple[list[Weighted], list[Weighted]]:
    """Return up to n distinct words that speak for a class, and up to n against it, the strongest first."""
    total: dict[str, float] = {}
    for word, value in words:
        total[word] = total.get(word, 0.0) + value
    order = sorted(total.items(), key=lambda one: -abs(one[1]))
    return [one for one in order if one[1] > 0][:n], [one for one in order if one[1] < 0][:n]
