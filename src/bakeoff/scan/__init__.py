"""The selective-scan operator of Mamba: what it computes, on which implementation, and the stand-in for mamba_ssm.

Names are loaded on first use, so that importing the package loads no framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakeoff.lazy import lazy_names

if TYPE_CHECKING:
    from bakeoff.scan.dispatch import implementations, resolve, selective_scan, use
    from bakeoff.scan.stand_in import standin

__all__ = ["implementations", "resolve", "selective_scan", "standin", "use"]

__getattr__ = lazy_names(__name__, __file__)
