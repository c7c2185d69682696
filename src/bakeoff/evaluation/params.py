"""Section `evaluate`: how good."""

from typing import Annotated

from pydantic import Field, field_validator

from bakeoff.core.section import Section, Share


class AutomationParams(Section):
    """What is promised of products that nobody looks at."""

    precision: Share
    """Share of them that are classified rightly."""


class EvaluateParams(Section):
    """Section `evaluate`: how the metrics and their intervals are made."""

    top_k: list[Annotated[int, Field(ge=2)]]
    """The k of each top-k accuracy, ascending; one of K or more is left out."""
    n_bootstrap: Annotated[int, Field(ge=100)]
    """Resamples of the intervals of matrix metrics, log loss and Brier score."""
    n_bootstrap_ece: Annotated[int, Field(ge=100)]
    """Resamples of the interval of the calibration error."""
    calibration_bins: Annotated[int, Field(ge=2, le=100)]
    automation: AutomationParams

    @field_validator("top_k")
    @classmethod
    def _ascending(cls, ks: list[int]) -> list[int]:
        if sorted(set(ks)) != ks:
            raise ValueError(f"needs ascending numbers without repeats, such as [3, 5], got {ks}")
        return ks
