"""Section `compare`: what the choice maximises, what it must keep to, and how surely that is tested."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator

from bakeoff.core.section import PositiveFloat, Section
from bakeoff.decision.measures import LIMITED, MEASURES


class Limits(Section):
    """What a candidate must keep to, by the names of `LIMITED`; a limit that is null or left out is none."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, PositiveFloat | None] = Field(init=False)  # type: ignore[misc]
    licence: Literal["any", "commercial"] = "any"

    @model_validator(mode="before")
    @classmethod
    def _all_named(cls, values: Any) -> Any:
        names = dict.fromkeys(limit.name for _, limit in LIMITED)
        if isinstance(values, dict) and (unknown := [name for name in values if name not in {*names, "licence"}]):
            raise ValueError(f"unknown key {unknown[0]}; expected some of {', '.join([*names, 'licence'])}")
        return names | values if isinstance(values, dict) else values

    def bound(self, name: str) -> float | None:
        """Return a limit's number, None where there is none."""
        return (self.model_extra or {})[name]


def _known(names: list[str]) -> Callable[[str], str]:
    def check(name: str) -> str:
        if name not in names:
            raise ValueError(f"{name!r} is not known; choose one of {', '.join(names)}")
        return name

    return check


Maximise = Annotated[str, AfterValidator(_known([one.name for one in MEASURES.values() if one.may_choose]))]
Shown = Annotated[str, AfterValidator(_known([one.name for one in MEASURES.values() if one.path]))]
Score = Annotated[float, Field(ge=0, le=10)]
Weight = Annotated[float, Field(ge=0)]


class MatrixWeights(Section):
    """What each criterion of the decision matrix weighs; only the proportions count."""

    accuracy: Weight
    cpu_time: Weight
    memory: Weight
    feature_size: Weight
    support: Weight

    @model_validator(mode="after")
    def _not_all_zero(self) -> Self:
        if not any(self.model_dump().values()):
            raise ValueError("all weights are 0; give at least one criterion a weight, e.g. accuracy: 25")
        return self


class MatrixParams(Section):
    """The weighted decision matrix: weights, and each model's support and documentation, 0 to 10, a judgement."""

    weights: MatrixWeights
    support: dict[str, Score]


class CompareParams(Section):
    """Section `compare`: the rule of the choice, its scenarios, and the two measures of the Pareto front."""

    maximise: Maximise
    subject_to: Limits
    allow_random_weights: bool
    allow_not_learned: bool
    n_bootstrap: Annotated[int, Field(ge=100, le=100_000)]
    pareto: list[Shown]
    scenarios: dict[str, Limits]
    matrix: MatrixParams

    @field_validator("pareto")
    @classmethod
    def _two_measures(cls, measures: list[str]) -> list[str]:
        if len(measures) != 2 or len(set(measures)) != 2:
            raise ValueError(f"needs two different measures, [x, y], got {measures}")
        return measures
