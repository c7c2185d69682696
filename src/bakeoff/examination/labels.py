"""Which labels are probably wrong, by what a linear probe on frozen features says of products it has not seen."""

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bakeoff.catalogue.folds import assign_folds

_C = 0.01
"""Inverse strength of the penalty: of 1 to 0.0003 the best precision at 90 % recall of errors planted into the demo."""
_ITERATIONS = 100


def fold_of_each(products: pd.DataFrame, n_folds: int) -> np.ndarray:
    """Return each product's fold, (N,) int64; groups stay whole."""
    folds = assign_folds(products[["product_id", "label", "group_id"]], n_folds, seed=0)
    return products["group_id"].map(folds).to_numpy(dtype=np.int64)


def cross_validate(
    features: np.ndarray, label_ids: np.ndarray, folds: np.ndarray, n_labels: int, *, advance: Callable[[], object]
) -> np.ndarray:
    """Return the probabilities that a probe which has not seen a product's group gives its classes.

    The probe is a logistic regression on standardised features. A class that lies in one fold alone gets 0 there.

    Args:
        features: (N, D) float32.
        label_ids: (N,) int64 below `n_labels`.
        folds: (N,) int64, of `fold_of_each`.
        n_labels: K.
        advance: called after each fold.

    Returns:
        (N, K) float32, rows sum to 1.
    """
    probabilities = np.zeros((len(features), n_labels), dtype=np.float32)
    for fold in np.unique(folds):
        inside = folds == fold
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=_C, max_iter=_ITERATIONS))
        with warnings.catch_warnings():  # far from the last digit, a probability tells errors as well
            warnings.simplefilter("ignore", ConvergenceWarning)
            probe.fit(features[~inside], label_ids[~inside])
        probabilities[np.ix_(inside, probe.classes_)] = probe.predict_proba(features[inside])
        advance()
    return probabilities


def find_label_errors(label_ids: np.ndarray, probabilities: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Return which labels are probably wrong, (N,) bool; none of a class that the probe could not learn.

    Source:
        C. G. Northcutt, L. Jiang and I. L. Chuang, Confident learning: estimating uncertainty in dataset labels,
        J. Artif. Intell. Res. 70 (2021) 1373-1411, DOI 10.1613/jair.1.12125; method "both".
    """
    from cleanlab.filter import find_label_issues

    found = find_label_issues(label_ids, probabilities, filter_by="both", n_jobs=1)
    n_folds = pd.Series(folds).groupby(label_ids).transform("nunique")
    return np.asarray(found) & (n_folds > 1).to_numpy()
