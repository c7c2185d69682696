"""Section `compare`: what the choice maximises, what it must keep to, and how surely that is tested."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from bakeoff.core.section import PositiveFloat, Section

Maximise = Literal[
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "weighted_f1",
    "matthews",
    "roc_auc",
    "images_per_s",
    "images_per_cpu_s",
    "matrix_total",
]
Measure = Literal[
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "weighted_f1",
    "matthews",
    "roc_auc",
    "log_loss",
    "ece",
    "latency_ms",
    "latency_p99_ms",
    "ms_per_image",
    "images_per_s",
    "images_per_cpu_s",
    "end_to_end_images_per_s",
    "size_mib",
    "file_mib",
    "predict_memory_mib",
    "n_parameters",
    "gmacs",
    "train_time_s",
]


class Limits(Section):
    """What a candidate must keep to; a limit that is null or left out is none."""

    latency_p50_ms: PositiveFloat | None = None
    """Batch 1, median."""
    latency_p99_ms: PositiveFloat | None = None
    images_per_s: PositiveFloat | None = None
    """At least; at the best batch size, model only."""
    size_mib: PositiveFloat | None = None
    """Parameters and buffers of backbone and head as float32."""
    peak_memory_mib: PositiveFloat | None = None
    """While predicting."""
    train_time_s: PositiveFloat | None = None
    licence: Literal["any", "commercial"] = "any"


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
    def _not_all_zero(self) -> MatrixWeights:
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
    pareto: list[Measure]
    scenarios: dict[str, Limits]
    matrix: MatrixParams

    @field_validator("pareto")
    @classmethod
    def _two_measures(cls, measures: list[str]) -> list[str]:
        if len(measures) != 2 or len(set(measures)) != 2:
            raise ValueError(f"needs two different measures, [x, y], got {measures}")
        return measures
