"""Section `faithfulness`: how far heat maps are measured."""

from typing import Annotated, Any

from pydantic import Field

from bakeoff.core.modes import ModeName
from bakeoff.core.section import PositiveInt, Section


class FaithfulnessParams(Section):
    """Section `faithfulness`: whose methods are measured, and on how much."""

    models: list[str]
    modes: list[ModeName]
    """Those of the study's candidates that are measured, for all of its seeds."""
    baseline_seeds: list[Annotated[int, Field(ge=0)]]
    """Of the TensorFlow baseline."""
    rows: PositiveInt
    """Test photos at most, the same for every candidate."""
    steps: PositiveInt
    """In which all pixels are deleted or inserted."""
    squares: PositiveInt
    """Per photo, for the infidelity."""
    sensitivity_rows: Annotated[int, Field(ge=0)]
    """Of the photos, those whose maps are made again under noise."""
    noises: PositiveInt
    """Per photo, for the sensitivity."""

    def used(self) -> dict[str, Any]:
        """Return what the result depends on: all but whose methods are measured."""
        return self.model_dump(exclude={"models", "modes", "baseline_seeds"})
