"""Two candidates on the same test products: who is better, by how much, and how many products it takes to tell."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri
from scipy.stats import binom

from bakeoff.core.errors import EvaluationError
from bakeoff.statistics.bootstrap import bias_corrected
from bakeoff.statistics.checks import check_correct, check_label_ids, check_resamples, check_same_length, check_values
from bakeoff.statistics.interval import LEVEL, Interval
from bakeoff.statistics.matrix import METRICS, Margins, count_confusions
from bakeoff.statistics.resample import PSEUDO_PRODUCTS, chunks

Array = np.ndarray
FEW_DISCORDANT = 25
"""Below this many products that one candidate alone gets right, the test is exact; from it on, mid-p."""


@dataclass(frozen=True)
class McNemar:
    """Products that A alone (b) and B alone (c) gets right, and the two-sided p-value."""

    b: int
    c: int
    p_value: float
    test: str


def mcnemar(correct_a: Array, correct_b: Array) -> McNemar:
    """Return McNemar's test that A and B, (N,) bool on the same products in the same order, are equally accurate.

    Exact for fewer than 25 products that one candidate alone gets right; mid-p from there on, whose false-positive
    rate stays at 5 % at most (complete enumeration, docs/statistics.md) where the exact test wastes power and the
    chi-square test without continuity correction exceeds it.

    Source:
        Q. McNemar, Psychometrika 12 (1947) 153-157, DOI 10.1007/BF02295996; mid-p: M. W. Fagerland, S. Lydersen and
        P. Laake, BMC Med. Res. Methodol. 13 (2013) 91, DOI 10.1186/1471-2288-13-91.
    """
    b, c = _discordant(correct_a, correct_b)
    few, n = min(b, c), b + c
    p_value = min(1.0, 2 * float(binom.cdf(few, n, 0.5))) if n else 1.0
    if n < FEW_DISCORDANT:
        return McNemar(b, c, p_value, "mcnemar_exact")
    mid_p = 2 * float(binom.cdf(few, n, 0.5)) - float(binom.pmf(few, n, 0.5))
    return McNemar(b, c, min(1.0, mid_p), "mcnemar_mid_p")


def _discordant(correct_a: Array, correct_b: Array) -> tuple[int, int]:
    """Return b and c."""
    check_same_length(correct_a=len(correct_a), correct_b=len(correct_b))
    first, second = check_correct(correct_a, "correct_a"), check_correct(correct_b, "correct_b")
    return int((first & ~second).sum()), int((~first & second).sum())


def paired_difference(
    correct_a: Array, correct_b: Array, *, n_resamples: int = 10_000, seed: int = 0
) -> tuple[float, Interval]:
    """Return accuracy of A minus accuracy of B, a share in [-1, 1], and its 95 % interval.

    Products are drawn jointly for both. Where the candidates are right and wrong on the same products, resamples would
    say that no difference is possible: then the interval is what an exact test leaves possible with no such product.
    """
    check_resamples(n_resamples)
    b, c = _discordant(correct_a, correct_b)
    n = len(correct_a)
    if b + c == 0:
        return 0.0, _nothing_differs(n)
    drawn = np.random.default_rng(seed).multinomial(n, np.array([b, c, n - b - c]) / n, size=n_resamples)
    estimate = (b - c) / n
    low, high = bias_corrected((drawn[:, 0] - drawn[:, 1]) / n, estimate, LEVEL)
    return estimate, Interval(estimate, low, high, "bootstrap_products", n_resamples)


def paired_macro_f1(
    label_ids: Array, predicted_a: Array, predicted_b: Array, n_labels: int, *, n_resamples: int = 10_000, seed: int = 0
) -> tuple[float, Interval]:
    """Return macro F1 of A minus macro F1 of B, in [-1, 1], and its 95 % interval.

    Products are drawn anew by true class, the same for both candidates; all three arrays are (N,) classes below K.
    """
    check_resamples(n_resamples)
    check_same_length(label_ids=len(label_ids), predicted_a=len(predicted_a), predicted_b=len(predicted_b))
    true = check_label_ids(label_ids, n_labels, "label_ids")
    first = check_label_ids(predicted_a, n_labels, "predicted_a")
    second = check_label_ids(predicted_b, n_labels, "predicted_b")
    counts = [count_confusions(true, predicted, n_labels) for predicted in (first, second)]
    estimate = _macro_f1(counts[0]) - _macro_f1(counts[1])
    if (first == second).all():
        return 0.0, _nothing_differs(len(true))
    centre = _macro_f1(_smooth(counts[0])) - _macro_f1(_smooth(counts[1]))
    draws = np.concatenate(list(_paired_draws(true, first, second, (n_labels, n_resamples, seed))))
    low, high = np.clip(np.add(bias_corrected(draws, centre, LEVEL), estimate - centre), -1, 1)
    return estimate, Interval(estimate, low, high, "bootstrap_products", n_resamples)


def _paired_draws(true: Array, first: Array, second: Array, plan: tuple[int, int, int]) -> Iterator[Array]:
    """Yield (B,) differences of macro F1; `plan` is K, the number of resamples and the seed.

    Per true class the pairs of predictions that occur are the cells of a multinomial, n - 1 draws as in `resample`. A
    class also borrows one product, of any class t: as it was answered, with the names of t and of the class exchanged.
    """
    n_labels, n_resamples, seed = plan
    rng = np.random.default_rng(seed)
    sizes = np.bincount(true, minlength=n_labels)
    cells = {
        int(label): np.unique(first[true == label] * n_labels + second[true == label], return_counts=True)
        for label in np.flatnonzero(sizes)
    }
    widest = max(4 * n_labels, *(len(pairs) for pairs, _ in cells.values()))
    for size in chunks(n_resamples, widest):
        right, predicted = np.zeros((2, size, n_labels)), np.zeros((2, size, n_labels))
        for label, (pairs, counts) in cells.items():
            n_drawn = max(1, sizes[label] - 1)
            scale = sizes[label] / n_drawn
            order = np.argsort(-counts, kind="stable")
            borrowed = rng.binomial(n_drawn, PSEUDO_PRODUCTS / (sizes[label] + PSEUDO_PRODUCTS), size=size)
            drawn = rng.multinomial(n_drawn - borrowed, counts[order] / sizes[label]) * scale
            which = np.repeat(np.arange(size), borrowed)
            lent = rng.integers(len(true), size=len(which))
            for i, (column, answers) in enumerate(zip(np.divmod(pairs[order], n_labels), (first, second), strict=True)):
                totals = drawn @ np.eye(n_labels)[column]
                np.add.at(totals, (which, _exchanged(answers[lent], true[lent], label)), scale)
                predicted[i] += totals
                right[i, :, label] = totals[:, label]
        values = [METRICS["macro_f1"](Margins(right[i], sizes.astype(np.float64), predicted[i])) for i in (0, 1)]
        yield values[0] - values[1]


def _exchanged(answers: Array, true: Array, label: int) -> Array:
    """Return predictions for products of `true` classes as if these were of class `label`, the two names exchanged."""
    return np.where(answers == true, label, np.where(answers == label, true, answers))


def _smooth(counts: Array) -> Array:
    """Return the (K, K) matrix that a candidate's resamples scatter around, borrowed products included."""
    true, n = counts.sum(axis=1, keepdims=True), counts.sum()
    wrong = counts.sum(axis=0) - np.diagonal(counts)
    prior = (wrong + counts.T) / n
    np.fill_diagonal(prior, np.trace(counts) / n)
    return true * (counts + PSEUDO_PRODUCTS * prior) / (true + PSEUDO_PRODUCTS)


def _macro_f1(counts: Array) -> float:
    """Return macro F1 of one confusion matrix."""
    return float(METRICS["macro_f1"](Margins.of(counts))[0])


def _nothing_differs(n: int) -> Interval:
    """Return how far apart two candidates may be that differed on none of n products."""
    most = 1 - ((1 - LEVEL) / 2) ** (1 / n)
    return Interval(0.0, -most, most, "clopper_pearson")


def holm(p_values: Array) -> Array:
    """Return p-values adjusted for M tests, (M,) in [0, 1]; rejecting those up to alpha errs at all with at most alpha.

    Source:
        S. Holm, A simple sequentially rejective multiple test procedure, Scand. J. Stat. 6 (1979) 65-70.
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    if len(p_values) == 0:
        return p_values
    p_values = check_values(p_values, "p-values")
    if (p_values < 0).any() or (p_values > 1).any():
        raise EvaluationError("p-values lie in [0, 1].")
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


def n_needed(b: float, c: float, n: int, *, power: float = 0.8, alpha: float = 0.05) -> int | None:
    """Return how many test products McNemar's test needs to tell A from B, were b/n and c/n the true rates.

    None where b equals c: no number of products tells equals apart.

    Args:
        b: products that A alone gets right.
        c: products that B alone gets right.
        n: products compared, at least b + c.
        power: chance of telling them apart, in (0, 1).
        alpha: level of the two-sided test, in (0, 1).

    Raises:
        EvaluationError: counts that do not fit together, or a power or level outside (0, 1).

    Source:
        R. J. Connor, Sample size for testing differences in proportions for the paired-sample design, Biometrics 43
        (1987) 207-211, DOI 10.2307/2531961.
    """
    if min(b, c) < 0 or n < 1 or b + c > n:
        raise EvaluationError(f"b and c count different ones of n products, got b {b}, c {c}, n {n}; count again.")
    if not (0 < power < 1 and 0 < alpha < 1):
        raise EvaluationError(f"power and alpha lie between 0 and 1, got {power} and {alpha}.")
    if b == c:
        return None
    discordant, difference = (b + c) / n, abs(b - c) / n
    by_level = float(ndtri(1 - alpha / 2)) * math.sqrt(discordant)
    by_power = float(ndtri(power)) * math.sqrt(discordant - difference**2)
    return max(1, math.ceil(((by_level + by_power) / difference) ** 2))


def needed_range(test: McNemar, interval: Interval, n: int, *, alpha: float) -> tuple[int, int] | None:
    """Return how many test products `n_needed` asks for at the two ends of the difference's interval.

    None where the interval holds 0, at which no number is enough, or where the ends are 100 times apart or more: then
    nothing useful is known.

    Args:
        test: its b and c say how often the candidates differ at all.
        interval: of the difference in accuracy, a share.
        n: products compared.
        alpha: level of the two-sided test, in (0, 1).
    """
    if interval.low <= 0 <= interval.high:
        return None
    discordant = test.b + test.c
    ends = [min(discordant, abs(end) * n) for end in (interval.low, interval.high)]
    found = sorted(n_needed((discordant + d) / 2, (discordant - d) / 2, n, alpha=alpha) or 0 for d in ends)
    return (found[0], found[1]) if found[1] < 100 * found[0] else None
