"""What is decided of a pair before it answers: which two candidates, and how they become one."""

from typing import Any

from bakeoff.records.settings import Settings


class FusionSettings(Settings):
    """A pair: architecture and licence are those of its sides together, the stricter licence where they differ."""

    architecture: str
    licence_code: str
    commercial_use: bool | None
    first: str
    second: str
    method: str
    parameters: dict[str, Any]
    keys: list[str]
    """Of the sides' trainings."""
    n_learnt: int
    """Products that the method has learnt from; 0 of a rule."""
    notes: list[str]
    """Why what it has learnt may be unsure, in sentences."""
