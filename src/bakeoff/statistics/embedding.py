"""Where products lie on a map of a feature space, and which of many are drawn."""

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

_COMPONENTS, _PERPLEXITY = 50, 30.0


def sample_by_class(label_ids: np.ndarray, n_wanted: int) -> np.ndarray:
    """Return at most `n_wanted` rows of label_ids (N,), ascending, at random with each class by its share."""
    shuffled = pd.Series(label_ids).sample(frac=1, random_state=0)
    of_class = shuffled.groupby(shuffled)
    turns = (of_class.cumcount() / of_class.transform("size")).sort_values(kind="stable")
    return np.sort(turns.index[:n_wanted])


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
