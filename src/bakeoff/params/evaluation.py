"""Sections `evaluate`, `throughput` and `interpret`: how good, how fast and why."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bakeoff.params.section import PositiveFloat, PositiveInt, Section


class EvaluateParams(Section):
    """Section `evaluate`: images per batch when predicting."""

    batch_size: PositiveInt


class ThroughputParams(Section):
    """Section `throughput`: batch of the images/s figure, seconds per candidate, threads (null = compute.threads)."""

    batch_size: PositiveInt
    budget_s: PositiveFloat
    threads: PositiveInt | None


class InterpretParams(Section):
    """Section `interpret`: how many photos are explained and how finely."""

    n_correct: Annotated[int, Field(ge=0)]
    n_wrong: Annotated[int, Field(ge=0)]
    integrated_gradients_steps: PositiveInt
    occlusion_window_px: PositiveInt
    occlusion_stride_px: PositiveInt
    channel_repeats: PositiveInt
    channel_max_rows: PositiveInt | None
