"""Area under the precision-recall curve with a variance in closed form: no resampling needed."""

import numpy as np

from bakeoff.statistics.auc import check_scores, logit_interval, stratified_variance
from bakeoff.statistics.interval import Interval

Array = np.ndarray


def macro_average_precision_interval(probabilities: Array, label_ids: Array) -> tuple[float, Interval]:
    """Return the mean one-vs-rest average precision over the classes in label_ids (N,), and its interval.

    The variance is the infinitesimal jackknife's: each product's influence on every class's average precision is
    summed before squares are taken, stratified by true class, on a logit scale so that the interval stays in [0, 1].
    Where nothing varies (every class ranked perfectly) the interval is Wilson's.

    Source:
        B. Efron, Nonparametric estimates of standard error, Biometrika 68 (1981) 589-599, DOI 10.1093/biomet/68.3.589;
        the logit scale from K. Boyd, K. H. Eng and C. D. Page, ECML PKDD 2013, DOI 10.1007/978-3-642-40994-3_29.
    """
    probabilities, label_ids, present, sizes = check_scores(probabilities, label_ids, "average precision")
    total, influence = 0.0, np.zeros(len(label_ids))
    for label in present:
        area, own = average_precision_influence(probabilities[:, label], label_ids == label)
        total += area / len(present)
        influence += own / len(present)
    variance, n_effective = stratified_variance(influence, label_ids), len(present) ** 2 / float((1 / sizes).sum())
    return total, logit_interval(total, variance, n_effective, "infinitesimal_jackknife")


def average_precision_influence(scores: Array, positive: Array) -> tuple[float, Array]:
    """Return the average precision and its derivative by each product's weight, (N,); tied scores share a threshold.

    With n_i products at or above the score of positive i, of which p_i are positive, the average precision is the
    mean of p_i / n_i over the P positives. A product j of weight w_j is counted in p_i (if positive) and in n_i for
    every i at or below its score, and in the mean itself if it is positive.

    Args:
        scores: (N,) float64.
        positive: (N,) bool, at least one True.
    """
    order = np.argsort(-scores, kind="stable")
    right = positive[order].astype(np.float64)
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # last place of each tied group
    group = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=-1))
    n_above, precision = (ends + 1.0)[group], (np.cumsum(right)[ends] / (ends + 1))[group]
    area = float((right * precision).sum() / right.sum())
    starts = np.append(0, ends[:-1] + 1)[group]
    below = [
        np.append(np.cumsum(term[::-1])[::-1], 0.0)[starts] for term in (right / n_above, right * precision / n_above)
    ]
    sorted_influence = (right * (precision - area) + right * below[0] - below[1]) / right.sum()
    influence = np.empty(len(scores))
    influence[order] = sorted_influence
    return area, influence
