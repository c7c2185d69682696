"""The measures that params may name: where a candidate's line holds each, which way is better, how it is written."""

from __future__ import annotations

import math
from typing import NamedTuple

from bakeoff.decision.summary import Summary


class Measure(NamedTuple):
    """One measure of a candidate: an attribute of `Summary`, whether more is better, and its number format."""

    name: str
    more_is_better: bool
    spec: str
    is_time: bool = False

    def value(self, item: Summary) -> float:
        """Return the candidate's value, NaN where it is unknown or a time of another device than most."""
        value = float(getattr(item, self.name))
        return value if item.time_comparable or not self.is_time else math.nan


MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("accuracy", True, ".3f"),
        Measure("balanced_accuracy", True, ".3f"),
        Measure("macro_f1", True, ".3f"),
        Measure("weighted_f1", True, ".3f"),
        Measure("matthews", True, ".3f"),
        Measure("roc_auc", True, ".3f"),
        Measure("log_loss", False, ".3f"),
        Measure("ece", False, ".3f"),
        Measure("latency_ms", False, ".1f", True),
        Measure("latency_p99_ms", False, ".1f", True),
        Measure("ms_per_image", False, ".1f", True),
        Measure("images_per_s", True, ".1f", True),
        Measure("images_per_cpu_s", True, ".1f", True),
        Measure("end_to_end_images_per_s", True, ".1f", True),
        Measure("size_mib", False, ".0f"),
        Measure("file_mib", False, ".0f"),
        Measure("predict_memory_mib", False, ",.0f"),
        Measure("n_parameters", False, ",.0f"),
        Measure("gmacs", False, ".2f"),
        Measure("train_time_s", False, ",.0f"),
        Measure("matrix_total", True, ".2f"),
    )
}
"""By name, as `compare.maximise`, `compare.pareto` and the limits use them."""

LIMITS: dict[str, str] = {
    "latency_p50_ms": "latency_ms",
    "latency_p99_ms": "latency_p99_ms",
    "images_per_s": "images_per_s",
    "size_mib": "size_mib",
    "peak_memory_mib": "predict_memory_mib",
    "train_time_s": "train_time_s",
}
"""A limit of `compare.subject_to` and the measure it bounds: from below where more is better, else from above."""
