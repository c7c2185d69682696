"""The selective-scan operator of Mamba: what it computes, on which implementation, and the stand-in for mamba_ssm.

Names are loaded on first use, so that importing the package loads no framework.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_EXPORTS = {
    "selective_scan": "dispatch",
    "implementations": "dispatch",
    "resolve": "dispatch",
    "use": "dispatch",
    "standin": "stand_in",
}


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_EXPORTS[name]}"), name)
