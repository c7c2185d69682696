"""Mirrors runs/ and reports/ into MLflow; the only part of bakeoff that imports mlflow, and only when it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakeoff.lazy import lazy_names

if TYPE_CHECKING:
    from bakeoff.tracking.comparison import log_comparison
    from bakeoff.tracking.live import live_run
    from bakeoff.tracking.mirror import replay
    from bakeoff.tracking.rebuild import sync
    from bakeoff.tracking.store import ensure_store

__all__ = ["ensure_store", "live_run", "log_comparison", "replay", "sync"]

__getattr__ = lazy_names(__name__, __file__)
