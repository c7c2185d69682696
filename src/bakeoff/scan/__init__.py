"""The selective-scan operator of Mamba: what it computes, on which implementation, and the stand-in for mamba_ssm.

Names are loaded on first use, so that importing the package loads no framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakeoff.lazy import lazy_names

if TYPE_CHECKING:
    from bakeoff.scan.dispatch import implementations, resolve, resolve_recorded, selective_scan, use, why_unavailable
    from bakeoff.scan.stand_in import install_standin, standin

__all__ = [
    "implementations",
    "install_standin",
    "resolve",
    "resolve_recorded",
    "selective_scan",
    "standin",
    "use",
    "why_unavailable",
]

__getattr__ = lazy_names(__name__, __file__)
