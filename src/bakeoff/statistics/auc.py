"""Area under the ROC curve with DeLong's variance: no resampling needed."""

import math

import numpy as np
from scipy.special import expit, logit
from scipy.stats import rankdata

from bakeoff.statistics.interval import Z_95, Interval, wilson
from bakeoff.statistics.resample import strata_rows

Array = np.ndarray


def roc_auc(scores: Array, positive: Array) -> float:
    """Return the area under the ROC curve of finite scores (N,) for positive (N,) bool, which has both values."""
    return float(_placements(scores, positive)[positive].mean())


def macro_auc_interval(probabilities: Array, label_ids: Array, copies: float = 1.0) -> tuple[float, Interval]:
    """Return the mean one-vs-rest area over the classes in label_ids (N,), two or more, and its interval.

    Each product's structural components of all classes are added up before squares are taken, so that the covariance
    between classes is counted, and within each true class, because the split fixes how many products each has. The
    interval is made on a logit scale, so that it stays within [0, 1]; Wilson's where every product is ranked rightly.
    `probabilities` are (N, K); `copies` is `groups.macro_copies` where products belong together.

    Source:
        E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, Biometrics 44 (1988) 837-845, DOI 10.2307/2531595, with the
        midranks of X. Sun and W. Xu, IEEE Signal Process. Lett. 21 (2014) 1389-1393, DOI 10.1109/LSP.2014.2337313.
    """
    present, sizes = np.unique(label_ids, return_counts=True)
    auc, influence = 0.0, np.zeros(len(label_ids))
    for label in present:  # O(K N log N)
        positive = label_ids == label
        placements = _placements(probabilities[:, label], positive)
        area = float(placements[positive].mean())
        auc += area / len(present)
        weight = np.where(positive, 1 / positive.sum(), 1 / (~positive).sum()) / len(present)
        influence += weight * (placements - area)
    n_effective = len(present) ** 2 / float((1 / sizes).sum()) / copies
    return auc, logit_interval(auc, copies * stratified_variance(influence, label_ids), n_effective, "delong")


def _placements(scores: Array, positive: Array) -> Array:
    """Return (N,) in [0, 1]: for a positive the share of negatives below it, for a negative of positives above it."""
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    everywhere, own = rankdata(scores), np.empty(len(scores))
    own[positive], own[~positive] = rankdata(scores[positive]), rankdata(scores[~positive])
    return np.where(positive, (everywhere - own) / n_negative, 1 - (everywhere - own) / n_positive)


def stratified_variance(influence: Array, label_ids: Array) -> float:
    """Return the variance of a sum of per-product terms (N,) whose number per true class is fixed."""
    groups = strata_rows(label_ids, len(label_ids))
    return float(sum(len(rows) * influence[rows].var(ddof=1) for rows in groups))


def logit_interval(area: float, variance: float, n_effective: float, method: str, bias: float = 0.0) -> Interval:
    """Return an area's interval on the logit scale; Wilson's where nothing varies, which has no spread to go by.

    `n_effective` is the number of products that Wilson's interval goes by, `method` the name of the variance; the
    interval is around the area less its `bias`.
    """
    if not 0 < area < 1 or variance == 0:
        return wilson(min(area, 1.0), max(1, int(n_effective)))
    centre = area - bias
    half = Z_95 * math.sqrt(variance) / (centre * (1 - centre))
    low, high = expit(logit(centre) + np.array([-half, half]))
    return Interval(area, low, high, method)
