"""What may be done with a candidate: its licence in words, and whether commercial use is proven."""

from collections.abc import Sequence

from bakeoff.records.settings import CandidateSettings
from bakeoff.records.training import TrainingRecord

_KERAS = ("Apache-2.0", True)
"""The baseline's network is Keras' own; its params section names no licence."""


def commercial_use(training: TrainingRecord) -> bool | None:
    """Return whether code and weights together may be used commercially; None where nobody has said so.

    One "no" forbids; "yes" needs every part to say so. A random start has no published weights, so only the
    backbone's own entry counts.
    """
    return strictest([_code(training)[1], *([training.weights.commercial_use] if training.weights.pretrained else [])])


def strictest(verdicts: Sequence[bool | None]) -> bool | None:
    """Return False where one is, else None where one is not known, else True."""
    if False in verdicts:
        return False
    return True if all(verdict is True for verdict in verdicts) else None


def licence_of_code(training: TrainingRecord) -> str:
    """Return the licence of the backbone's code."""
    return _code(training)[0]


def licence_text(training: TrainingRecord) -> str:
    """Return `Apache-2.0`, or `code X, weights Y` where the two differ."""
    code, weights = licence_of_code(training), training.weights.licence
    return f"code {code}, weights {weights}" if training.weights.pretrained and weights != code else code


def _code(training: TrainingRecord) -> tuple[str, bool | None]:
    """Return the licence of the backbone's code, and whether the backbone may be used commercially."""
    settings = training.settings
    return (settings.licence_code, settings.commercial_use) if isinstance(settings, CandidateSettings) else _KERAS
