"""Products that belong together, such as near duplicates, count in an interval as if all had got the same answer.

A mean over n products then has the variance of one over n / copies, `copies` being the mean size of a product's group
(L. Kish, Survey Sampling (1965), section 8.2: the design effect of clusters, correlation 1). Where answers within a
group do differ, intervals are wider than they need be, never narrower.
"""

from dataclasses import replace

import numpy as np

from bakeoff.statistics.interval import Interval


def group_sizes(groups: np.ndarray | None, n: int) -> np.ndarray:
    """Return the size of the group of each of n products, (N,) float64; 1 where `groups` (N,) is None."""
    if groups is None:
        return np.ones(n)
    _, inverse, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return counts[inverse].astype(np.float64)


def group_sums(values: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Return each group's sum of values (N,), (M,) float64; the values themselves without groups."""
    if groups is None:
        return values
    return np.bincount(np.unique(groups, return_inverse=True)[1], weights=values)


def class_copies(sizes: np.ndarray, label_ids: np.ndarray, n_labels: int) -> np.ndarray:
    """Return `copies` of each class, (K,); 1 for a class that does not occur."""
    n = np.bincount(label_ids, minlength=n_labels)
    return np.maximum(np.bincount(label_ids, weights=sizes, minlength=n_labels) / np.maximum(n, 1), 1)


def macro_copies(sizes: np.ndarray, label_ids: np.ndarray) -> float:
    """Return `copies` of a mean over classes, in which a product of a small class counts more."""
    return float(np.average(sizes, weights=1 / np.bincount(label_ids)[label_ids] ** 2.0))


def widen(interval: Interval, copies: float, bounds: tuple[float, float]) -> Interval:
    """Return the interval with ends sqrt(copies) as far from the estimate, copies as far where that is at a bound."""
    factor = copies if interval.estimate in bounds else copies**0.5
    ends = (interval.estimate + factor * (end - interval.estimate) for end in (interval.low, interval.high))
    low, high = np.clip(list(ends), *bounds) if factor > 1 else (interval.low, interval.high)
    return replace(interval, low=low, high=high)
