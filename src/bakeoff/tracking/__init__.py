"""Mirrors runs/ and reports/ into MLflow; the only part of bakeoff that imports mlflow, and only when it is used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bakeoff.tracking.comparison import log_comparison
    from bakeoff.tracking.live import live_run
    from bakeoff.tracking.mirror import replay
    from bakeoff.tracking.rebuild import sync
    from bakeoff.tracking.store import ensure_store

__all__ = ["ensure_store", "live_run", "log_comparison", "replay", "sync"]

_MODULES = {  # no module is named like a function: importing it would put the module in the function's place
    "ensure_store": "store",
    "live_run": "live",
    "log_comparison": "comparison",
    "replay": "mirror",
    "sync": "rebuild",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it exports {', '.join(__all__)}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
