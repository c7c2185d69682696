"""Whether two independent samples come from one population: numbers, shares, vectors, accuracies, calibration.

Permutation tests hold their level at any sample size; their p-values are (1 + n extreme) / (1 + n permutations).
"""

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import binom, fisher_exact, ks_2samp

from bakeoff.core.errors import EvaluationError
from bakeoff.statistics.binning import equal_mass_bins
from bakeoff.statistics.interval import hold, wilson_interval

POWER = 0.8
_EXACT_UP_TO = 500
_COUNTS_TRIED = 30
_PERMUTATIONS_AT_ONCE = 250
_BINS = 10
_PSI_FLOOR = 0.5
"""Added to every count, so that an empty class does not make the index infinite."""


@dataclass(frozen=True)
class TwoSample:
    """A test's statistic and p-value."""

    statistic: float
    p_value: float


@dataclass(frozen=True)
class ShareDifference:
    """How far the second of two shares is from the first, with its 95 % interval."""

    difference: float
    low: float
    high: float
    p_value: float


def kolmogorov_smirnov(first: np.ndarray, second: np.ndarray) -> TwoSample:
    """Return the two-sided test of numbers (n,), (m,): D, the largest gap; exact to 500 each, cautious with ties."""
    _need(len(first), len(second), least=1)
    method = "exact" if max(len(first), len(second)) <= _EXACT_UP_TO else "asymp"
    found = ks_2samp(first, second, method=method)
    return TwoSample(float(found.statistic), float(found.pvalue))


def shares_test(
    first: np.ndarray, second: np.ndarray, n_labels: int, *, seed: int = 0, n_permutations: int = 1999
) -> TwoSample:
    """Return Pearson's chi-square of two samples of class indices (n,), (m,), its p-value by permutation.

    Permuting the samples leaves the margins as they are, so tables are drawn from the multivariate hypergeometric
    distribution; small expected counts do no harm.
    """
    _need(len(first), len(second), least=1)
    counts = np.stack([np.bincount(first, minlength=n_labels), np.bincount(second, minlength=n_labels)])
    totals, sizes = counts.sum(axis=0), counts.sum(axis=1)
    rng = np.random.default_rng(seed)
    drawn = rng.multivariate_hypergeometric(totals, int(sizes[1]), size=n_permutations, method="marginals")
    values = _chi_square(np.concatenate([counts[1:], drawn]), totals, sizes)
    return TwoSample(float(values[0]), _permutation_p(values[0], values[1:]))


def population_stability(first: np.ndarray, second: np.ndarray, n_labels: int) -> float:
    """Return the population stability index of class indices: sum of (q - p) ln(q / p), 0 for equal shares."""
    counts = [np.bincount(values, minlength=n_labels) + _PSI_FLOOR for values in (first, second)]
    p, q = (values / values.sum() for values in counts)
    return float(((q - p) * np.log(q / p)).sum())


def mmd_test(first: np.ndarray, second: np.ndarray, *, seed: int = 0, n_permutations: int = 999) -> TwoSample:
    """Return the squared maximum mean discrepancy of vectors (n, D), (m, D), its p-value by permutation.

    Columns are standardised over both samples; the kernel is Gaussian with the median distance as its width.

    Source:
        A. Gretton et al., A kernel two-sample test, JMLR 13 (2012) 723-773, equation 5 (the biased estimate), with
        permutations in place of its bounds. Time and memory grow with (n + m)^2: thin out large samples first.
    """
    _need(len(first), len(second), least=2)
    pooled = np.concatenate([first, second]).astype(np.float64)
    spread = pooled.std(axis=0)
    pooled = (pooled - pooled.mean(axis=0)) / np.where(spread > 0, spread, 1)
    kernel = gaussian_kernel(pooled)
    weights = np.concatenate([np.full(len(first), 1 / len(first)), np.full(len(second), -1 / len(second))])
    observed = float(weights @ kernel @ weights)
    drawn = _permuted(weights, lambda many: ((many @ kernel) * many).sum(axis=1), n_permutations, seed)
    return TwoSample(observed, _permutation_p(observed, drawn))


def gaussian_kernel(values: np.ndarray) -> np.ndarray:
    """Return the kernel of rows (N, D) among each other, (N, N) in [0, 1], the median squared distance as its width."""
    squares = cdist(values, values, "sqeuclidean")
    distances = squares[np.triu_indices(len(values), k=1)]
    width = float(np.median(distances)) if len(distances) else 0.0
    return np.exp(-squares / (width or 1.0))  # 1 where all rows are alike


def difference_of_shares(hits: tuple[int, int], sizes: tuple[int, int]) -> ShareDifference:
    """Return the second share minus the first, with Newcombe's interval and Fisher's exact two-sided p-value.

    Source:
        R. G. Newcombe, Interval estimation for the difference between independent proportions, Stat. Med. 17 (1998)
        873-890, method 10 (from Wilson's intervals without continuity correction).
    """
    _need(*sizes, least=1)
    shares = [hit / size for hit, size in zip(hits, sizes, strict=True)]
    (low_a, high_a), (low_b, high_b) = (wilson_interval(share, n) for share, n in zip(shares, sizes, strict=True))
    difference = shares[1] - shares[0]
    low = difference - float(np.hypot(shares[1] - low_b, high_a - shares[0]))
    high = difference + float(np.hypot(high_b - shares[1], shares[0] - low_a))
    table = [[hit, size - hit] for hit, size in zip(hits, sizes, strict=True)]
    low, high = hold(difference, max(-1.0, low), min(1.0, high))
    return ShareDifference(difference, float(low), float(high), float(fisher_exact(table).pvalue))


def detectable_drop(hits: int, sizes: tuple[int, int], *, alpha: float = 0.05) -> float | None:
    """Return the smallest drop, to 0.001, that Fisher's test at `alpha` finds with POWER at least; None if none is.

    The exact power, both samples drawn, the first with half a hit and half a miss added: all hits would promise too
    much. Of a large first sample `_COUNTS_TRIED` counts are tested and the others interpolated.
    """
    _need(*sizes, least=1)
    share = (hits + 0.5) / (sizes[0] + 1)
    ends = binom.ppf(np.array([1e-9, 1 - 1e-9]), sizes[0], share)
    tried = np.unique(np.linspace(ends[0], ends[1], _COUNTS_TRIED).astype(int))
    counts = np.arange(tried[0], tried[-1] + 1)
    most = np.interp(counts, tried, [_most_found(int(count), sizes, alpha) for count in tried])
    drops = np.append(np.arange(0.001, share, 0.001), share)
    found = binom.cdf(np.floor(most + 1e-9)[:, None], sizes[1], share - drops)
    enough = binom.pmf(counts, sizes[0], share) @ found >= POWER
    return float(drops[enough.argmax()]) if enough.any() else None


def _most_found(hits: int, sizes: tuple[int, int], alpha: float) -> int:
    """Return the largest count of the second sample that is found to be a drop; -1 where none is."""
    below = range(math.ceil(hits * sizes[1] / sizes[0]))
    return bisect_left(below, True, key=lambda count: difference_of_shares((hits, count), sizes).p_value >= alpha) - 1


def calibration_shift(
    first: tuple[np.ndarray, np.ndarray],
    second: tuple[np.ndarray, np.ndarray],
    *,
    seed: int = 0,
    n_permutations: int = 1999,
) -> TwoSample:
    """Return how differently two samples of confidence (n,) and correctness (n,) are calibrated, p by permutation.

    The statistic is the sum over ten bins (of equal mass over both samples) of the difference between the samples' mean
    gaps of confidence and correctness, weighted by the bin's share; equal confidences share a bin.
    """
    _need(len(first[0]), len(second[0]), least=1)
    confidence = np.concatenate([first[0], second[0]])
    gaps = confidence - np.concatenate([first[1], second[1]])
    bins = np.eye(_BINS)[equal_mass_bins(confidence, _BINS)]
    signs = np.concatenate([np.zeros(len(first[0])), np.ones(len(second[0]))])
    observed = _gap_difference(signs[None], gaps, bins)[0]
    drawn = _permuted(signs, lambda many: _gap_difference(many, gaps, bins), n_permutations, seed)
    return TwoSample(float(observed), _permutation_p(observed, drawn))


def _permuted(
    values: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], n_permutations: int, seed: int
) -> np.ndarray:
    """Return (n_permutations,) statistics of values (N,) in random orders; `statistic` takes (P, N) at a time."""
    rng = np.random.default_rng(seed)
    starts = range(0, n_permutations, _PERMUTATIONS_AT_ONCE)
    sizes = [min(_PERMUTATIONS_AT_ONCE, n_permutations - start) for start in starts]
    orders = (rng.permuted(np.broadcast_to(values, (size, len(values))), axis=1) for size in sizes)
    return np.concatenate([statistic(order) for order in orders])


def _gap_difference(is_second: np.ndarray, gaps: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Return (P,) statistics of (P, N) assignments, gaps (N,) and one-hot bins (N, B)."""
    weighted = gaps[:, None] * bins
    n_second, n_all = is_second @ bins, bins.sum(axis=0)
    sum_second = is_second @ weighted
    sum_first, n_first = weighted.sum(axis=0) - sum_second, n_all - n_second
    both = (n_second > 0) & (n_first > 0)
    apart = sum_second / np.maximum(n_second, 1) - sum_first / np.maximum(n_first, 1)
    return (np.abs(apart) * both * n_all).sum(axis=1) / n_all.sum()


def _chi_square(seconds: np.ndarray, totals: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return (P,) chi-squares of (P, K) counts of the second sample, given the totals (K,) and both sizes."""
    seen = totals > 0
    expected = totals[seen] * sizes[1] / sizes.sum()
    other = totals[seen] * sizes[0] / sizes.sum()
    squares = (seconds[:, seen] - expected) ** 2
    return (squares / expected + squares / other).sum(axis=1)


def _permutation_p(observed: float, drawn: np.ndarray) -> float:
    """Return the share of permutations at least as extreme, the sample itself included; rounding counts as a tie."""
    extreme = int((drawn >= observed - 1e-12 * max(1.0, abs(observed))).sum())
    return (1 + extreme) / (1 + len(drawn))


def _need(n_first: int, n_second: int, *, least: int) -> None:
    if min(n_first, n_second) < least:
        raise EvaluationError(f"a two-sample test needs {least} or more values a sample, got {n_first} and {n_second}.")
