"""The whole of params.yaml, and the model of each of its sections."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from bakeoff.backbones.params import BackboneDefaults, BackboneParams, WeightsParams
from bakeoff.catalogue.params import DatasetParams, PrepareParams, SplitParams
from bakeoff.core.machine import ComputeParams, ScanParams
from bakeoff.core.section import LanguageCode, Mode, Section, read_yaml, validate_section
from bakeoff.decision.params import CompareParams
from bakeoff.evaluation.params import EvaluateParams
from bakeoff.interpret.params import InterpretParams
from bakeoff.learning.params import BaselineParams, TrainingParams
from bakeoff.records.recipe import single_row_problem
from bakeoff.speed.params import ThroughputParams
from bakeoff.tracking.params import TrackingParams

_SAFE_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._]*$")


class Params(Section):
    """The whole of params.yaml."""

    profile: str
    language: LanguageCode
    model: str
    models: list[str]
    modes: list[Mode]
    seeds: list[Annotated[int, Field(ge=0)]]
    compute: ComputeParams
    scan: ScanParams
    dataset: DatasetParams
    prepare: PrepareParams
    split: SplitParams
    backbones: dict[str, BackboneParams]
    backbone_defaults: BackboneDefaults
    weights: WeightsParams
    training: TrainingParams
    baseline: BaselineParams
    evaluate: EvaluateParams
    throughput: ThroughputParams
    interpret: InterpretParams
    compare: CompareParams
    tracking: TrackingParams

    @field_validator("models")
    @classmethod
    def _safe_names(cls, models: list[str]) -> list[str]:
        for name in models:
            if not _SAFE_NAME.match(name):
                raise ValueError(
                    f"model name {name!r} must be letters, digits, '.' and '_' (it names folders); "
                    "give an hf:<id> backbone a file in conf/model/"
                )
        if len(set(models)) != len(models):
            raise ValueError(f"models lists a name twice: {models}")
        return models

    @field_validator("seeds", "modes")
    @classmethod
    def _no_repeats(cls, values: list[Any]) -> list[Any]:
        if not values or len(set(values)) != len(values):
            raise ValueError(f"needs at least one value and no repeats, got {values}")
        return values

    @model_validator(mode="after")
    def _batch_norm_needs_rows(self) -> Params:
        for model in self.models:
            own = self.backbones.get(model)
            problem = single_row_problem((own and own.head) or self.backbone_defaults.head, self.training.batch_size)
            if problem:
                raise ValueError(f"model {model}: {problem}")
        return self


SECTIONS: dict[str, type[Section]] = {
    name: field.annotation
    for name, field in Params.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}


def load_params(path: Path) -> Params:
    """Return all of params.yaml, checked.

    Raises:
        ParamsError: an unknown key, a wrong type or a value out of bounds; the message names key and legal values.
    """
    return validate_section(Params, read_yaml(path), where=str(path))
