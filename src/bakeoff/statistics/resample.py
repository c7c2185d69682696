"""Drawing test sets again, stratified by true class: confusion matrices by their margins, and sums over products.

A class of n products gives n - 1 draws, scaled back: with n draws the variance would be (n - 1) / n of what it should
be, which the many small classes of a test split feel (P. J. McCarthy and C. B. Snowden, The bootstrap and finite
population sampling, Vital and Health Statistics 2(95), 1985; J. N. K. Rao and C. F. J. Wu, Resampling inference with
complex survey data, J. Am. Stat. Assoc. 83 (1988) 231-241, DOI 10.1080/01621459.1988.10478591).
"""

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np

from bakeoff.statistics.interval import Z_95
from bakeoff.statistics.matrix import Margins

Array = np.ndarray
CELLS_AT_ONCE = 4_000_000
"""Numbers held at once by a chunk of resamples: 32 MB an array."""
PSEUDO_PRODUCTS = 1
"""Products that a class borrows from the whole matrix; 0 lets a class with one test product never vary."""


class Smoothing(NamedTuple):
    """What a product looks like that a class borrows from the whole matrix."""

    right: float
    """Chance that it is right, in [0, 1]."""
    columns: Array
    """(K,) weights of the predicted classes where it is wrong; 0 for a class that occurs nowhere."""

    @classmethod
    def of(cls, counts: Array) -> Self:
        """Return it for a (K, K) matrix: the middle of Wilson's interval, and what is predicted at all.

        Source:
            S. E. Fienberg and P. W. Holland, Simultaneous estimation of multinomial cell probabilities, J. Am. Stat.
            Assoc. 68 (1973) 683-691, DOI 10.1080/01621459.1973.10481405: rows shrunk towards a prior got from the data.
        """
        predicted = counts.sum(axis=0)
        columns = np.where(predicted + counts.sum(axis=1) > 0, predicted + 0.5, 0.0)
        if np.count_nonzero(columns) == 1:
            return cls(1.0, columns)
        return cls((np.trace(counts) + Z_95**2 / 2) / (counts.sum() + Z_95**2), columns)

    def wrong(self, row: int) -> Array:
        """(K,) chances of the predicted class of a wrong product of class `row`; zeros where none is possible."""
        weights = self.columns.copy()
        weights[row] = 0
        return weights / max(weights.sum(), 1e-300)

    def smooth(self, counts: Array) -> Array:
        """Return the (K, K) matrix that resamples scatter around; each row keeps its sum."""
        true = counts.sum(axis=1, keepdims=True)
        prior = np.stack([(1 - self.right) * self.wrong(row) for row in range(len(counts))])
        np.fill_diagonal(prior, self.right)
        return true * (counts + PSEUDO_PRODUCTS * prior) / (true + PSEUDO_PRODUCTS)


def resampled_margins(counts: Array, n_resamples: int, seed: int) -> Iterator[Margins]:
    """Yield the margins of resampled confusion matrices, in chunks of B.

    Each row of `counts` (K, K) is a multinomial over its cells that are not empty, mixed with the borrowed product;
    margins are all that is kept, so memory is B x K.
    """
    rng, smoothing, true = np.random.default_rng(seed), Smoothing.of(counts), counts.sum(axis=1)
    for size in chunks(n_resamples, len(counts)):
        right, predicted = np.zeros((2, size, len(counts)))
        for row in np.flatnonzero(true):
            _draw_row(rng, counts[row], int(row), smoothing, (right, predicted))
        yield Margins(right, true.astype(np.float64), predicted)


def _draw_row(
    rng: np.random.Generator, cells: Array, row: int, smoothing: Smoothing, margins: tuple[Array, Array]
) -> None:
    """Add B resamples of one true class to the diagonal and to the totals per predicted class."""
    right, predicted = margins
    n, size = int(cells.sum()), len(right)
    n_drawn = max(1, n - 1)
    scale = n / n_drawn
    # likeliest cell first: a draw ends as soon as its products are spent
    filled = np.argsort(-cells, kind="stable")[: np.count_nonzero(cells)]
    borrowed = rng.binomial(n_drawn, PSEUDO_PRODUCTS / (n + PSEUDO_PRODUCTS), size=size)
    drawn = rng.multinomial(n_drawn - borrowed, cells[filled] / n)
    predicted[:, filled] += scale * drawn
    hits = rng.binomial(borrowed, smoothing.right)
    right[:, row] = scale * hits
    predicted[:, row] += scale * hits
    if cells[row]:
        right[:, row] += scale * drawn[:, np.flatnonzero(filled == row)[0]]
    which = np.repeat(np.arange(size), borrowed - hits)
    column = np.searchsorted(np.cumsum(smoothing.wrong(row))[:-1], rng.random(len(which)), side="right")
    np.add.at(predicted, (which, column), scale)


def strata_rows(strata: Array | None, n: int) -> list[Array]:
    """Return the product numbers of each stratum; strata of one product, which cannot vary alone, share one.

    Source:
        K. M. Wolter, Introduction to Variance Estimation, 2nd ed. (2007), section 2.5: collapsed strata.
    """
    if strata is None:
        return [np.arange(n)]
    order = np.argsort(strata, kind="stable")
    rows = np.split(order, np.flatnonzero(np.diff(strata[order])) + 1)
    several = sorted((group for group in rows if len(group) > 1), key=len)
    single = [group for group in rows if len(group) == 1]
    if len(single) == 1 and several:
        single.append(several.pop(0))
    return several + ([np.concatenate(single)] if single else [])


def resampled_means(values: Array, groups: list[Array], n_resamples: int, seed: int) -> Array:
    """Return (n_resamples,) means of values (N,), each of the groups of product numbers resampled by itself."""
    rng = np.random.default_rng(seed)
    means = np.zeros(n_resamples)
    for rows in groups:
        n_drawn = max(1, len(rows) - 1)
        means += _resampled_sums(values[rows], n_drawn, n_resamples, rng) * (len(rows) / n_drawn)
    return means / len(values)


def _resampled_sums(values: Array, n_drawn: int, n_resamples: int, rng: np.random.Generator) -> Array:
    """Return sums of `n_drawn` values drawn with replacement: by counts where values repeat, else one by one."""
    distinct, counts = np.unique(values, return_counts=True)
    if 20 * len(distinct) <= len(values):
        share = counts / len(values)
        sums = [rng.multinomial(n_drawn, share, size=size) @ distinct for size in chunks(n_resamples, len(distinct))]
    else:
        sums = [
            values[rng.integers(len(values), size=(size, n_drawn), dtype=np.uint32)].sum(axis=1)
            for size in chunks(n_resamples, n_drawn)
        ]
    return np.concatenate(sums)


def chunks(n_resamples: int, width: int) -> Iterator[int]:
    """Yield how many resamples of `width` numbers to draw at a time."""
    step = max(1, CELLS_AT_ONCE // width)
    for start in range(0, n_resamples, step):
        yield min(step, n_resamples - start)
