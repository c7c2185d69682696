"""Where products lie among each other in feature space: alone, beside a train product, on a map."""

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

_NEIGHBOURS, _COMPONENTS, _PERPLEXITY = 10, 50, 30.0


def isolation(features: np.ndarray) -> np.ndarray:
    """Return each product's mean cosine distance to its 10 nearest others, (N,) float64 in [0, 2].

    Source:
        S. Ramaswamy, R. Rastogi and K. Shim, Efficient algorithms for mining outliers from large data sets, SIGMOD
        (2000) 427-438, DOI 10.1145/342009.335437; the mean in place of the tenth distance.
    """
    unit = normalize(features)
    search = NearestNeighbors(n_neighbors=min(_NEIGHBOURS, len(unit) - 1)).fit(unit)
    return (search.kneighbors()[0] ** 2 / 2).mean(axis=1)


def place(features: np.ndarray, label_ids: np.ndarray, *, max_positions: int) -> np.ndarray:
    """Return where t-SNE puts at most `max_positions` products, (N, 2) float32; NaN for the others.

    The sample has each class by its share. After PCA to 50 components; with one seed and one thread, since sums over
    threads differ in their last digits and t-SNE blows these up.

    Source:
        L. van der Maaten and G. Hinton, Visualizing data using t-SNE, J. Mach. Learn. Res. 9 (2008) 2579-2605.
    """
    shuffled = pd.Series(label_ids).sample(frac=1, random_state=0)
    of_class = shuffled.groupby(shuffled)
    turns = (of_class.cumcount() / of_class.transform("size")).sort_values(kind="stable")
    rows = np.sort(turns.index[:max_positions])
    positions = np.full((len(features), 2), np.nan, dtype=np.float32)
    with threadpool_limits(1):
        reduced = PCA(min(_COMPONENTS, len(rows), features.shape[1]), random_state=0).fit_transform(features[rows])
        perplexity = min(_PERPLEXITY, (len(rows) - 1) / 3)
        positions[rows] = TSNE(perplexity=perplexity, random_state=0).fit_transform(reduced)
    return positions
