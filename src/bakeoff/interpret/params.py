"""Section `interpret`: why."""

from typing import Annotated

from pydantic import Field

from bakeoff.core.section import PositiveInt, Section


class OverviewParams(Section):
    """Part `overview`: how many examples of each class are shown, and how many test products are looked at."""

    prototypes: Annotated[int, Field(ge=0)]
    """0 = neither examples nor the map of the products, which both need features of all of them."""
    criticisms: Annotated[int, Field(ge=0)]
    max_rows: PositiveInt | None
    """Each class by its share; null = all."""


class InterpretParams(Section):
    """Section `interpret`: how many photos are explained and how finely."""

    n_correct: Annotated[int, Field(ge=0)]
    n_wrong: Annotated[int, Field(ge=0)]
    integrated_gradients_steps: PositiveInt
    occlusion_window_px: PositiveInt
    occlusion_stride_px: PositiveInt
    channel_repeats: PositiveInt
    channel_max_rows: PositiveInt | None
