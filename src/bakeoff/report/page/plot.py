"""Where things lie in the page's SVG pictures: linear and logarithmic scales with matplotlib's choice of ticks."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from matplotlib.ticker import LogLocator, MaxNLocator

LOG_RANGE = 10.0  # from this ratio of largest to smallest value on, a scale is logarithmic


@dataclass(frozen=True)
class Scale:
    """Maps values to px: `low` lies at `start`, `high` at `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return where `value` lies, px to one decimal."""
        low, high, at = (
            (math.log(x) for x in (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        )
        return round(self.start + (at - low) / ((high - low) or 1.0) * (self.end - self.start), 1)

    def ticks(self, n: int = 6) -> list[float]:
        """Return round values between low and high, about `n` of them."""
        locator = LogLocator(subs=(1.0, 2.0, 5.0)) if self.log else MaxNLocator(nbins=n, steps=[1, 2, 2.5, 5, 10])
        values = locator.tick_values(self.low, self.high)
        return [float(value) for value in values if self.low <= value <= self.high]


def scale_around(values: Iterable[float], start: float, end: float, *, margin: float = 0.08) -> Scale:
    """Return a scale that holds the values with a margin at both ends; logarithmic over a factor of ten or more."""
    known = list(values)
    low, high = min(known), max(known)
    if low > 0 and high / low >= LOG_RANGE:
        factor = (high / low) ** margin
        return Scale(low / factor, high * factor, start, end, log=True)
    span = (high - low) or abs(high) * 0.2 or 1.0
    bottom = low - margin * span
    return Scale(max(0.0, bottom) if low >= 0 else bottom, high + margin * span, start, end)


class Plot(NamedTuple):
    """The two scales of a picture, by which its template places values."""

    x: Scale
    y: Scale

    def at(self, point: tuple[float, float]) -> tuple[float, float]:
        """Return where a pair of values lies, px."""
        return self.x(point[0]), self.y(point[1])

    def line(self, points: Iterable[tuple[float, float]]) -> str:
        """Return `x,y x,y …`, px, for an SVG polyline through pairs of values."""
        return " ".join(f"{x:g},{y:g}" for x, y in map(self.at, points))
