"""How good the candidate is on new products: counted where labels are known, estimated where they are not."""

from typing import Any

import numpy as np

from bakeoff.deploy.monitoring.sample import Sample
from bakeoff.evaluation.reliability import equal_mass_error
from bakeoff.statistics.bootstrap import mean_interval
from bakeoff.statistics.interval import wilson_interval
from bakeoff.statistics.matrix import count_confusions
from bakeoff.statistics.two_sample import detectable_drop, difference_of_shares

_RESAMPLES, _N_BINS = 2000, 15


def measure_performance(test_split: Sample, new: Sample, labels: list[str], *, alpha: float = 0.05) -> dict[str, Any]:
    """Return accuracy with Wilson's interval beside the test split's, recall per class, confusion, calibration.

    All new products are labelled; a drop must show at level `alpha`: that of a family of tests by their number.
    """
    first, second = (sample.predicted == sample.label_ids for sample in (test_split, new))
    (hits, n), n_new = count_reference(test_split), len(second)
    found = difference_of_shares((hits, int(second.sum())), (n, n_new))
    return {
        "accuracy": share_record(int(second.sum()), n_new),
        "accuracy_at_deployment": _at_deployment(test_split),
        "difference": {"value": found.difference, "low": found.low, "high": found.high, "p_value": found.p_value},
        "detectable_drop": detectable_drop(hits, (n, n_new), alpha=alpha),
        "per_class": _recalls(test_split, new, labels),
        "confusion": {"labels": labels, "counts": count_confusions(new.label_ids, new.predicted, len(labels)).tolist()},
        "calibration": {
            "ece": equal_mass_error(new.confidence, second, n_bins=_N_BINS),
            "ece_at_deployment": equal_mass_error(test_split.confidence, first, n_bins=_N_BINS),
            "mean_confidence": float(new.confidence.mean()),
            "n": n_new,
            "n_at_deployment": len(first),
        },
    }


def count_reference(test_split: Sample) -> tuple[int, int]:
    """Return right answers and products: the accuracy at deployment, which verdict and text hold new ones against.

    Right answers are those to expect of a winner: as many as it had would make every new set look like a drop.
    """
    measured = int((test_split.predicted == test_split.label_ids).sum())
    n = len(test_split)
    return min(n, max(0, round(measured - test_split.luck * n))), n


def _at_deployment(test_split: Sample) -> dict[str, Any]:
    right = test_split.predicted == test_split.label_ids
    return share_record(*count_reference(test_split)) | {"measured": float(right.mean())}


def estimate_accuracy(reference: Sample, new: Sample, test_split: Sample) -> dict[str, Any]:
    """Return what the accuracy may be without labels: by the mean confidence, and by a threshold on it.

    Both take for granted that confidence means on the new products what it meant in the study. The interval of the mean
    holds the chance of drawing these new products only, that of the threshold also the chance of drawing the reference.

    Source: S. Garg et al., Leveraging unlabeled data to predict out-of-distribution performance, ICLR 2022,
    arXiv:2201.04234, equation 1 (ATC with maximum confidence).
    """
    mean, n = mean_interval(new.confidence, None, n_resamples=_RESAMPLES), len(new)
    average = {"value": mean.estimate, "low": mean.low, "high": mean.high, "n": n, "method": mean.method}
    wrong = reference.predicted != reference.label_ids
    threshold = _fit_threshold(reference.confidence, wrong)
    above = share_record(int((new.confidence > threshold).sum()), n) | {"method": "bootstrap_both"}
    low, high = _threshold_ends(reference.confidence, wrong, new.confidence)
    ends = {"low": min(above["low"], float(low)), "high": max(above["high"], float(high))}
    return {
        "is_estimate": True,
        "average_confidence": average,
        "threshold_on_confidence": {**above, **ends, "threshold": max(threshold, 0.0)},
        "accuracy_at_deployment": _at_deployment(test_split),
    }


def _fit_threshold(confidence: np.ndarray, wrong: np.ndarray) -> float:
    """Return the confidence (N,) that as many products do not exceed as are wrong (N,)."""
    n_wrong = int(wrong.sum())
    return float(np.partition(confidence, n_wrong - 1)[n_wrong - 1]) if n_wrong else -np.inf


def _threshold_ends(confidence: np.ndarray, wrong: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return the 95 % percentiles of the share of `new` (M,) above a threshold, both samples resampled.

    On average a coin decides about one product a resample: a reference (N,) without a wrong answer would never vary.
    """
    rng, n = np.random.default_rng(0), len(confidence)
    chance = (n * wrong + 0.5) / (n + 1)
    draws = (rng.integers(n, size=n) for _ in range(_RESAMPLES))
    thresholds = [_fit_threshold(confidence[rows], rng.random(n) < chance[rows]) for rows in draws]
    shares = 1 - np.searchsorted(np.sort(new), thresholds, side="right") / len(new)
    return np.quantile(rng.binomial(len(new), shares) / len(new), [0.025, 0.975])


def share_record(hits: int, n: int) -> dict[str, Any]:
    """Return a share with Wilson's 95 % interval."""
    low, high = wilson_interval(hits / n, n)
    return {"value": hits / n, "low": low, "high": high, "n": n, "n_hits": hits, "method": "wilson"}


def _recalls(test_split: Sample, new: Sample, labels: list[str]) -> dict[str, Any]:
    """Return each class's recall, null where it has no new product."""

    def recall(sample: Sample, label_id: int) -> dict[str, Any] | None:
        mine = sample.predicted[sample.label_ids == label_id]
        return share_record(int((mine == label_id).sum()), len(mine)) if len(mine) else None

    return {name: {"new": recall(new, n), "at_deployment": recall(test_split, n)} for n, name in enumerate(labels)}
