"""The power law that error follows as training data grow, fitted to many resamples of a curve at once."""

from dataclasses import dataclass

import numpy as np

_EXPONENTS = np.geomspace(0.05, 2, 60)


@dataclass(frozen=True)
class PowerLaws:
    """error(n) = a + b * n^-c, of each of B curves: a, b, c (B,), none below 0."""

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray

    def __call__(self, n: np.ndarray) -> np.ndarray:
        """Return the errors at n (M,) training photos, (B, M)."""
        return self.a[:, None] + self.b[:, None] * np.asarray(n, dtype=np.float64)[None] ** -self.c[:, None]


def fit_power_laws(n: np.ndarray, errors: np.ndarray, weights: np.ndarray) -> PowerLaws:
    """Return the laws nearest to the curves by weighted least squares, with a >= 0, b >= 0 and c from 0.05 to 2.

    For each of 60 exponents the best a and b have a closed form; the exponent that leaves least is kept.

    Args:
        n: training photos at each of S points, (S,).
        errors: (B, S) shares in [0, 1].
        weights: (S,), one over the variance of each point.

    Source:
        J. Hestness et al., Deep learning scaling is predictable, empirically, arXiv:1712.00409 (2017), section 3; with
        an asymptote as in R. L. Figueroa et al., Predicting sample size required for classification performance, BMC
        Med. Inform. Decis. Mak. 12 (2012) 8, DOI 10.1186/1472-6947-12-8.
    """
    share = weights / weights.sum()
    x = (n / n.max())[None] ** -_EXPONENTS[:, None]  # (C, S)
    mean_x, mean_e = x @ share, errors @ share
    slope = ((errors * share) @ x.T - np.outer(mean_e, mean_x)) / ((x * x) @ share - mean_x**2)
    at_zero = mean_e[:, None] < slope * mean_x  # a would be negative
    slope = np.clip(np.where(at_zero, (errors * share) @ x.T / ((x * x) @ share), slope), 0, None)
    level = np.where(at_zero, 0, mean_e[:, None] - slope * mean_x)
    left = (((errors[:, None] - level[..., None] - slope[..., None] * x) ** 2) * share).sum(axis=2)
    best = left.argmin(axis=1)
    rows = np.arange(len(errors))
    c = _EXPONENTS[best]
    return PowerLaws(level[rows, best], slope[rows, best] * n.max() ** c, c)
