"""Which labels are probably wrong, by what a linear probe on frozen features says of products it has not seen."""

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

_C, _ITERATIONS = 0.01, 100
"""Of errors planted into 5 % of the demo, C from 1 to 0.001 finds 0.95 to 0.81, at a precision of 0.39 to 0.51."""


def cross_validate(
    features: np.ndarray, label_ids: np.ndarray, folds: np.ndarray, n_labels: int, *, advance: Callable[[], object]
) -> np.ndarray:
    """Return what logistic regressions on standardised features, each trained without a fold, say of that fold.

    From features (N, D) float32, label_ids (N,) int64 below `n_labels` = K and folds (N,) int64 that keep groups whole
    to probabilities (N, K) float32, rows sum to 1; a class that lies in one fold alone gets 0 there.
    """
    probabilities = np.zeros((len(features), n_labels), dtype=np.float32)
    for fold in np.unique(folds):
        inside = folds == fold
        if (label_ids[~inside] == label_ids[~inside][:1]).all():  # nothing to tell apart
            probabilities[inside, label_ids[~inside][:1]] = 1
            advance()
            continue
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=_C, max_iter=_ITERATIONS))
        with warnings.catch_warnings():  # errors are told long before the last digit is
            warnings.simplefilter("ignore", ConvergenceWarning)
            probe.fit(features[~inside], label_ids[~inside])
        probabilities[np.ix_(inside, probe.classes_)] = probe.predict_proba(features[inside])
        advance()
    return probabilities


def find_label_errors(label_ids: np.ndarray, probabilities: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Return which labels are probably wrong, (N,) bool; none of a class that lies in one fold alone.

    Source:
        C. G. Northcutt, L. Jiang and I. L. Chuang, Confident learning: estimating uncertainty in dataset labels,
        J. Artif. Intell. Res. 70 (2021) 1373-1411, DOI 10.1613/jair.1.12125; the labels that it would prune both by
        class and by noise rate.
    """
    from cleanlab.filter import find_label_issues

    found = find_label_issues(label_ids, probabilities, filter_by="both", n_jobs=1)
    return np.asarray(found) & (pd.Series(folds).groupby(label_ids).transform("nunique").to_numpy() > 1)
