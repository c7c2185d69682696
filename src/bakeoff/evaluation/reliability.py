"""Does a probability mean what it says: calibration error and reliability bins of the predicted class's probability."""

from dataclasses import replace
from typing import Any

import numpy as np

from bakeoff.statistics.binning import equal_mass_bins
from bakeoff.statistics.bootstrap import statistic_interval
from bakeoff.statistics.groups import widen
from bakeoff.statistics.interval import Interval, wilson_interval


def equal_width_bins(confidence: np.ndarray, n_bins: int) -> np.ndarray:
    """Return each product's bin, (N,) int64 from 0; bin b holds confidences in (b / n_bins, (b + 1) / n_bins]."""
    edges = np.linspace(0, 1, n_bins + 1)[1:-1]
    return np.digitize(confidence, edges, right=True)


def expected_calibration_error(confidence: np.ndarray, correct: np.ndarray, *, n_bins: int) -> float:
    """Return the mean over products of |accuracy - confidence| of their equal-width bin, 0 to 1.

    `confidence` (N,) is the probability of the predicted class, `correct` (N,) bool whether that is right.

    Source:
        C. Guo et al., On calibration of modern neural networks, ICML 2017, eq. 3.
    """
    return _error(equal_width_bins(confidence, n_bins), confidence - correct, n_bins)


def equal_mass_error(confidence: np.ndarray, correct: np.ndarray, *, n_bins: int) -> float:
    """Return the same with bins that hold about equally many products, in order of confidence; ties share a bin.

    Source:
        J. Nixon et al., Measuring calibration in deep learning, CVPR workshops 2019.
    """
    return _error(equal_mass_bins(confidence, n_bins), confidence - correct, n_bins)


def calibration_error_interval(
    confidence: np.ndarray, correct: np.ndarray, strata: np.ndarray, *, n_bins: int, n_resamples: int, copies: float = 1
) -> Interval:
    """Return an approximate 95 % interval of the equal-width error: see `statistic_interval`.

    It starts at 0 unless fewer than 2.5 % of the test sets of a calibrated model would have as large an error. `strata`
    (N,) are true classes; `n_resamples` are of the bootstrap, and of a calibrated model; `copies` is the mean size of a
    product's group (`bakeoff.statistics.groups`).

    Source:
        J. Broecker and L. A. Smith, Increasing the reliability of reliability diagrams, Weather Forecast. 22 (2007)
        651-661, DOI 10.1175/WAF993.1: consistency resampling, right answers drawn with the stated probabilities.
    """
    bins, gaps, rng = equal_width_bins(confidence, n_bins), confidence - correct, np.random.default_rng(0)
    found = statistic_interval(lambda rows: _error(bins[rows], gaps[rows], n_bins), strata, n_resamples)
    chance = [_error(bins, confidence - (rng.random(len(bins)) < confidence), n_bins) for _ in range(n_resamples)]
    if found.estimate <= np.quantile(chance, 0.975) * copies**0.5:
        found = replace(found, low=0.0)
    return widen(replace(found, method="bootstrap_basic_approximate"), copies, (0.0, 1.0))


def reliability_bins(
    confidence: np.ndarray, correct: np.ndarray, n_bins: int, copies: float = 1
) -> list[dict[str, Any]]:
    """Return each equal-width bin's ends, n, mean confidence, accuracy and Wilson's 95 % interval; None if n is 0."""
    bins, edges = equal_width_bins(confidence, n_bins), np.linspace(0, 1, n_bins + 1).tolist()
    rows = []
    for number in range(n_bins):
        inside = bins == number
        row: dict[str, Any] = {"low": edges[number], "high": edges[number + 1], "n": int(inside.sum())}
        row["confidence"] = float(confidence[inside].mean()) if inside.any() else None
        rows.append(row | accuracy_of(correct[inside], copies))
    return rows


def accuracy_of(correct: np.ndarray, copies: float) -> dict[str, float | None]:
    """Return accuracy, accuracy_low and accuracy_high (Wilson, 95 %) of (n,) bool; None without products."""
    if len(correct) == 0:
        return {"accuracy": None, "accuracy_low": None, "accuracy_high": None}
    accuracy = float(correct.mean())
    low, high = wilson_interval(accuracy, max(1, len(correct) / copies))
    return {"accuracy": accuracy, "accuracy_low": low, "accuracy_high": high}


def _error(bins: np.ndarray, gaps: np.ndarray, n_bins: int) -> float:
    return float(np.abs(np.bincount(bins, weights=gaps, minlength=n_bins)).sum() / len(gaps))
