"""Section `examine`: whose features, and how much is looked at."""

from typing import Annotated

from pydantic import Field

from bakeoff.core.section import Section


class ExamineParams(Section):
    """Section `examine`: what is asked of a frozen backbone's features."""

    model: str | None
    """None = the study's first one with pretrained weights, else its first one."""
    n_folds: Annotated[int, Field(ge=2)]
    """Of the cross-validation that looks for label errors."""
    max_positions: Annotated[int, Field(ge=10)]
    """Products that t-SNE places."""
