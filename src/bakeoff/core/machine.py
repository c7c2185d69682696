"""Sections `compute` and `scan`: on what the study runs."""

from typing import Literal

from bakeoff.core.section import PositiveInt, Section


class ComputeParams(Section):
    """Section `compute`: device and CPU threads (null = all physical cores)."""

    device: Literal["auto", "cpu", "cuda", "mps"]
    threads: PositiveInt | None


class ScanParams(Section):
    """Section `scan`: which selective scan MambaVision runs on."""

    implementation: Literal["auto", "reference", "torch", "cpu", "triton", "mamba_ssm"]
