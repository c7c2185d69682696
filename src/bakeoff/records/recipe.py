"""What one candidate may set for itself: the classifier on top, and how long and how fast a mode trains."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, field_validator, model_serializer

from bakeoff.core.section import Mode, PositiveFloat, PositiveInt, Section


class HeadParams(Section):
    """The classifier on top of the pooled features: widths of hidden layers, batch norm between them, dropout share."""

    hidden: list[PositiveInt]
    batch_norm: bool
    dropout: Annotated[float, Field(ge=0, lt=1)]


class ScheduleParams(Section):
    """How long and how fast one mode trains: epochs, learning rate, and a cap on optimiser steps (null = none)."""

    epochs: PositiveInt
    learning_rate: PositiveFloat
    max_steps: PositiveInt | None


class ScheduleOverrides(Section):
    """A backbone's own values in place of `training.<mode>`'s.

    A field that is not written says nothing; `max_steps: null` is a value of its own and lifts the profile's cap. Only
    written fields are serialised, so that the difference outlives data/candidates/<model>.json.
    """

    epochs: PositiveInt | None = None
    learning_rate: PositiveFloat | None = None
    max_steps: PositiveInt | None = None

    @field_validator("epochs", "learning_rate")
    @classmethod
    def _is_a_number(cls, value: float | None) -> float | None:
        if value is None:
            raise ValueError("null is not a value here; leave the line out to take the profile's training.<mode>")
        return value

    @model_serializer
    def written(self) -> dict[str, Any]:
        """Return the fields that were written, null ones among them."""
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}


def merge_overrides(*layers: Mapping[Mode, ScheduleOverrides]) -> dict[Mode, ScheduleOverrides]:
    """Return the layers' overrides by mode, merged field by field; a later layer's written field wins, null too."""
    merged: dict[Mode, dict[str, Any]] = {}
    for layer in layers:
        for mode, own in layer.items():
            merged.setdefault(mode, {}).update(own.written())
    return {mode: ScheduleOverrides.model_validate(fields) for mode, fields in merged.items()}


def single_row_problem(head: HeadParams, batch_size: int) -> str | None:
    """Return in words why this head cannot train at this batch size, or None: batch norm needs two rows per batch."""
    if batch_size > 1 or not (head.batch_norm and head.hidden):
        return None
    return (
        "training.batch_size is 1, but the head has batch norm (head.batch_norm: true), which needs at least 2 "
        "products per batch; set training.batch_size to 2 or more, or head.batch_norm to false"
    )
