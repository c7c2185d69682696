"""Section `examine`: whose features, and how much is looked at."""

from typing import Annotated

from pydantic import Field

from bakeoff.core.section import Section


class ExamineParams(Section):
    """Section `examine`: what is asked of a frozen backbone's features."""

    model: str | None
    n_folds: Annotated[int, Field(ge=2)]
    max_positions: Annotated[int, Field(ge=10)]
