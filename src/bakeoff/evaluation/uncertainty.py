"""How sure the test metrics are: an interval beside each, with its method, and the gap to training called out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bakeoff.evaluation.metrics import (
    brier_scores,
    exact_probabilities,
    log_losses,
    predicted_classes,
    top_k_hits,
)
from bakeoff.evaluation.params import EvaluateParams
from bakeoff.evaluation.reliability import calibration_error_interval
from bakeoff.statistics.auc import macro_auc_interval
from bakeoff.statistics.average_precision import macro_average_precision_interval
from bakeoff.statistics.bootstrap import confusion_intervals, mean_interval, per_class_intervals
from bakeoff.statistics.interval import Interval
from bakeoff.statistics.matrix import count_confusions
from bakeoff.statistics.wilson import wilson

MAX_GAP = 0.1
N_STEPS = 6
"""Calls of `advance` by `metric_intervals`."""


def metric_intervals(
    label_ids: np.ndarray,
    probabilities: np.ndarray,
    *,
    params: EvaluateParams,
    metrics: Mapping[str, Any],
    advance: Callable[[], object] = lambda: None,
) -> dict[str, dict[str, Any]]:
    """Return the 95 % interval of each metric that is defined: low, high, level, method and n_resamples.

    Args:
        label_ids: (N,) int64, the true classes.
        probabilities: (N, K) float32.
        params: resamples and bins.
        metrics: the split's metrics; one that is None gets no interval.
        advance: called after each of `N_STEPS` parts, so that a bar can move.
    """
    exact, predicted = exact_probabilities(probabilities), predicted_classes(probabilities)
    counts = count_confusions(label_ids, predicted, probabilities.shape[1])
    found = confusion_intervals(counts, n_resamples=params.n_bootstrap)
    advance()
    for name, values in (("log_loss", log_losses), ("brier", brier_scores)):
        found[name] = mean_interval(values(label_ids, exact), label_ids, n_resamples=params.n_bootstrap)
        advance()
    found |= top_k_intervals(label_ids, probabilities, params.top_k)
    if metrics["roc_auc"] is not None:
        found["roc_auc"] = macro_auc_interval(exact, label_ids)[1]
    advance()
    if metrics["pr_auc"] is not None:
        found["pr_auc"] = macro_average_precision_interval(exact, label_ids)[1]
    advance()
    found["ece"] = calibration_error_interval(
        exact.max(axis=1),
        predicted == label_ids,
        label_ids,
        n_bins=params.calibration_bins,
        n_resamples=params.n_bootstrap_ece,
    )
    advance()
    held = {name: replace(found[name], estimate=metrics[name]) for name in found if metrics.get(name) is not None}
    return {name: interval_record(interval) for name, interval in held.items()}


def top_k_intervals(label_ids: np.ndarray, probabilities: np.ndarray, top_k: Sequence[int]) -> dict[str, Interval]:
    """Return Wilson's interval of each top-k accuracy with k below K: a share like accuracy, and often all of them."""
    found = {}
    for k in top_k:
        if k < probabilities.shape[1]:
            hits = top_k_hits(label_ids, probabilities, k)
            found[f"top_{k}_accuracy"] = wilson(float(hits.mean()), len(hits))
    return found


def interval_record(interval: Interval) -> dict[str, Any]:
    """Return an interval as metrics.json holds it."""
    return {
        "low": interval.low,
        "high": interval.high,
        "level": interval.level,
        "method": interval.method,
        "n_resamples": interval.n_resamples,
    }


def add_class_intervals(
    per_class: Mapping[str, Mapping[str, Any]], label_ids: np.ndarray, predicted: np.ndarray
) -> dict[str, dict[str, Any]]:
    """Return each label's metrics with the ends of precision, recall and f1; None where the metric is None."""
    counts = count_confusions(label_ids, predicted, len(per_class))
    intervals = per_class_intervals(counts)
    found = {}
    for number, (label, values) in enumerate(per_class.items()):
        found[label] = dict(values)
        for name, (low, high) in intervals.items():
            defined = values[name] is not None
            found[label][f"{name}_low"] = float(low[number]) if defined else None
            found[label][f"{name}_high"] = float(high[number]) if defined else None
    return found


def overfitting(splits: Mapping[str, Mapping[str, Any]], accuracy: Mapping[str, Any]) -> dict[str, Any]:
    """Return the gaps between training and test and whether they are called overfitting, by the rule stated.

    Args:
        splits: metrics of train and test.
        accuracy: the interval of the test accuracy.
    """
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
