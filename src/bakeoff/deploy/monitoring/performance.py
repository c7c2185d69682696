"""How good the candidate is on new products: counted where labels are known, estimated where they are not."""

from typing import Any

import numpy as np

from bakeoff.deploy.monitoring.sample import Sample
from bakeoff.evaluation.reliability import equal_mass_error
from bakeoff.statistics.bootstrap import mean_interval
from bakeoff.statistics.matrix import count_confusions
from bakeoff.statistics.two_sample import detectable_drop, difference_of_shares
from bakeoff.statistics.wilson import wilson_interval

_RESAMPLES, _N_BINS = 2000, 15


def measure_performance(test_split: Sample, new: Sample, labels: list[str], *, alpha: float = 0.05) -> dict[str, Any]:
    """Return accuracy with Wilson's interval beside the test split's, recall per class, confusion, calibration.

    Args:
        test_split: the test products.
        new: new products, all of them labelled.
        labels: K class names.
        alpha: level at which a drop must show: that of a family of tests by their number.
    """
    first, second = (sample.predicted == sample.label_ids for sample in (test_split, new))
    hits, sizes = (int(first.sum()), int(second.sum())), (len(first), len(second))
    found = difference_of_shares(hits, sizes)
    return {
        "accuracy": share_record(hits[1], sizes[1]),
        "accuracy_at_deployment": share_record(hits[0], sizes[0]),
        "difference": {"value": found.difference, "low": found.low, "high": found.high, "p_value": found.p_value},
        "detectable_drop": min(hits[0] / sizes[0], detectable_drop(hits[0] / sizes[0], sizes, alpha=alpha)),
        "per_class": _recalls(test_split, new, labels),
        "confusion": {"labels": labels, "counts": count_confusions(new.label_ids, new.predicted, len(labels)).tolist()},
        "calibration": {
            "ece": equal_mass_error(new.confidence, second, n_bins=_N_BINS),
            "ece_at_deployment": equal_mass_error(test_split.confidence, first, n_bins=_N_BINS),
            "mean_confidence": float(new.confidence.mean()),
            "n": sizes[1],
            "n_at_deployment": sizes[0],
        },
    }


def estimate_accuracy(reference: Sample, new: Sample, test_split: Sample) -> dict[str, Any]:
    """Return what the accuracy may be without labels: by the mean confidence, and by a threshold on it.

    Both take for granted that confidence means on the new products what it meant in the study; the intervals hold the
    chance of drawing these products only.

    Args:
        reference: labelled products of the study.
        new: the new products.
        test_split: the test products, for the accuracy at deployment.

    Source:
        S. Garg et al., Leveraging unlabeled data to predict out-of-distribution performance, ICLR 2022,
        arXiv:2201.04234, equation 1 (ATC with maximum confidence).
    """
    interval = mean_interval(new.confidence, None, n_resamples=_RESAMPLES)
    correct = reference.predicted == reference.label_ids
    n_wrong = int((~correct).sum())
    ordered = np.sort(reference.confidence)
    threshold = float(ordered[n_wrong - 1]) if n_wrong else -np.inf
    above = int((new.confidence > threshold).sum())
    return {
        "is_estimate": True,
        "average_confidence": {
            "value": float(new.confidence.mean()),
            "low": interval.low,
            "high": interval.high,
            "n": len(new),
            "method": interval.method,
        },
        "threshold_on_confidence": {**share_record(above, len(new)), "threshold": max(threshold, 0.0)},
        "accuracy_at_deployment": share_record(
            int((test_split.predicted == test_split.label_ids).sum()), len(test_split)
        ),
    }


def share_record(hits: int, n: int) -> dict[str, Any]:
    """Return a share with Wilson's 95 % interval."""
    low, high = wilson_interval(hits / n, n)
    return {"value": hits / n, "low": low, "high": high, "n": n, "n_hits": hits, "method": "wilson"}


def _recalls(test_split: Sample, new: Sample, labels: list[str]) -> dict[str, Any]:
    """Return each class's recall, null where it has no new product."""
    found: dict[str, Any] = {}
    for label_id, label in enumerate(labels):
        found[label] = {}
        for name, sample in (("new", new), ("at_deployment", test_split)):
            mine = sample.predicted[sample.label_ids == label_id]
            found[label][name] = share_record(int((mine == label_id).sum()), len(mine)) if len(mine) else None
    return found
