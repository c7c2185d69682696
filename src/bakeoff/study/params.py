"""The whole of params.yaml, and the model of each of its sections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import model_validator

from bakeoff.backbones.params import StudyBackbones, WeightsParams
from bakeoff.catalogue.params import DatasetParams, PrepareParams, SplitParams
from bakeoff.core.machine import ComputeParams, ScanParams
from bakeoff.core.section import LanguageCode, Section, read_yaml, validate_section
from bakeoff.decision.params import CompareParams
from bakeoff.evaluation.params import EvaluateParams
from bakeoff.interpret.params import InterpretParams
from bakeoff.learning.params import BaselineParams, TrainingParams
from bakeoff.records.recipe import single_row_problem
from bakeoff.speed.params import ThroughputParams
from bakeoff.study.composition import compose
from bakeoff.tracking.params import TrackingParams


class Params(StudyBackbones):
    """The whole of params.yaml."""

    profile: str
    language: LanguageCode
    model: str
    compute: ComputeParams
    scan: ScanParams
    dataset: DatasetParams
    prepare: PrepareParams
    split: SplitParams
    weights: WeightsParams
    training: TrainingParams
    baseline: BaselineParams
    evaluate: EvaluateParams
    throughput: ThroughputParams
    interpret: InterpretParams
    compare: CompareParams
    tracking: TrackingParams

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


def compose_checked(root: Path, overrides: list[str]) -> dict[str, Any]:
    """Return conf/ composed with overrides, as plain values that make valid params.

    Raises:
        ParamsError: an unknown group, choice or key, or a value of the wrong type; legal choices are listed.
    """
    values = compose(root, overrides)
    validate_section(Params, values, where="conf/")
    return values


def write_params(root: Path, overrides: list[str]) -> Params:
    """Compose params.yaml anew and return it checked; written exactly as `dvc exp run` writes it."""
    values = compose_checked(root, overrides)
    from omegaconf import OmegaConf

    (root / "params.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(values)), encoding="utf-8")
    return load_params(root / "params.yaml")
