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


def single_row_problem(head: HeadParams, batch_size: int) -> str | None:
    """Return in words why this head cannot train at this batch size, or None: batch norm needs two rows per batch."""
    if batch_size > 1 or not (head.batch_norm and head.hidden):
        return None
    return (
        "batch_size is 1, but the head has batch norm (head.batch_norm: true), which needs at least 2 "
        "products per batch; set training.defaults.batch_size to 2 or more, or head.batch_norm to false"
    )
