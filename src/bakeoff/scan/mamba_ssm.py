"""mamba_ssm's own CUDA kernel behind the same dispatch, where that package is installed."""

import importlib
import importlib.util
import sys
from typing import Any

from torch import Tensor

from bakeoff.scan.inputs import Inputs


def mamba_ssm_installed() -> bool:
    """Return whether a mamba_ssm other than this stand-in can be imported."""
    loaded = sys.modules.get("mamba_ssm")
    if loaded is not None:
        return not hasattr(loaded, "__bakeoff_standin__")
    return importlib.util.find_spec("mamba_ssm") is not None


def why_unavailable(device: str) -> str | None:
    """Return why mamba_ssm cannot run on a type of device, or None where it can."""
    if device != "cuda":
        return f"mamba_ssm computes on an NVIDIA GPU, not on {device}"
    return None if mamba_ssm_installed() else "the package mamba_ssm is not installed"


def scan(inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Return y (b, d, L) in u's type and the last state (b, d, n); see `dispatch.selective_scan`."""
    interface: Any = importlib.import_module("mamba_ssm.ops.selective_scan_interface")
    return interface.selective_scan_fn(*inputs, return_last_state=True)
