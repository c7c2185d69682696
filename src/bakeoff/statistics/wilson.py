"""How sure an accuracy on few products is."""

from __future__ import annotations

import math

Z_95 = 1.959963984540054


def wilson_interval(accuracy: float, n: int, *, z: float = Z_95) -> tuple[float, float]:
    """Return the score interval of a share, in [0, 1].

    Args:
        accuracy: share of correct products, in [0, 1]; a mean over seeds need not be a whole number of products.
        n: number of products.
        z: normal quantile, 1.96 for 95 %.

    Source:
        E. B. Wilson, Probable inference, the law of succession, and statistical inference, J. Am. Stat. Assoc. 22
        (1927) 209-212, DOI 10.1080/01621459.1927.10502953; without continuity correction.
    """
    if n < 1:
        return 0.0, 1.0
    shrink = 1 + z * z / n
    centre = (accuracy + z * z / (2 * n)) / shrink
    half = z / shrink * math.sqrt(accuracy * (1 - accuracy) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)
