"""Bootstrap intervals: how far a figure would move with other test products of the same classes.

Resamples are stratified by true class, because the test split is. Which percentiles are taken was chosen by measured
coverage: docs/statistics.md. How products are drawn is `resample`'s business.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import ndtr, ndtri

from bakeoff.statistics.interval import LEVEL, Interval, hold, wilson, wilson_intervals
from bakeoff.statistics.matrix import METRICS, Margins, f1
from bakeoff.statistics.resample import Smoothing, resampled_margins, resampled_means, strata_rows

Array = np.ndarray
SHARES_OF_PRODUCTS = ("accuracy", "weighted_recall")
"""The same number under two names, and a plain share: Wilson's interval, no resampling."""
SIGNED = ("matthews", "cohen_kappa")


def bounds_of(metric: str) -> tuple[float, float]:
    """Return the least and the largest value of a metric of the confusion matrix."""
    return (-1.0 if metric in SIGNED else 0.0), 1.0


def confusion_intervals(
    counts: Array, metrics: Sequence[str] | None = None, *, n_resamples: int = 10_000, seed: int = 0
) -> dict[str, Interval]:
    """Return the 95 % interval of every metric that is a function of the confusion matrix, from one set of resamples.

    Accuracy, and weighted recall which is the same, get Wilson's interval; where every product is right all do.
    `counts` are (K, K) products, rows the true classes, `metrics` names in `matrix.METRICS` (None for all).

    Source:
        B. Efron, Better bootstrap confidence intervals, J. Am. Stat. Assoc. 82 (1987) 171-185, DOI
        10.1080/01621459.1987.10478410, with acceleration 0, around the smoothed matrix, shifted to the measured value.
    """
    names = list(METRICS) if metrics is None else list(metrics)
    whole, smooth = Margins.of(counts), Margins.of(Smoothing.of(counts).smooth(counts))
    estimates = {name: float(METRICS[name](whole)[0]) for name in names}
    if np.trace(counts) == counts.sum():
        return {name: _all_right(name, counts, estimate) for name, estimate in estimates.items()}
    drawn = [name for name in names if name not in SHARES_OF_PRODUCTS]
    resampled = resampled_margins(counts, n_resamples, seed) if drawn else ()
    parts = [{name: METRICS[name](some) for name in drawn} for some in resampled]
    found = {}
    for name, estimate in estimates.items():
        if name in SHARES_OF_PRODUCTS:
            found[name] = wilson(estimate, int(counts.sum()))
            continue
        centre = float(METRICS[name](smooth)[0])
        ends = bias_corrected(np.concatenate([part[name] for part in parts]), centre, LEVEL)
        low, high = np.clip(np.add(ends, estimate - centre), *bounds_of(name))
        found[name] = Interval(estimate, low, high, "bootstrap_confusion", n_resamples)
    return found


def _all_right(name: str, counts: Array, estimate: float) -> Interval:
    """Return Wilson's interval of a faultless matrix, of which resamples would say that no fault is possible.

    A mean over classes counts as many products as would give it the same variance; the two coefficients follow from
    accuracy, since chance agreement is known.
    """
    true = counts.sum(axis=1)
    true = true[true > 0]
    n = int(true.sum())
    macro = name.startswith(("macro", "balanced"))
    low = wilson(1.0, max(1, int(len(true) ** 2 / (1 / true).sum())) if macro else n).low
    if name in SIGNED:
        by_chance = float(((true / n) ** 2).sum())
        low = max(-1.0, (low - by_chance) / (1 - by_chance)) if by_chance < 1 else -1.0
    return Interval(estimate, low, 1.0, "wilson")


def per_class_intervals(counts: Array, copies: Array | float = 1.0) -> dict[str, tuple[Array, Array]]:
    """Return low and high, (K,) each, of every class's `recall`, `precision` and `f1`; [0, 1] where undefined.

    All three by Wilson, without resampling: recall is a share of the class's products, precision of the products
    predicted as it, and F1 = 2 J / (1 + J) with J the share of the right ones among both together. `copies` (K,) is the
    mean size of a product's group in each class.

    Source:
        K. F. Y. Lam, V. Gopal and J. Qian, Confidence intervals for the F1 score: a comparison of four methods,
        arXiv:2309.14621 (2023): the indirect Wilson interval.
    """
    right, true, predicted = np.diagonal(counts), counts.sum(axis=1), counts.sum(axis=0)
    found = {}
    for name, whole in (("recall", true), ("precision", predicted), ("f1", true + predicted - right)):
        found[name] = wilson_intervals(right / np.maximum(whole, 1), np.maximum(whole / copies, whole > 0))
    low, high = (2 * end / (1 + end) for end in found["f1"])
    found["f1"] = hold(f1(Margins.of(counts))[0], low, high)
    return found


def mean_interval(values: Array, strata: Array | None, *, n_resamples: int = 10_000, seed: int = 0) -> Interval:
    """Return the 95 % interval of a mean of values (N,), such as log losses; Wilson's where all of them are 0 or 1.

    Each of the true classes `strata` (N,) is resampled by itself.

    Source:
        B. Efron 1987 (see `confusion_intervals`): BCa, its acceleration for several samples as in A. C. Davison and
        D. V. Hinkley, Bootstrap Methods and their Application (1997), equation 5.37.
    """
    values = np.asarray(values, dtype=np.float64)
    groups = strata_rows(strata, len(values))
    estimate = float(values.mean())
    if np.isin(values, (0.0, 1.0)).all():
        return wilson(estimate, len(values))
    centred = np.concatenate([values[rows] - values[rows].mean() for rows in groups])
    largest = float(np.abs(centred).max())
    scaled = centred / largest if largest > 0 else centred  # powers of very small values would be 0
    acceleration = float((scaled**3).sum() / (6 * (scaled**2).sum() ** 1.5)) if largest > 0 else 0.0
    draws = resampled_means(values, groups, n_resamples, seed)
    low, high = bias_corrected(draws, estimate, LEVEL, acceleration=acceleration)
    return Interval(estimate, low, high, "bootstrap_products", n_resamples)


def statistic_interval(statistic: Callable[[Array], float], strata: Array, n_resamples: int = 1_000) -> Interval:
    """Return the 95 % interval of any statistic of the products in [0, 1], for example a calibration error.

    The basic interval: a calibration error comes out too high in a resample, as it did in the sample; percentiles
    mirrored at the estimate take that off where percentiles as they are add it once more.

    `statistic` gets (N,) product numbers, some of them repeated; each of the true classes `strata` (N,) is resampled by
    itself.

    Source:
        A. C. Davison and D. V. Hinkley, Bootstrap Methods and their Application (1997), equation 5.6.
    """
    groups, rng = strata_rows(strata, len(strata)), np.random.default_rng(0)
    estimate = float(statistic(np.arange(len(strata))))
    draws = [
        statistic(np.concatenate([rows[rng.integers(len(rows), size=len(rows))] for rows in groups]))
        for _ in range(n_resamples)
    ]
    low, high = np.clip(2 * estimate - np.quantile(draws, [0.975, 0.025]), 0, 1)
    return Interval(estimate, low, high, "bootstrap_basic", n_resamples)


def bias_corrected(draws: Array, centre: float, level: float, *, acceleration: float = 0.0) -> tuple[float, float]:
    """Return Efron's bias-corrected (and accelerated) percentiles of draws (B,), with a share `level` between them.

    Half of the draws lie below `centre`, the value of what was resampled, where there is no bias; `acceleration` is a
    sixth of the skewness of the influence values.
    """
    below = ((draws < centre).mean() + (draws <= centre).mean()) / 2
    bias = ndtri(np.clip(below, 0.5 / len(draws), 1 - 0.5 / len(draws)))
    ends = bias + ndtri(np.array([(1 - level) / 2, (1 + level) / 2]))
    low, high = np.quantile(draws, ndtr(bias + ends / (1 - acceleration * ends)))
    return float(low), float(high)
