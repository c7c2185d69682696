"""Means over splits whose training sets overlap, with the standard error that takes this into account.

Source: Nadeau and Bengio (2003), Inference for the Generalization Error, Machine Learning 52, 239-281, section 4.1.1,
doi:10.1023/A:1024068626366: the variance of a mean over J splits is (1/J + n_test/n_train) s², not s²/J.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from bakeoff.core.errors import EvaluationError


@dataclass(frozen=True)
class SplitMean:
    """A mean over splits, in the unit of the values; `p_value` is two-sided, for a true mean of 0; 1 without spread."""

    mean: float
    sd: float
    standard_error: float
    standard_error_uncorrected: float
    low: float
    high: float
    p_value: float


def split_mean(values: np.ndarray, *, test_to_train: float) -> SplitMean:
    """Return the mean of values (J,), one per split, with the corrected resampled t interval at 95 %, J - 1 degrees.

    J is at least 2; `test_to_train` is n_test / n_train of one split, above 0.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise EvaluationError(f"a mean over splits needs two finite values or more, got {values.tolist()}.")
    if not test_to_train > 0:
        raise EvaluationError(f"n_test / n_train must be above 0, got {test_to_train}; see split.test and split.train.")
    n_splits, mean, sd = len(values), float(values.mean()), float(values.std(ddof=1))
    error = sd * math.sqrt(1 / n_splits + test_to_train)
    half = float(stats.t.ppf(0.975, n_splits - 1)) * error
    # A few splits that agree to the product show how coarse accuracies are, not that there is no chance.
    p_value = float(2 * stats.t.sf(abs(mean) / error, n_splits - 1)) if error else 1.0
    return SplitMean(mean, sd, error, sd / math.sqrt(n_splits), mean - half, mean + half, p_value)


def ranks(table: np.ndarray) -> np.ndarray:
    """Return the ranks (M, J) int of M candidates in each of J splits, 1 = highest; tied ones share the better rank."""
    return stats.rankdata(-np.asarray(table, dtype=np.float64), method="min", axis=0).astype(int)
