"""What an interval is: two ends that hold the estimate between them, whatever rounding and strong bias say."""

from dataclasses import dataclass
from typing import Any

import numpy as np

LEVEL = 0.95
"""Share of test sets whose interval holds the true value."""


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
