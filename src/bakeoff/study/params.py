"""The whole of params.yaml, and the model of each of its sections."""

from pathlib import Path
from typing import Any, Self

from pydantic import model_validator

from bakeoff.backbones.params import StudyBackbones, WeightsParams
from bakeoff.catalogue.params import DatasetParams, PrepareParams, RepairParams, SplitParams
from bakeoff.core.machine import ComputeParams, ScanParams
from bakeoff.core.modes import parse_mode
from bakeoff.core.section import LanguageCode, read_yaml, validate_section
from bakeoff.decision.params import CompareParams
from bakeoff.evaluation.params import EvaluateParams
from bakeoff.examination.params import ExamineParams
from bakeoff.faithfulness.params import FaithfulnessParams
from bakeoff.fusion.params import FuseParams
from bakeoff.interpret.params import InterpretParams, InterpretTextParams
from bakeoff.learning.params import BaselineParams
from bakeoff.learning.recipe import TrainingParams, recipe_problem
from bakeoff.speed.params import ThroughputParams
from bakeoff.study.composition import compose
from bakeoff.text.params import StudyTexts
from bakeoff.tracking.params import TrackingParams
from bakeoff.tuning.params import TuneParams


class Params(StudyBackbones, StudyTexts):
    """The whole of params.yaml."""

    profile: str
    language: LanguageCode
    model: str
    compute: ComputeParams
    scan: ScanParams
    dataset: DatasetParams
    prepare: PrepareParams
    split: SplitParams
    repair: RepairParams
    weights: WeightsParams
    training: TrainingParams
    baseline: BaselineParams
    evaluate: EvaluateParams
    throughput: ThroughputParams
    interpret: InterpretParams
    interpret_text: InterpretTextParams
    faithfulness: FaithfulnessParams
    compare: CompareParams
    examine: ExamineParams
    fuse: FuseParams  # type: ignore[assignment] - the lists, and the methods' settings
    tune: TuneParams
    tracking: TrackingParams

    @model_validator(mode="after")
    def _can_be_trained(self) -> Self:
        if not self.models:
            raise ValueError("models is empty; a study of texts names one model of photos too, for its examination")
        for model in self.models:
            own = self.backbones.get(model)
            head = (own and own.head) or self.backbone_defaults.head
            for mode in self.modes:
                try:
                    recipe = self.training.recipe(parse_mode(mode).family, self.own_training(model))
                except ValueError as error:
                    raise ValueError(f"backbones.{model}.training.{error}") from None
                if problem := recipe_problem(recipe, parse_mode(mode), head):
                    raise ValueError(f"model {model}: {problem}")
        return self

    @model_validator(mode="after")
    def _is_of_the_study(self) -> Self:
        measured = self.faithfulness
        asked = {"models": measured.models, "modes": measured.modes, "baseline_seeds": measured.baseline_seeds}
        for name, values in asked.items():
            legal: list[Any] = getattr(self, name.removeprefix("baseline_"))
            if unknown := [value for value in values if value not in legal]:
                raise ValueError(f"faithfulness.{name}: {unknown[0]!r} is not in the study's {legal}")
        return self


def load_params(path: Path) -> Params:
    """Return all of params.yaml, checked.

    Raises:
        ParamsError: an unknown key, a wrong type or a value out of bounds; the message names key and legal values.
    """
    return validate_section(Params, read_yaml(path), where=str(path))


def write_params(root: Path, overrides: list[str]) -> Params:
    """Compose params.yaml anew and return it checked, written as `dvc exp run` writes it; raises as `compose` does."""
    from omegaconf import OmegaConf

    values = compose(root, overrides)
    params = validate_section(Params, values, where="conf/")
    (root / "params.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(values)), encoding="utf-8")
    return params
