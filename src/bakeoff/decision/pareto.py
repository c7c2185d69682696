"""Which candidates no other beats on both of two measures."""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from bakeoff.decision.measures import MEASURES, Measure
from bakeoff.decision.summary import Summary


class Plane(NamedTuple):
    """Two measures, and the candidates that are excluded from the front."""

    x: Measure
    y: Measure
    excluded: Collection[str] = ()

    @classmethod
    def of(cls, names: Sequence[str], excluded: Collection[str] = ()) -> Self:
        """Return the plane of two measures by name, x first."""
        x, y = (MEASURES[name] for name in names)
        return cls(x, y, excluded)

    def point(self, item: Summary) -> tuple[float, float]:
        """Return where a candidate lies, NaN where a measure is unknown or not comparable."""
        return self.x.value(item), self.y.value(item)


def front(summaries: Sequence[Summary], plane: Plane) -> list[Summary]:
    """Return the Pareto front of the candidates that are not excluded, the best on the first measure first."""
    items = [item for item in summaries if item.candidate not in plane.excluded]
    x, y = ([measure.value(item) for item in items] for measure in (plane.x, plane.y))
    costs = np.negative(x) if plane.x.more_is_better else np.asarray(x)
    gains = np.asarray(y) if plane.y.more_is_better else np.negative(y)
    kept = [item for item, keep in zip(items, pareto_front(costs, gains), strict=True) if keep]
    return sorted(kept, key=plane.point, reverse=plane.x.more_is_better)


def pareto_front(costs: ArrayLike, gains: ArrayLike) -> np.ndarray:
    """Return which points no other point dominates, (N,) bool, by costs (N,) to keep low and gains (N,) to keep high.

    A point dominates another if its cost is no higher, its gain no lower, and one of the two is better. Equal points
    are both on the front; a point with a NaN is never on it and dominates nothing.
    """
    cost, gain = np.asarray(costs, dtype=float), np.asarray(gains, dtype=float)
    known = ~(np.isnan(cost) | np.isnan(gain))
    no_worse = (cost[:, None] <= cost[None, :]) & (gain[:, None] >= gain[None, :])
    better = (cost[:, None] < cost[None, :]) | (gain[:, None] > gain[None, :])
    dominated = (no_worse & better & known[:, None]).any(axis=0)
    return known & ~dominated
