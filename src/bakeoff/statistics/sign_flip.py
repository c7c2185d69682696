"""Two candidates with several trainings each: McNemar's exact test for hit rates instead of hits."""

import numpy as np
from scipy.signal import fftconvolve
from scipy.stats import binom

from bakeoff.statistics.groups import group_sums


def sign_flip(hits_a: np.ndarray, hits_b: np.ndarray, n_seeds: int, *, groups: np.ndarray | None = None) -> float:
    """Return the two-sided p-value of the exact paired sign-flip test on numbers of right trainings per product.

    Under the null hypothesis each product's difference is as likely to have the other sign; the test sums the
    probability of every assignment of signs whose total is at least as far from 0 as the observed one. With one
    training each this is McNemar's exact test. Hits (N,) say how many of a candidate's `n_seeds` trainings are right on
    each product. Products of one of the `groups` (N,) change their sign together.

    Source:
        R. A. Fisher, The Design of Experiments (1935), section 21; the distribution of the sum is the convolution of
        one scaled binomial per size of difference.
    """
    differences = np.rint(group_sums(hits_a - hits_b, groups)).astype(np.int64)
    total = abs(int(differences.sum()))
    sizes = np.bincount(np.abs(differences), minlength=n_seeds + 1)
    mass = np.ones(1)  # of (sum + span) / 2, one step per 2 in the sum
    for size in range(1, len(sizes)):
        if sizes[size]:
            spread = np.zeros(size * int(sizes[size]) + 1)
            spread[::size] = binom.pmf(np.arange(sizes[size] + 1), sizes[size], 0.5)
            mass = fftconvolve(mass, spread)
    span = len(mass) - 1
    sums = 2 * np.arange(len(mass)) - span
    return float(np.clip(mass[np.abs(sums) >= total].sum(), 0.0, 1.0))
