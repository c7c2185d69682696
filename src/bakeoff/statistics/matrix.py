"""Metrics that are functions of the confusion matrix, for many matrices at once, from their margins alone."""

from collections.abc import Callable
from typing import NamedTuple, Self

import numpy as np

Array = np.ndarray
_ROUNDING = 1e-10


def count_confusions(label_ids: Array, predicted: Array, n_labels: int) -> Array:
    """Return (K, K) int64 counts, rows true and columns predicted, also for classes that never occur."""
    cells = np.bincount(label_ids * n_labels + predicted, minlength=n_labels**2)
    return cells.reshape(n_labels, n_labels).astype(np.int64)


class Margins(NamedTuple):
    """What the metrics need of B confusion matrices of K classes, float64."""

    right: Array
    """(B, K), the diagonal."""
    true: Array
    """(K,) or (B, K), products per true class."""
    predicted: Array
    """(B, K), products per predicted class."""

    @classmethod
    def of(cls, counts: Array) -> Self:
        """Return the margins of one (K, K) matrix as B = 1."""
        counts = np.asarray(counts, dtype=np.float64)
        return cls(np.diagonal(counts)[None], counts.sum(axis=1), counts.sum(axis=0)[None])

    @property
    def n(self) -> Array:
        """() or (B,): products."""
        return self.true.sum(axis=-1)

    @property
    def occurs(self) -> Array:
        """(B, K) bool: classes among the true or the predicted ones, which macro means run over."""
        return (self.true + self.predicted) > 0


def _share(part: Array, whole: Array) -> Array:
    """Return part / whole, 0 where whole is 0 (scikit-learn's `zero_division=0`)."""
    part, whole = np.broadcast_arrays(part, whole)
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)


def recall(margins: Margins) -> Array:
    """(B, K) in [0, 1], 0 where a class has no product."""
    return _share(margins.right, margins.true)


def precision(margins: Margins) -> Array:
    """(B, K) in [0, 1], 0 where nothing was predicted."""
    return _share(margins.right, margins.predicted)


def f1(margins: Margins) -> Array:
    """(B, K) in [0, 1]: 2 TP / (2 TP + FP + FN), 0 where that is 0 / 0."""
    return _share(2 * margins.right, margins.true + margins.predicted)


def accuracy(margins: Margins) -> Array:
    """(B,) in [0, 1]."""
    return margins.right.sum(axis=1) / margins.n


def balanced_accuracy(margins: Margins) -> Array:
    """(B,) in [0, 1]: mean recall over the classes that have products."""
    return recall(margins).sum(axis=1) / (margins.true > 0).sum(axis=-1)


def matthews(margins: Margins) -> Array:
    """(B,) in [-1, 1], 0 where one class alone is true or predicted.

    Source:
        J. Gorodkin, Comparing two K-category assignments by a K-category correlation coefficient, Comput. Biol. Chem.
        28 (2004) 367-374, DOI 10.1016/j.compbiolchem.2004.09.006.
    """
    n, agreed = margins.n, margins.right.sum(axis=1)
    covariance = agreed * n - (margins.true * margins.predicted).sum(axis=1)
    spread = _spread(n, margins.true**2) * _spread(n, margins.predicted**2)
    return _share(covariance, np.sqrt(spread))


def cohen_kappa(margins: Margins) -> Array:
    """(B,) in [-1, 1]: agreement beyond chance; 0 where chance alone gives 1 (scikit-learn: NaN).

    Source:
        J. Cohen, A coefficient of agreement for nominal scales, Educ. Psychol. Meas. 20 (1960) 37-46,
        DOI 10.1177/001316446002000104.
    """
    n, products = margins.n, margins.true * margins.predicted
    return _share(margins.right.sum(axis=1) * n - products.sum(axis=1), _spread(n, products))


def _spread(n: Array, products: Array) -> Array:
    """Return n² - the sum of (B, K) products of margins, 0 where one class holds them all.

    Resampled counts are scaled, not whole: what rounding leaves there may be negative, of which there is no root, or
    positive, by which nothing may be divided. One product of another class leaves 2 / n of n², far above.
    """
    left = n**2 - products.sum(axis=-1)
    return np.where(left > _ROUNDING * n**2, left, 0.0)


def _macro(metric: Callable[[Margins], Array]) -> Callable[[Margins], Array]:
    """Return the mean over the classes that occur among the true or the predicted ones, as scikit-learn's."""
    return lambda margins: metric(margins).sum(axis=1) / margins.occurs.sum(axis=1)


def _weighted(metric: Callable[[Margins], Array]) -> Callable[[Margins], Array]:
    """Return the mean weighted by the products of each true class."""
    return lambda margins: (metric(margins) * margins.true).sum(axis=1) / margins.n


METRICS: dict[str, Callable[[Margins], Array]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_precision": _macro(precision),
    "macro_recall": _macro(recall),
    "macro_f1": _macro(f1),
    "weighted_precision": _weighted(precision),
    "weighted_recall": _weighted(recall),
    "weighted_f1": _weighted(f1),
    "matthews": matthews,
    "cohen_kappa": cohen_kappa,
}
"""Every metric that is a function of the confusion matrix: Margins of B matrices -> (B,)."""
