"""Parts of the training rows, each of which is answered by a model of the others."""

import warnings

import numpy as np

from bakeoff.core.seeding import derive_seed

Fold = tuple[np.ndarray, np.ndarray]
"""Numbers of the rows that are learnt from, and of those that are asked about."""


def make_folds(labels: np.ndarray, groups: np.ndarray, *, seed: int, n_folds: int = 5) -> list[Fold]:
    """Return folds of rows with labels (N,) int64 and groups (N,) int64, no group in two; each row is asked about once.

    Folds have each class by its share as far as groups allow. A class in fewer groups than folds is then missing from
    some, and one of a single group from the rows that its own fold is learnt from. There are fewer folds where there
    are fewer groups, or no class has as many rows; none where that leaves one, or one class to learn from.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    n_folds = min(n_folds, len(np.unique(groups)), int(np.bincount(labels).max(initial=0)))
    if n_folds < 2:
        return []
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=derive_seed(seed, "folds") % 2**32)
    with warnings.catch_warnings():  # a class with fewer rows than folds
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        found = list(folds.split(labels, labels, groups))
    return found if all(len(np.unique(labels[others])) > 1 for others, _ in found) else []
