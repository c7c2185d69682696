"""Does a probability mean what it says: calibration error and reliability bins of the predicted class's probability."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bakeoff.statistics.bootstrap import Interval
from bakeoff.statistics.wilson import wilson_interval

ECE_METHOD = "bootstrap_basic"


def equal_width_bins(confidence: np.ndarray, n_bins: int) -> np.ndarray:
    """Return each product's bin, (N,) int64 from 0; bin b holds confidences in (b / n_bins, (b + 1) / n_bins]."""
    edges = np.linspace(0, 1, n_bins + 1)[1:-1]
    return np.digitize(confidence, edges, right=True)


def expected_calibration_error(confidence: np.ndarray, correct: np.ndarray, *, n_bins: int) -> float:
    """Return the mean over products of |accuracy - confidence| of their equal-width bin, 0 to 1.

    Args:
        confidence: (N,) probability of the predicted class.
        correct: (N,) bool.
        n_bins: bins of equal width.

    Source:
        C. Guo et al., On calibration of modern neural networks, ICML 2017, eq. 3.
    """
    return _error(equal_width_bins(confidence, n_bins), confidence - correct, n_bins)


def equal_mass_error(confidence: np.ndarray, correct: np.ndarray, *, n_bins: int) -> float:
    """Return the same with bins that hold equally many products, in order of confidence.

    Source:
        J. Nixon et al., Measuring calibration in deep learning, CVPR workshops 2019.
    """
    order = np.lexsort((correct, confidence))
    gaps = np.array_split((confidence - correct)[order], min(n_bins, len(order)))
    return float(sum(abs(gap.sum()) for gap in gaps) / len(order))


def calibration_error_interval(
    confidence: np.ndarray, correct: np.ndarray, strata: np.ndarray, *, n_bins: int, n_resamples: int, seed: int = 0
) -> Interval:
    """Return the 95 % interval of the equal-width error from resamples of the products within each true class.

    The error of a resample is too high by about as much as the estimate itself, so percentiles would lie above the
    estimate; the basic interval [2 e - q(0.975), 2 e - q(0.025)] mirrors them back. Cut at 0, it always holds e.

    Args:
        confidence: (N,) probability of the predicted class.
        correct: (N,) bool.
        strata: (N,) true classes.
        n_bins: bins of equal width.
        n_resamples: of the bootstrap.
        seed: of the draws.

    Source:
        A. C. Davison and D. V. Hinkley, Bootstrap Methods and their Application (1997), eq. 5.6.
    """
    order = np.argsort(strata, kind="stable")
    bins, gaps = equal_width_bins(confidence, n_bins)[order], (confidence - correct)[order]
    _, starts, sizes = np.unique(strata[order], return_index=True, return_counts=True)
    first, size = np.repeat(starts, sizes), np.repeat(sizes, sizes)
    errors = [_error(bins[rows], gaps[rows], n_bins) for rows in _resamples(first, size, n_resamples, seed)]
    estimate = _error(bins, gaps, n_bins)
    below, above = np.quantile(errors, [0.025, 0.975])
    low, high = 2 * estimate - float(above), 2 * estimate - float(below)
    return Interval(min(max(low, 0.0), estimate), min(max(high, estimate), 1.0), ECE_METHOD, n_resamples)


def reliability_bins(confidence: np.ndarray, correct: np.ndarray, *, n_bins: int) -> list[dict[str, Any]]:
    """Return for each equal-width bin its ends, products, mean confidence, accuracy and Wilson's 95 % interval.

    An empty bin has n = 0 and None for the rest.
    """
    bins, edges = equal_width_bins(confidence, n_bins), np.linspace(0, 1, n_bins + 1).tolist()
    rows = []
    for number in range(n_bins):
        inside = bins == number
        row: dict[str, Any] = {"low": edges[number], "high": edges[number + 1], "n": int(inside.sum())}
        row["confidence"] = float(confidence[inside].mean()) if inside.any() else None
        rows.append(row | accuracy_of(correct[inside]))
    return rows


def accuracy_of(correct: np.ndarray) -> dict[str, float | None]:
    """Return accuracy, accuracy_low and accuracy_high (Wilson, 95 %) of (n,) bool; None without products."""
    if len(correct) == 0:
        return {"accuracy": None, "accuracy_low": None, "accuracy_high": None}
    accuracy = float(correct.mean())
    low, high = wilson_interval(accuracy, len(correct))
    return {"accuracy": accuracy, "accuracy_low": low, "accuracy_high": high}


def _error(bins: np.ndarray, gaps: np.ndarray, n_bins: int) -> float:
    return float(np.abs(np.bincount(bins, weights=gaps, minlength=n_bins)).sum() / len(gaps))


def _resamples(first: np.ndarray, size: np.ndarray, n_resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield row numbers, (N,) int64, each drawn with replacement from its own stratum first to first + size - 1."""
    generator = np.random.default_rng(seed)
    for _ in range(n_resamples):
        yield first + (generator.random(len(first)) * size).astype(np.int64)
