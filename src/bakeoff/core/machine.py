"""Sections `compute` and `scan`: on what the study runs; and what this machine says of itself."""

import platform
import resource
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from bakeoff.core.section import PositiveInt, Section


class ComputeParams(Section):
    """Section `compute`: device, CPU threads (null = all physical cores), and processes that load photos."""

    device: Literal["auto", "cpu", "cuda", "mps"]
    threads: PositiveInt | None
    loader_workers: Annotated[int, Field(ge=0, le=64)] = 0
    processes: PositiveInt = 1
    """Of one training of stage `train_torch`."""


class ScanParams(Section):
    """Section `scan`: which selective scan MambaVision runs on."""

    implementation: Literal["auto", "reference", "torch", "cpu", "triton", "mamba_ssm"]


def cpu_name() -> str:
    """Return the processor's model name."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines() if cpuinfo.is_file() else []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def peak_resident_mib() -> float:
    """Return this process's largest resident memory so far, MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
