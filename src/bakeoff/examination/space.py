"""Where products lie among each other in feature space: how far from others, beside which one, where on a map."""

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from bakeoff.records.examination import Drift
from bakeoff.statistics.two_sample import mmd_test

_NEIGHBOURS, _COMPONENTS, _PERPLEXITY = 10, 50, 30.0
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


def sample_by_class(label_ids: np.ndarray, n_wanted: int) -> np.ndarray:
    """Return at most `n_wanted` rows of label_ids (N,), ascending, at random with each class by its share."""
    shuffled = pd.Series(label_ids).sample(frac=1, random_state=0)
    of_class = shuffled.groupby(shuffled)
    turns = (of_class.cumcount() / of_class.transform("size")).sort_values(kind="stable")
    return np.sort(turns.index[:n_wanted])


def drift(features: np.ndarray, label_ids: np.ndarray, *, train: np.ndarray, test: np.ndarray) -> Drift | None:
    """Return how differently the products at rows `train` (n,) and `test` (m,) lie; None with fewer than two of either.

    Of each some hundred products with each class by its share. A row of each group makes rows exchangeable.
    """
    if min(len(train), len(test)) < 2:
        return None
    first, second = (rows[sample_by_class(label_ids[rows], _COMPARED)] for rows in (train, test))
    found = mmd_test(features[first], features[second])
    return Drift(mmd=found.statistic, p_value=found.p_value, n_train=len(first), n_test=len(second))


def place(features: np.ndarray, label_ids: np.ndarray, *, max_positions: int) -> np.ndarray:
    """Return where t-SNE, after PCA, puts at most `max_positions` products, (N, 2) float32; NaN for the others.

    Each class has its share of the sample. One thread, because t-SNE blows up the last digits, which sums over threads
    change.

    Source:
        L. van der Maaten and G. Hinton, Visualizing data using t-SNE, J. Mach. Learn. Res. 9 (2008) 2579-2605.
    """
    rows = sample_by_class(label_ids, max_positions)
    positions = np.full((len(features), 2), np.nan, dtype=np.float32)
    with threadpool_limits(1):
        reduced = PCA(min(_COMPONENTS, len(rows), features.shape[1]), random_state=0).fit_transform(features[rows])
        reducer = TSNE(perplexity=min(_PERPLEXITY, (len(rows) - 1) / 3), random_state=0)
        positions[rows] = reducer.fit_transform(reduced)
    return positions
