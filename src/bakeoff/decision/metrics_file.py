"""reports/metrics.json, which `dvc metrics show` and `dvc exp show` print: numbers only, flat at the top."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.decision.summary import Summary

_BEST = ("accuracy", "latency_ms", "images_per_s", "size_mib")
_EACH = ("accuracy", "latency_ms", "images_per_s")


def flat_metrics(choice: Mapping[str, Any], summaries: Sequence[Summary]) -> dict[str, Any]:
    """Return the chosen candidate's measures, the counts, and three measures of every candidate.

    A measure that is unknown, or a choice that is none, is left out: DVC shows a gap for it.
    """
    metrics: dict[str, Any] = {"n_candidates": choice["n_candidates"], "n_failed": choice["n_failed"]}
    best = next((item for item in summaries if choice["best"] and item.candidate == choice["best"]["candidate"]), None)
    if best is not None:
        metrics |= {"best": best.candidate} | _known(best, _BEST)
    return metrics | {item.candidate: _known(item, _EACH) for item in summaries}


def _known(item: Summary, names: Sequence[str]) -> dict[str, float]:
    values = {name: float(getattr(item, name)) for name in names}
    return {name: value for name, value in values.items() if math.isfinite(value)}
