"""Where products lie among each other in feature space: how far from others, and beside which one."""

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from bakeoff.records.examination import Drift
from bakeoff.statistics.embedding import sample_by_class
from bakeoff.statistics.two_sample import mmd_test

_NEIGHBOURS = 10
_COMPARED = 400
"""Products of a split that are compared: time and memory grow with its square."""


def isolation(features: np.ndarray) -> np.ndarray:
    """Return the mean cosine distance of each of N products to its 10 nearest others, (N,) float64 in [0, 2].

    Source:
        S. Ramaswamy, R. Rastogi and K. Shim, Efficient algorithms for mining outliers from large data sets, SIGMOD
        (2000) 427-438, DOI 10.1145/342009.335437; the mean in place of the tenth.
    """
    search = NearestNeighbors(n_neighbors=min(_NEIGHBOURS, len(features) - 1)).fit(normalize(features))
    return (search.kneighbors()[0] ** 2 / 2).mean(axis=1)


def nearest(features: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the row of `others` (M, D) most similar to each of `features` (N, D), (N,), and the cosine, (N,)."""
    distances, rows = NearestNeighbors(n_neighbors=1).fit(normalize(others)).kneighbors(normalize(features))
    return rows[:, 0], 1 - distances[:, 0] ** 2 / 2


def drift(features: np.ndarray, label_ids: np.ndarray, *, train: np.ndarray, test: np.ndarray) -> Drift | None:
    """Return how differently the products at rows `train` (n,) and `test` (m,) lie; None with fewer than two of either.

    Of each some hundred products with each class by its share. A row of each group makes rows exchangeable.
    """
    if min(len(train), len(test)) < 2:
        return None
    first, second = (rows[sample_by_class(label_ids[rows], _COMPARED)] for rows in (train, test))
    found = mmd_test(features[first], features[second])
    return Drift(mmd=found.statistic, p_value=found.p_value, n_train=len(first), n_test=len(second))
