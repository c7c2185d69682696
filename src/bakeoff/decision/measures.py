"""The tables of measures: leaderboard, choice, limits, report, model card and MLflow are derived from it.

A new measure is one function in `bakeoff.evaluation.metrics` (or a figure of another record) and one row here, another
where the report has a column for it or where it may be bounded.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from bakeoff.core.translation import N_, Translator


class Limit(NamedTuple):
    """What `compare.subject_to` may ask of a measure: from below where more is better, else from above."""

    name: str
    text: str
    """With the gap `{bound}`."""
    refused: str
    """What a candidate that breaks it is called where candidates are counted."""


class Column(NamedTuple):
    """How the report's leaderboard shows a measure."""

    heading: str
    hint: str
    group: Literal["base", "quality", "speed", "cost"]
    digits: int = 3
    factor: float = 1.0


@dataclass(frozen=True)
class Measure:
    """One measure of a candidate."""

    name: str
    """The leaderboard's column, and what `compare.maximise` and `compare.pareto` call it."""
    title: str
    path: str
    """Where it lies in `bakeoff.decision.collect.Evaluated`, dotted; empty: the comparison itself computes it."""
    more_is_better: bool
    spec: str = ".3f"
    unit: str = ""
    is_time: bool = False
    """Whether it compares on one device alone."""
    hub: str | None = None
    """Its name on the Hugging Face Hub."""
    may_choose: bool = False
    """Whether `compare.maximise` may name it."""

    def named(self, t: Translator) -> str:
        """Return its name in the reader's language."""
        return t.gettext(self.title)

    def value(self, item: Any) -> float:
        """Return a summary's value, NaN where it is unknown or a time of another device than most."""
        value = float(getattr(item, self.name))
        return value if item.time_comparable or not self.is_time else math.nan


def _test(name: str, title: str, *, more: bool = True, **known: Any) -> Measure:
    return Measure(name, title, f"metrics.splits.test.{name}", more, **known)


def _speed(name: str, title: str, path: str, unit: str, *, may_choose: bool = False) -> Measure:
    return Measure(name, title, f"speed.{path}", unit != "ms", ".1f", unit, is_time=True, may_choose=may_choose)


def _cost(name: str, title: str, path: str, spec: str, unit: str = "") -> Measure:
    return Measure(name, title, path, False, spec, unit)


_TABLE = (
    _test("accuracy", N_("accuracy"), hub="accuracy", may_choose=True),
    _test("macro_f1", N_("macro F1"), hub="f1", may_choose=True),
    _test("log_loss", N_("log loss"), more=False, hub="log_loss"),
    _speed("latency_ms", N_("latency"), "latency_ms_p50", N_("ms")),
    _speed("images_per_s", N_("throughput"), "images_per_s", N_("products/s"), may_choose=True),
    _cost("size_mib", N_("size"), "training.size_mib", ".0f", N_("MiB")),
    _test("balanced_accuracy", N_("balanced accuracy"), hub="balanced_accuracy", may_choose=True),
    _test("weighted_f1", N_("weighted F1"), hub="f1", may_choose=True),
    _test("top_3_accuracy", N_("top 3")),
    _test("top_5_accuracy", N_("top 5")),
    _test("matthews", N_("Matthews correlation"), may_choose=True),
    _test("cohen_kappa", N_("kappa")),
    _test("roc_auc", N_("ROC-AUC"), hub="roc_auc", may_choose=True),
    _test("pr_auc", N_("PR AUC")),
    _test("brier", N_("Brier"), more=False),
    _test("ece", N_("calibration error (ECE)"), more=False),
    Measure("automated", N_("share classified alone"), "calibration.automation.usable_share", True, may_choose=True),
    _cost("robustness_loss", N_("accuracy lost to corruptions"), "robustness.mean_loss", ".1f", N_("points")),
    _speed("latency_p90_ms", N_("90th-percentile latency"), "latency_ms_p90", N_("ms")),
    _speed("latency_p99_ms", N_("99th-percentile latency"), "latency_ms_p99", N_("ms")),
    _speed("latency_slowest_ms", N_("slowest call"), "latency_ms_slowest", N_("ms")),
    _speed("ms_per_image", N_("time per product in batches"), "ms_per_image", N_("ms")),
    _speed(
        *("images_per_cpu_s", N_("throughput per CPU second"), "images_per_cpu_s", N_("products per CPU second")),
        may_choose=True,
    ),
    _speed("end_to_end_images_per_s", N_("end-to-end throughput"), "end_to_end.images_per_s", N_("products/s")),
    _cost("n_parameters", N_("parameters"), "training.n_parameters", ",.0f"),
    _cost("gmacs", N_("multiply-adds per product"), "speed.gmacs", ".2f", N_("billion")),
    _cost("file_mib", N_("file size"), "speed.file_mib", ".0f", N_("MiB")),
    _cost("predict_memory_mib", N_("memory while predicting"), "speed.predict_memory_mib", ",.0f", N_("MiB")),
    _cost("train_time_s", N_("training time"), "cost.train_time_s", ",.0f", N_("s")),
    _cost("train_memory_mib", N_("memory while training"), "cost.train_memory_mib", ",.0f", N_("MiB")),
    _cost("n_features", N_("feature size"), "training.n_features", ",.0f"),
    _cost("temperature", N_("temperature"), "calibration.temperature", ".2f"),
    Measure("matrix_total", N_("total of the decision matrix"), "", True, ".2f", may_choose=True),
)

MEASURES: dict[str, Measure] = {measure.name: measure for measure in _TABLE}
"""By name, in the order of the leaderboard's columns."""
RECORDED: tuple[Measure, ...] = tuple(measure for measure in _TABLE if measure.path)
"""Those that a candidate's records hold."""

LIMITED = (
    (MEASURES["latency_ms"], Limit("latency_p50_ms", N_("latency ≤ {bound} ms"), N_("too slow"))),
    (
        MEASURES["images_per_s"],
        Limit("images_per_s", N_("throughput ≥ {bound} products/s"), N_("too low a throughput")),
    ),
    (MEASURES["size_mib"], Limit("size_mib", N_("size ≤ {bound} MiB"), N_("too large"))),
    (
        MEASURES["latency_p99_ms"],
        Limit("latency_p99_ms", N_("99th-percentile latency ≤ {bound} ms"), N_("too slow at the 99th percentile")),
    ),
    (MEASURES["predict_memory_mib"], Limit("predict_memory_mib", N_("memory ≤ {bound} MiB"), N_("too much memory"))),
    (MEASURES["train_time_s"], Limit("train_time_s", N_("training ≤ {bound} s"), N_("too long to train"))),
)
"""Those that `compare.subject_to` may bound."""

BOARD_COLUMNS = {
    "macro_f1": Column(
        N_("macro F1"), N_("mean of the classes’ F1: small classes count as much as large ones"), "base"
    ),
    "log_loss": Column(N_("log loss"), N_("how confidently wrong the probabilities are; lower is better"), "base"),
    "latency_ms": Column(N_("ms/product"), N_("median time for one product alone, model only"), "base", 1),
    "images_per_s": Column(N_("products/s"), N_("at the best batch size, model only"), "base", 1),
    "size_mib": Column(N_("MiB"), N_("parameters and buffers of backbone and head as float32"), "base", 0),
    "balanced_accuracy": Column(N_("balanced acc."), N_("mean recall of the classes"), "quality"),
    "weighted_f1": Column(N_("weighted F1"), N_("F1 weighted by the classes’ numbers of products"), "quality"),
    "top_3_accuracy": Column(N_("top 3"), N_("the true class is among the first three"), "quality"),
    "top_5_accuracy": Column(N_("top 5"), N_("the true class is among the first five"), "quality"),
    "matthews": Column(N_("Matthews"), N_("Matthews correlation, 1 is perfect and 0 is chance"), "quality"),
    "cohen_kappa": Column(N_("kappa"), N_("Cohen’s kappa, agreement beyond chance"), "quality"),
    "roc_auc": Column(N_("ROC AUC"), N_("area under the ROC curve, mean of one class against the rest"), "quality"),
    "pr_auc": Column(N_("PR AUC"), N_("mean average precision of one class against the rest"), "quality"),
    "brier": Column(N_("Brier"), N_("squared error of the probabilities, 0 to 2"), "quality"),
    "ece": Column(N_("ECE"), N_("expected calibration error, before temperature scaling"), "quality"),
    "automated": Column(
        N_("alone"),
        N_(
            "share of products it can classify alone at the promised precision (evaluate.automation); 0 where the "
            "test products refute the promise"
        ),
        "quality",
    ),
    "robustness_loss": Column(
        N_("lost to corruptions"),
        N_("points of accuracy lost under noise, blur, JPEG, light, contrast, rotation and crop, mean of all"),
        "quality",
        1,
    ),
    "latency_p90_ms": Column(N_("p90 ms"), N_("nine products out of ten are faster"), "speed", 1),
    "latency_p99_ms": Column(N_("p99 ms"), N_("99 products out of 100 are faster"), "speed", 1),
    "images_per_cpu_s": Column(N_("products/CPU-s"), N_("per second of one core’s work"), "speed", 1),
    "end_to_end_images_per_s": Column(
        N_("end-to-end products/s"), N_("including reading, decoding and preparing"), "speed", 1
    ),
    "n_parameters": Column(N_("M par."), N_("millions of parameters"), "cost", 1, 1e-6),
    "gmacs": Column(N_("GMACs"), N_("billions of multiply-adds for one product"), "cost", 2),
    "predict_memory_mib": Column(N_("peak MiB"), N_("peak memory while predicting"), "cost", 0),
    "train_time_s": Column(N_("train s"), N_("training time"), "cost", 0),
    "train_memory_mib": Column(N_("train MiB"), N_("peak memory while training"), "cost", 0),
}
"""How the report's leaderboard shows them, in its order; the accuracy stands apart."""
