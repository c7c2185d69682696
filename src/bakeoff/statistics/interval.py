"""What an interval is, two ends that hold the estimate between them; and how sure a share of few products is."""

from dataclasses import dataclass
from typing import Any

import numpy as np

LEVEL = 0.95
"""Share of test sets whose interval holds the true value."""
Z_95 = 1.959963984540054


def hold(estimate: Any, low: Any, high: Any) -> tuple[Any, Any]:
    """Return the ends, moved to the estimate where it lies beyond them; numbers or arrays.

    Wilson's upper end of 13 of 13 is 0.9999999999999998 in float64, and bias-corrected percentiles may leave the
    estimate out altogether. No other code moves an end to its estimate.
    """
    return np.minimum(low, estimate), np.maximum(high, estimate)


@dataclass(frozen=True)
class Interval:
    """An estimate, its interval and where that comes from; `n_resamples` is None for a closed formula."""

    estimate: float
    low: float
    high: float
    method: str
    n_resamples: int | None = None
    level: float = LEVEL

    def __post_init__(self) -> None:
        """Hold the estimate, also one that `dataclasses.replace` puts in."""
        for name, end in zip(("low", "high"), hold(self.estimate, self.low, self.high), strict=True):
            object.__setattr__(self, name, float(end))


def wilson_interval(accuracy: float, n: float) -> tuple[float, float]:
    """Return the 95 % score interval of a share of n products, in [0, 1]; it holds the share.

    A mean over seeds need not be a whole number of products, nor is what grouped products are worth.

    Source:
        E. B. Wilson, Probable inference, the law of succession, and statistical inference, J. Am. Stat. Assoc. 22
        (1927) 209-212, DOI 10.1080/01621459.1927.10502953; without continuity correction.
    """
    low, high = wilson_intervals(np.array([accuracy]), np.array([n]))
    return float(low[0]), float(high[0])


def wilson_intervals(shares: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the same of M shares (M,) of n products each (M,): low and high, (M,); [0, 1] where n is 0."""
    z, size = Z_95, np.maximum(n, 1)
    shrink = 1 + z * z / size
    centre = (shares + z * z / (2 * size)) / shrink
    half = z / shrink * np.sqrt(shares * (1 - shares) / size + z * z / (4 * size * size))
    low, high = hold(shares, np.maximum(0.0, centre - half), np.minimum(1.0, centre + half))
    return np.where(n < 1, 0.0, low), np.where(n < 1, 1.0, high)


def wilson(share: float, n: float) -> Interval:
    """Return a share's 95 % interval."""
    return Interval(share, *wilson_interval(share, n), "wilson")
