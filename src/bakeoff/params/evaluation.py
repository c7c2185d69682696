"""Sections `evaluate`, `throughput` and `interpret`: how good, how fast and why."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from bakeoff.params.section import PositiveFloat, PositiveInt, Section


class EvaluateParams(Section):
    """Section `evaluate`: images per batch when predicting, and how the metrics and their intervals are made."""

    batch_size: PositiveInt
    top_k: list[Annotated[int, Field(ge=2)]]
    """The k of each top-k accuracy, ascending; one of K or more is left out."""
    n_bootstrap: Annotated[int, Field(ge=100)]
    """Resamples of the intervals of matrix metrics, log loss and Brier score."""
    n_bootstrap_ece: Annotated[int, Field(ge=100)]
    """Resamples of the interval of the calibration error."""
    calibration_bins: Annotated[int, Field(ge=2, le=100)]

    @field_validator("top_k")
    @classmethod
    def _ascending(cls, ks: list[int]) -> list[int]:
        if sorted(set(ks)) != ks:
            raise ValueError(f"needs ascending numbers without repeats, such as [3, 5], got {ks}")
        return ks


class ThroughputParams(Section):
    """Section `throughput`: batch sizes tried, seconds per candidate, attempts, threads (null = compute.threads)."""

    batch_sizes: Annotated[list[PositiveInt], Field(min_length=1)]
    budget_s: PositiveFloat
    """For all attempts at one architecture together, warm-up included."""
    max_attempts: PositiveInt
    """How often a measurement is made at most, while the machine is restless or timed calls are few."""
    threads: PositiveInt | None

    @field_validator("batch_sizes")
    @classmethod
    def _ascending(cls, sizes: list[int]) -> list[int]:
        if sorted(set(sizes)) != sizes:
            raise ValueError(f"needs ascending batch sizes without repeats, such as [1, 8, 32, 128], got {sizes}")
        return sizes


class InterpretParams(Section):
    """Section `interpret`: how many photos are explained and how finely."""

    n_correct: Annotated[int, Field(ge=0)]
    n_wrong: Annotated[int, Field(ge=0)]
    integrated_gradients_steps: PositiveInt
    occlusion_window_px: PositiveInt
    occlusion_stride_px: PositiveInt
    channel_repeats: PositiveInt
    channel_max_rows: PositiveInt | None
