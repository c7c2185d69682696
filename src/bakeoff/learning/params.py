"""Section `baseline`: the TensorFlow candidate."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bakeoff.core.section import PositiveInt, Section
from bakeoff.records.recipe import ScheduleParams


class AdamWParams(Section):
    """AdamW and its weight decay."""

    name: Literal["adamw"]
    weight_decay: Annotated[float, Field(ge=0)]


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
    def _as_is_needs_files(self) -> Self:
        if self.mode == "as_is" and not (self.weights_file and self.class_names):
            raise ValueError(
                "mode as_is needs weights_file (the earlier model) and class_names (its classes, in order)"
            )
        return self
