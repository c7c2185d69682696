"""mamba_ssm, which needs nvcc: its CUDA kernel behind the same dispatch where it is installed, else a stand-in."""

import contextlib
import importlib.util
import sys
from collections.abc import Iterator
from itertools import pairwise
from types import ModuleType
from typing import Any

from torch import Tensor

from bakeoff.scan.inputs import Inputs

_NAMES = ("mamba_ssm", "mamba_ssm.ops", "mamba_ssm.ops.selective_scan_interface")


def _is_installed() -> bool:
    """Return whether a mamba_ssm other than our stand-in can be imported."""
    loaded = sys.modules.get("mamba_ssm")
    if loaded is not None:
        return not hasattr(loaded, "__bakeoff_standin__")
    return importlib.util.find_spec("mamba_ssm") is not None


def why_unavailable(device: str) -> str | None:
    """Return why mamba_ssm cannot run on a type of device, or None where it can."""
    if device != "cuda":
        return f"mamba_ssm computes on an NVIDIA GPU, not on {device}"
    return None if _is_installed() else "the package mamba_ssm is not installed"


def scan(inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Return y (b, d, L) in u's type and the last state (b, d, n); see `dispatch.selective_scan`."""
    interface: Any = importlib.import_module(_NAMES[-1])
    return interface.selective_scan_fn(*inputs, return_last_state=True)


@contextlib.contextmanager
def standin() -> Iterator[bool]:
    """Let imports inside the block find this package's scan as `mamba_ssm`'s, so that mambavision's succeeds.

    Yield whether the stand-in is in place: False where a real mamba_ssm is installed, which is never overridden. Nobody
    finds it after the block.
    """
    from bakeoff.scan.dispatch import selective_scan  # which itself asks whether mamba_ssm is installed

    if _is_installed() or "mamba_ssm" in sys.modules:
        yield not _is_installed()
        return
    modules = {name: ModuleType(name, "bakeoff's stand-in for mamba_ssm") for name in _NAMES}
    for module in modules.values():
        module.__dict__.update(__bakeoff_standin__=True, __path__=[])
    for parent, child in pairwise(_NAMES):
        setattr(modules[parent], child.rpartition(".")[2], modules[child])
    modules[_NAMES[-1]].__dict__["selective_scan_fn"] = selective_scan
    sys.modules.update(modules)
    try:
        yield True
    finally:
        for name in _NAMES:
            sys.modules.pop(name, None)
