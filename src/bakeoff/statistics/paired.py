"""Two candidates on the same test products: who is better, by how much, and how many products it takes to tell."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.signal import fftconvolve
from scipy.special import ndtri
from scipy.stats import binom

from bakeoff.statistics.bootstrap import bias_corrected
from bakeoff.statistics.groups import class_copies, group_sizes, group_sums, macro_copies, widen
from bakeoff.statistics.interval import LEVEL, Interval
from bakeoff.statistics.matrix import METRICS, Margins, count_confusions, f1
from bakeoff.statistics.resample import PSEUDO_PRODUCTS, chunks

Array = np.ndarray
_ROUNDING = 1e-12
FEW_DISCORDANT = 25
"""Below this many products that one candidate alone gets right, the test is exact; from it on, mid-p."""


class McNemar(NamedTuple):
    """Products that A alone (b) and B alone (c) gets right, and the two-sided p-value."""

    b: int
    c: int
    p_value: float
    test: str


def mcnemar(correct_a: Array, correct_b: Array, *, groups: Array | None = None) -> McNemar:
    """Return McNemar's test that A and B, right or wrong on the same products in the same order, are equally accurate.

    Exact for fewer than 25 products that one candidate alone gets right; mid-p from there on, whose false-positive
    rate stays at 5 % at most (complete enumeration, docs/statistics.md) where the exact test wastes power and the
    chi-square test without continuity correction exceeds it. With several trainings, and with products that belong
    together, it becomes the exact sign-flip test; a product counts for the candidate that more trainings get right.

    `correct_a` and `correct_b` are (N,) bool, or (S, N) of S trainings; `groups` (N,) says which products belong
    together, None that each stands alone.

    Source:
        Q. McNemar, Psychometrika 12 (1947) 153-157, DOI 10.1007/BF02295996; mid-p: M. W. Fagerland, S. Lydersen and
        P. Laake, BMC Med. Res. Methodol. 13 (2013) 91, DOI 10.1186/1471-2288-13-91.
    """
    hits_a, hits_b, n_trainings = _hits(correct_a, correct_b)
    b, c = int((hits_a > hits_b).sum()), int((hits_b > hits_a).sum())
    if n_trainings > 1 or group_sizes(groups, len(hits_a)).max() > 1:
        return McNemar(b, c, sign_flip(hits_a, hits_b, n_trainings, groups=groups), "sign_flip_exact")
    few, n = min(b, c), b + c
    p_value = 2 * float(binom.cdf(few, n, 0.5))
    if n < FEW_DISCORDANT:
        return McNemar(b, c, min(1.0, p_value), "mcnemar_exact")
    return McNemar(b, c, min(1.0, p_value - float(binom.pmf(few, n, 0.5))), "mcnemar_mid_p")


def _hits(correct_a: Array, correct_b: Array) -> tuple[Array, Array, int]:
    """Return how often A and B are right on each product, (N,) int64, in as many trainings each, and those."""
    first, second = np.atleast_2d(correct_a), np.atleast_2d(correct_b)
    return first.sum(axis=0) * len(second), second.sum(axis=0) * len(first), len(first) * len(second)


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
    differences = np.rint(group_sums(np.subtract(hits_a, hits_b, dtype=np.float64), groups)).astype(np.int64)
    total = abs(int(differences.sum()))
    sizes = np.bincount(np.abs(differences), minlength=n_seeds + 1)
    mass = np.ones(1)  # of (sum + span) / 2, one step per 2 in the sum
    for size in np.flatnonzero(sizes[1:]) + 1:
        spread = np.zeros(size * int(sizes[size]) + 1)
        spread[::size] = binom.pmf(np.arange(sizes[size] + 1), sizes[size], 0.5)
        mass = fftconvolve(mass, spread)
    sums = 2 * np.arange(len(mass)) - (len(mass) - 1)
    return float(np.clip(mass[np.abs(sums) >= total].sum(), 0.0, 1.0))


def paired_difference(
    correct_a: Array, correct_b: Array, *, groups: Array | None = None, n_resamples: int = 10_000, seed: int = 0
) -> tuple[float, Interval]:
    """Return accuracy of A minus accuracy of B, a share in [-1, 1], and its 95 % interval.

    Products (groups of them, where they belong together) are drawn jointly for both. Where the candidates are right and
    wrong on the same products, resamples would say that no difference is possible: then the interval is what an exact
    test leaves possible with no such product. Arguments are those of `mcnemar`.
    """
    hits_a, hits_b, n_trainings = _hits(correct_a, correct_b)
    behind, sizes = group_sums(hits_b - hits_a, groups), group_sums(np.ones(len(hits_a)), groups)
    if not behind.any():
        return 0.0, _nothing_differs(len(hits_a) / group_sizes(groups, len(hits_a)).mean())
    cells, counts = np.unique(np.stack([behind == 0, behind, sizes]), axis=1, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(behind), counts / len(behind), size=n_resamples)
    estimate = float((hits_a - hits_b).sum() / (len(hits_a) * n_trainings))
    low, high = bias_corrected(0 - drawn @ cells[1] / (drawn @ cells[2] * n_trainings), estimate, LEVEL)
    return estimate, Interval(estimate, low, high, "bootstrap_products", n_resamples)


def paired_macro_f1(  # noqa: PLR0913 - draws and groups as in the other comparisons
    label_ids: Array,
    predicted_a: Array,
    predicted_b: Array,
    n_labels: int,
    *,
    groups: Array | None = None,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> tuple[float, Interval]:
    """Return macro F1 of A minus macro F1 of B, in [-1, 1], and its 95 % interval.

    Products are drawn anew by true class, the same for both candidates and all trainings; label_ids (N,), predicted_a
    and predicted_b (N,) or (S, N) of S trainings are classes below K, `groups` as in `mcnemar`.
    """
    draws = _paired_draws(METRICS["macro_f1"], label_ids, (predicted_a, predicted_b), (n_labels, n_resamples, seed))
    sizes = group_sizes(groups, len(label_ids))
    interval = _of_draws(*draws, len(label_ids) / sizes.mean(), macro_copies(sizes, label_ids))
    return interval.estimate, interval


def paired_class_f1(  # noqa: PLR0913 - as above
    label_ids: Array,
    predicted_a: Array,
    predicted_b: Array,
    n_labels: int,
    *,
    groups: Array | None = None,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> dict[int, Interval]:
    """Return F1 of A minus F1 of B for each class that occurs in label_ids; arguments as in `paired_macro_f1`."""
    estimates, centres, draws = _paired_draws(f1, label_ids, (predicted_a, predicted_b), (n_labels, n_resamples, seed))
    copies = class_copies(group_sizes(groups, len(label_ids)), label_ids, n_labels)
    found = {}
    for label, n in zip(*np.unique(label_ids, return_counts=True), strict=True):
        of_class = float(estimates[label]), float(centres[label]), draws[:, label]
        found[int(label)] = _of_draws(*of_class, n / copies[label], float(copies[label]))
    return found


def _paired_draws(
    score: Callable[[Margins], Array], label_ids: Array, predicted: tuple[Array, Array], plan: tuple[int, int, int]
) -> tuple[Any, Any, Array]:
    """Return the score's difference (), where its resamples scatter around () and those (B,); (K,), (B, K) for f1."""
    first, second = (np.atleast_2d(one) for one in predicted)
    answers = np.concatenate([first, second])
    weights = np.repeat([1 / len(first), -1 / len(second)], [len(first), len(second)])
    counts = [count_confusions(label_ids, one, plan[0]) for one in answers]
    estimate = weights @ np.stack([score(Margins.of(each))[0] for each in counts])
    centre = weights @ np.stack([score(Margins.of(_smooth(each)))[0] for each in counts])
    draws = [np.tensordot(weights, values, 1) for values in _joint_draws(score, label_ids, answers, plan)]
    return estimate, centre, np.concatenate(draws)


def _of_draws(estimate: float, centre: float, draws: Array, n: float, copies: float) -> Interval:
    """Return the interval of a difference from resamples (B,) of it; `n` products, alike by `copies`, are behind it."""
    if max(np.abs(draws).max(), abs(estimate)) < _ROUNDING:
        return _nothing_differs(n)
    low, high = np.clip(np.add(bias_corrected(draws, centre, LEVEL), estimate - centre), -1, 1)
    return widen(Interval(float(estimate), low, high, "bootstrap_products", len(draws)), copies, (-1.0, 1.0))


def _joint_draws(
    score: Callable[[Margins], Array], true: Array, answers: Array, plan: tuple[int, int, int]
) -> Iterator[Array]:
    """Yield the scores of answers (A, N), (A, B) or (A, B, K); `plan` is K, the number of resamples and the seed.

    Per true class the combinations of answers that occur are the cells of a multinomial, n - 1 draws as in `resample`.
    A class also borrows one product, of any class t: as it was answered, with the names of t and the class exchanged.
    """
    n_labels, n_resamples, seed = plan
    rng = np.random.default_rng(seed)
    sizes = np.bincount(true, minlength=n_labels)
    cells = {
        int(label): np.unique(answers[:, true == label], axis=1, return_counts=True) for label in np.flatnonzero(sizes)
    }
    widest = max(2 * len(answers) * n_labels, *(len(counts) for _, counts in cells.values()))
    for size in chunks(n_resamples, widest):
        right, predicted = np.zeros((2, len(answers), size, n_labels))
        for label, (combinations, counts) in cells.items():
            n_drawn = max(1, sizes[label] - 1)
            scale = sizes[label] / n_drawn
            order = np.argsort(-counts, kind="stable")
            borrowed = rng.binomial(n_drawn, PSEUDO_PRODUCTS / (sizes[label] + PSEUDO_PRODUCTS), size=size)
            drawn = rng.multinomial(n_drawn - borrowed, counts[order] / sizes[label]) * scale
            which = np.repeat(np.arange(size), borrowed)
            lent = rng.integers(len(true), size=len(which))
            for i, column in enumerate(combinations[:, order]):
                totals = drawn @ np.eye(n_labels)[column]
                given, own = answers[i, lent], true[lent]
                exchanged = np.where(given == own, label, np.where(given == label, own, given))
                np.add.at(totals, (which, exchanged), scale)
                predicted[i] += totals
                right[i, :, label] = totals[:, label]
        margins = zip(right, predicted, strict=True)
        yield np.stack([score(Margins(hits, sizes.astype(np.float64), all_)) for hits, all_ in margins])


def _smooth(counts: Array) -> Array:
    """Return the (K, K) matrix that a candidate's resamples scatter around, borrowed products included."""
    true, n = counts.sum(axis=1, keepdims=True), counts.sum()
    wrong = counts.sum(axis=0) - np.diagonal(counts)
    prior = (wrong + counts.T) / n
    np.fill_diagonal(prior, np.trace(counts) / n)
    return true * (counts + PSEUDO_PRODUCTS * prior) / (true + PSEUDO_PRODUCTS)


def _nothing_differs(n: float) -> Interval:
    """Return how far apart two candidates may be that differed on none of n products."""
    most = 1 - ((1 - LEVEL) / 2) ** (1 / n)
    return Interval(0.0, -most, most, "clopper_pearson")


def holm(p_values: Array) -> Array:
    """Return p-values adjusted for M tests, (M,) in [0, 1]; rejecting those up to alpha errs at all with at most alpha.

    Source:
        S. Holm, A simple sequentially rejective multiple test procedure, Scand. J. Stat. 6 (1979) 65-70.
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    return np.minimum(stepped, 1)[np.argsort(order)]


def n_needed(b: float, c: float, n: int, *, power: float = 0.8, alpha: float = 0.05) -> int | None:
    """Return how many test products McNemar's test needs to tell A from B, were b/n and c/n the true rates.

    A alone gets b of the n products right, B alone c. `power` is the chance of telling them apart, `alpha` the level of
    the two-sided test. None where b equals c: no number of products tells equals apart.

    Source:
        R. J. Connor, Sample size for testing differences in proportions for the paired-sample design, Biometrics 43
        (1987) 207-211, DOI 10.2307/2531961.
    """
    if b == c:
        return None
    discordant, difference = (b + c) / n, abs(b - c) / n
    by_level = float(ndtri(1 - alpha / 2)) * math.sqrt(discordant)
    by_power = float(ndtri(power)) * math.sqrt(discordant - difference**2)
    return max(1, math.ceil(((by_level + by_power) / difference) ** 2))


def needed_range(test: McNemar, interval: Interval, n: int, *, alpha: float) -> tuple[int, int] | None:
    """Return how many test products `n_needed` asks for at the two ends of the difference's interval.

    None where the interval holds 0, at which no number is enough, or where the ends are 100 times apart or more: then
    nothing useful is known. The test says how often the candidates differ at all; the interval is a share's.
    """
    if interval.low <= 0 <= interval.high:
        return None
    discordant = test.b + test.c
    ends = [min(discordant, abs(end) * n) for end in (interval.low, interval.high)]
    found = sorted(n_needed((discordant + d) / 2, (discordant - d) / 2, n, alpha=alpha) or 0 for d in ends)
    return (found[0], found[1]) if found[1] < 100 * found[0] else None
