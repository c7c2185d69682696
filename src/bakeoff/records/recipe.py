"""The classifier on top, and how long and how fast a training goes."""

from typing import Annotated

from pydantic import Field

from bakeoff.core.section import PositiveFloat, PositiveInt, Section


class HeadParams(Section):
    """The classifier on top of the pooled features: widths of hidden layers, batch norm between them, dropout share."""

    hidden: list[PositiveInt]
    batch_norm: bool
    dropout: Annotated[float, Field(ge=0, lt=1)]


class ScheduleParams(Section):
    """How long and how fast a training goes: epochs, learning rate, and a cap on optimiser steps (null = none)."""

    epochs: PositiveInt
    learning_rate: PositiveFloat
    max_steps: PositiveInt | None
