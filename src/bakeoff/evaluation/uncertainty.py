"""How sure the test metrics are: an interval beside each, with its method, and the gap to training called out."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from bakeoff.evaluation.metrics import brier_scores, exact_probabilities, log_losses, predicted_classes
from bakeoff.evaluation.params import EvaluateParams
from bakeoff.evaluation.reliability import calibration_error_interval
from bakeoff.statistics.auc import macro_auc_interval, macro_average_precision_interval
from bakeoff.statistics.bootstrap import bounds_of, confusion_intervals, mean_interval
from bakeoff.statistics.groups import group_sizes, macro_copies, widen
from bakeoff.statistics.interval import Interval, wilson
from bakeoff.statistics.matrix import count_confusions

MAX_GAP = 0.1
N_STEPS = 6
"""Calls of `advance` by `metric_intervals`."""


def metric_intervals(
    label_ids: np.ndarray,
    probabilities: np.ndarray,
    *,
    params: EvaluateParams,
    metrics: Mapping[str, Any],
    groups: np.ndarray | None = None,
    advance: Callable[[], object] = lambda: None,
) -> dict[str, dict[str, Any]]:
    """Return the 95 % interval of each metric that is defined: low, high, level, method and n_resamples.

    PR-AUC has none where a class has too few products. Arguments are as in `metrics.per_class_metrics`; `metrics` are
    the split's, and `advance` is called after each of `N_STEPS` parts, so that a bar can move.
    """
    exact, predicted = exact_probabilities(probabilities), predicted_classes(probabilities)
    counts = count_confusions(label_ids, predicted, probabilities.shape[1])
    sizes = group_sizes(groups, len(label_ids))
    copies, macro = float(sizes.mean()), macro_copies(sizes, label_ids)
    found: dict[str, Interval | None] = {}
    for name, one in confusion_intervals(counts, n_resamples=params.n_bootstrap).items():
        found[name] = widen(one, macro if name.startswith(("macro", "balanced")) else copies, bounds_of(name))
    advance()
    for name, values in (("log_loss", log_losses), ("brier", brier_scores)):
        one = mean_interval(values(label_ids, exact), label_ids, n_resamples=params.n_bootstrap)
        found[name] = widen(one, copies, (0.0, np.inf))
        advance()
    shares = ["accuracy", "weighted_recall", *(f"top_{k}_accuracy" for k in params.top_k)]
    found |= {name: wilson(metrics[name], len(label_ids) / copies) for name in shares if name in metrics}
    if metrics["roc_auc"] is not None:
        found["roc_auc"] = macro_auc_interval(exact, label_ids, macro)[1]
    advance()
    if metrics["pr_auc"] is not None:
        found["pr_auc"] = macro_average_precision_interval(exact, label_ids, macro)[1]
    advance()
    found["ece"] = calibration_error_interval(
        exact.max(axis=1),
        predicted == label_ids,
        label_ids,
        n_bins=params.calibration_bins,
        n_resamples=params.n_bootstrap_ece,
        copies=copies,
    )
    advance()
    held = {name: one for name, one in found.items() if one is not None and metrics.get(name) is not None}
    records = {name: asdict(replace(one, estimate=metrics[name])) for name, one in held.items()}
    return {name: {field: each for field, each in one.items() if field != "estimate"} for name, one in records.items()}


def overfitting(splits: Mapping[str, Mapping[str, Any]], accuracy: Mapping[str, Any]) -> dict[str, Any]:
    """Return the gaps between training and test and whether they are called overfitting, by the rule stated."""
    train, test = splits["train"], splits["test"]
    gap = train["accuracy"] - test["accuracy"]
    return {
        "accuracy_gap": gap,
        "log_loss_gap": test["log_loss"] - train["log_loss"],
        "overfits": bool(gap > MAX_GAP and train["accuracy"] > accuracy["high"]),
        "max_gap": MAX_GAP,
        "rule": f"train accuracy exceeds test accuracy by more than {MAX_GAP:g} and lies above the test accuracy's "
        "95 % interval",
    }
