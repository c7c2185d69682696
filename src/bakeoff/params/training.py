"""Section `training`: what every PyTorch candidate's training shares."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bakeoff.params.candidate import ScheduleOverrides, ScheduleParams
from bakeoff.params.section import Loss, Mode, PositiveInt, Section


class TrainingParams(Section):
    """What every candidate's training shares (section `training`)."""

    loss: Loss
    optimizer: Literal["adamw"]
    weight_decay: Annotated[float, Field(ge=0)]
    batch_size: PositiveInt
    early_stop_patience_epochs: PositiveInt | None
    mixed_precision: Literal["auto", "off"]
    loader_workers: Annotated[int, Field(ge=0, le=64)]
    augment: Literal["none", "flip"]
    frozen: ScheduleParams
    finetune: ScheduleParams

    def schedule(self, mode: Mode, overrides: dict[Mode, ScheduleOverrides]) -> ScheduleParams:
        """Return the mode's schedule with a backbone's own written values put in; `max_steps: null` lifts the cap."""
        base: ScheduleParams = getattr(self, mode)
        own = overrides.get(mode)
        return base.model_copy(update=own.written() if own else {})
