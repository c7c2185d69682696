"""The measures that params may name: where a candidate's line holds each, which way is better, how it is written."""

from __future__ import annotations

import math
from typing import NamedTuple

from bakeoff.core.translation import N_, Translator
from bakeoff.decision.summary import Summary


class Measure(NamedTuple):
    """One measure of a candidate: an attribute of `Summary`, what it is called, which way is better, number format."""

    name: str
    title: str
    more_is_better: bool
    spec: str
    unit: str = ""
    is_time: bool = False

    def named(self, t: Translator) -> str:
        """Return its name in the reader's language."""
        return t.gettext(self.title)

    def value(self, item: Summary) -> float:
        """Return the candidate's value, NaN where it is unknown or a time of another device than most."""
        value = float(getattr(item, self.name))
        return value if item.time_comparable or not self.is_time else math.nan


MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("accuracy", N_("accuracy"), True, ".3f"),
        Measure("balanced_accuracy", N_("balanced accuracy"), True, ".3f"),
        Measure("macro_f1", N_("macro F1"), True, ".3f"),
        Measure("weighted_f1", N_("weighted F1"), True, ".3f"),
        Measure("matthews", N_("Matthews correlation"), True, ".3f"),
        Measure("roc_auc", N_("ROC-AUC"), True, ".3f"),
        Measure("log_loss", N_("log loss"), False, ".3f"),
        Measure("ece", N_("calibration error (ECE)"), False, ".3f"),
        Measure("latency_ms", N_("latency"), False, ".1f", N_("ms"), is_time=True),
        Measure("latency_p99_ms", N_("99th-percentile latency"), False, ".1f", N_("ms"), is_time=True),
        Measure("ms_per_image", N_("time per photo in batches"), False, ".1f", N_("ms"), is_time=True),
        Measure("images_per_s", N_("throughput"), True, ".1f", N_("images/s"), is_time=True),
        Measure(
            "images_per_cpu_s", N_("throughput per CPU second"), True, ".1f", N_("images per CPU second"), is_time=True
        ),
        Measure("end_to_end_images_per_s", N_("end-to-end throughput"), True, ".1f", N_("images/s"), is_time=True),
        Measure("size_mib", N_("size"), False, ".0f", N_("MiB")),
        Measure("file_mib", N_("file size"), False, ".0f", N_("MiB")),
        Measure("predict_memory_mib", N_("memory while predicting"), False, ",.0f", N_("MiB")),
        Measure("n_parameters", N_("parameters"), False, ",.0f"),
        Measure("gmacs", N_("multiply-adds per photo"), False, ".2f", N_("billion")),
        Measure("train_time_s", N_("training time"), False, ",.0f", N_("s")),
        Measure("matrix_total", N_("total of the decision matrix"), True, ".2f"),
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
