"""The power law that error follows as training data grow, fitted to many resamples of a curve at once."""

from typing import NamedTuple

import numpy as np

_EXPONENTS = np.geomspace(0.05, 2, 60)


class PowerLaws(NamedTuple):
    """error(n) = a + b * n^-c, of each of B curves: a, b, c (B,), none below 0."""

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray

    def errors(self, n: np.ndarray) -> np.ndarray:
        """Return the errors at n (M,) training photos, (B, M)."""
        return self.a[:, None] + self.b[:, None] * n ** -self.c[:, None]


def fit_power_laws(n: np.ndarray, errors: np.ndarray, weights: np.ndarray) -> PowerLaws:
    """Return the laws nearest to errors (B, S) at n (S,) photos by least squares with weights (S,).

    For each of 60 exponents from 0.05 to 2 the best a and b >= 0 have a closed form; the one that leaves least is kept.

    Source:
        J. Hestness et al., Deep learning scaling is predictable, empirically, arXiv:1712.00409 (2017), section 3; with
        an asymptote as in R. L. Figueroa et al., BMC Med. Inform. Decis. Mak. 12 (2012) 8, DOI 10.1186/1472-6947-12-8.
    """
    share = weights / weights.sum()
    x = (n / n.max()) ** -_EXPONENTS[:, None]  # (C, S)
    mean_x, mean_error = x @ share, (errors @ share)[:, None]
    products, squares = (errors * share) @ x.T, (x * x) @ share
    slope = (products - mean_error * mean_x) / (squares - mean_x**2)  # (B, C)
    at_zero = mean_error < slope * mean_x  # a would be negative
    slope = np.clip(np.where(at_zero, products / squares, slope), 0, None)
    level = np.where(at_zero, 0, mean_error - slope * mean_x)
    left = (((errors[:, None] - level[..., None] - slope[..., None] * x) ** 2) @ share).argmin(axis=1)
    rows, c = np.arange(len(errors)), _EXPONENTS[left]
    return PowerLaws(level[rows, left], slope[rows, left] * n.max() ** c, c)
