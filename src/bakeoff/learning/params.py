"""Sections `training` and `baseline`: what PyTorch candidates share, and the TensorFlow one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from bakeoff.core.section import Mode, PositiveInt, Section
from bakeoff.learning.losses import LossParams
from bakeoff.records.recipe import ScheduleOverrides, ScheduleParams


class AdamWParams(Section):
    """AdamW and its weight decay."""

    name: Literal["adamw"]
    weight_decay: Annotated[float, Field(ge=0)]


class TrainingParams(Section):
    """What every candidate's training shares (section `training`)."""

    loss: LossParams
    optimizer: AdamWParams
    batch_size: PositiveInt
    early_stop_patience_epochs: PositiveInt | None
    random_start_max_steps: PositiveInt | None
    """Optimiser steps at most where the backbone starts from random weights; null = as any other."""
    mixed_precision: Literal["auto", "off"]
    loader_workers: Annotated[int, Field(ge=0, le=64)]
    augment: Literal["none", "flip"]
    frozen: ScheduleParams
    finetune: ScheduleParams

    def schedule(
        self, mode: Mode, overrides: dict[Mode, ScheduleOverrides], *, random_start: bool = False
    ) -> ScheduleParams:
        """Return the mode's schedule with a backbone's own written values put in; `max_steps: null` lifts the cap.

        A random start takes `random_start_max_steps` at most, unless the backbone's own `max_steps` is written.
        """
        base: ScheduleParams = getattr(self, mode)
        own = overrides.get(mode)
        written = own.written() if own else {}
        merged = base.model_copy(update=written)
        cap = self.random_start_max_steps
        if not random_start or cap is None or "max_steps" in written:
            return merged
        return merged.model_copy(update={"max_steps": min(cap, merged.max_steps or cap)})


class BaselineParams(Section):
    """The TensorFlow baseline (section `baseline`)."""

    mode: Literal["as_is", "frozen", "finetune"]
    network: Literal["auto", "efficientnet_b0"]
    """`auto` is EfficientNet-B0, or EfficientNet-Lite0 where only its weights are there and the policy is `prefer`."""
    pretrained: Literal["imagenet", "random"]
    weights_file: str | None
    class_names: str | None
    image_size: Annotated[int, Field(ge=32, le=1024)]
    batch_size: PositiveInt
    loss: Literal["cross_entropy", "bce"]
    optimizer: AdamWParams
    dropout: Annotated[float, Field(ge=0, lt=1)]
    early_stop_patience_epochs: PositiveInt | None
    frozen: ScheduleParams
    finetune: ScheduleParams

    @model_validator(mode="after")
    def _as_is_needs_files(self) -> BaselineParams:
        if self.mode == "as_is" and not (self.weights_file and self.class_names):
            raise ValueError(
                "mode as_is needs weights_file (the earlier model) and class_names (its classes, in order)"
            )
        return self
