"""Bins that hold about equally many products, for calibration errors and comparisons of calibration."""

import numpy as np


def equal_mass_bins(values: np.ndarray, n_bins: int) -> np.ndarray:
    """Return each value's bin, (N,) int64 from 0 in ascending order; equal values are always in the same bin.

    Without ties the sizes of the bins differ by one at most, larger ones first. Values that are equal all go where the
    middle one of them would lie, so that some bins may stay empty. `values` (N,) are finite, `n_bins` is 1 or more.
    """
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    sizes = [len(part) for part in np.array_split(inverse, n_bins)]
    middle = np.cumsum(counts) - counts + (counts - 1) // 2
    return np.repeat(np.arange(n_bins), sizes)[middle][inverse]
