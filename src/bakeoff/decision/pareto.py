"""Which candidates no other beats on both of two measures."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def pareto_front(costs: ArrayLike, gains: ArrayLike) -> np.ndarray:
    """Return which points no other point dominates.

    A point dominates another if its cost is no higher, its gain no lower, and one of the two is better. Equal points
    are both on the front; a point with a NaN is never on it and dominates nothing.

    Args:
        costs: (N,) the measure to keep low, e.g. latency in ms.
        gains: (N,) the measure to keep high, e.g. accuracy.

    Returns:
        (N,) bool.
    """
    cost = np.asarray(costs, dtype=float)
    gain = np.asarray(gains, dtype=float)
    known = ~(np.isnan(cost) | np.isnan(gain))
    no_worse = (cost[:, None] <= cost[None, :]) & (gain[:, None] >= gain[None, :])
    better = (cost[:, None] < cost[None, :]) | (gain[:, None] > gain[None, :])
    dominated = (no_worse & better & known[:, None]).any(axis=0)
    return known & ~dominated
