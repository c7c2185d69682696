"""scikit-learn's classifiers on features of texts, as arrays that answer alike after they were stored."""

import warnings
from typing import Any

import numpy as np
from scipy.sparse import issparse
from scipy.special import log_expit, softmax

from bakeoff.core.seeding import default_threads
from bakeoff.records.text import (
    FinetuneParams,
    HeadClassifierParams,
    LinearSvcParams,
    LogisticParams,
    RandomForestParams,
    SgdLogisticParams,
)


class LinearHead:
    """Scores that are weighted sums of the features.

    Probabilities are the softmax of the scores, or with `one_vs_rest` their sigmoids divided by the sum (Zadrozny and
    Elkan 2002, doi:10.1145/775047.775151), as scikit-learn has them.
    """

    def __init__(self, coefficients: np.ndarray, intercepts: np.ndarray, one_vs_rest: np.ndarray) -> None:
        """Hold coefficients (P, D), intercepts (P,) and a bool ()."""
        self.arrays = {"coefficients": coefficients, "intercepts": intercepts, "one_vs_rest": one_vs_rest}

    def probabilities(self, features: Any) -> np.ndarray:
        """Return (N, P), rows sum to 1, of features (N, D)."""
        scores = features @ self.arrays["coefficients"].T + self.arrays["intercepts"]
        return softmax(log_expit(scores) if self.arrays["one_vs_rest"] else scores, axis=1)


class ForestHead:
    """The mean of the class shares in the leaves of T trees of M nodes in all."""

    def __init__(self, nodes: np.ndarray, shares: np.ndarray, sizes: np.ndarray, n_features: np.ndarray) -> None:
        """Hold nodes (M,) as scikit-learn has them, their class shares (M, P), n of each tree (T,) and features ()."""
        from sklearn.tree._tree import Tree

        self.arrays = {"nodes": nodes, "shares": shares, "sizes": sizes, "n_features": n_features}
        self.trees = [Tree(int(n_features), np.array([shares.shape[1]], np.intp), 1) for _ in sizes]
        for tree, end, n in zip(self.trees, np.cumsum(sizes).tolist(), sizes.tolist(), strict=True):
            own = {"nodes": nodes[end - n : end], "values": shares[end - n : end, None]}
            tree.__setstate__({"max_depth": 0, "node_count": n, **own})  # where answers do not need the depth

    def probabilities(self, features: Any) -> np.ndarray:
        """Return (N, P), rows sum to 1, of features (N, D): summed in one order, unlike by scikit-learn's threads."""
        inputs = features.astype(np.float32)
        return np.asarray(sum(tree.predict(inputs) for tree in self.trees)) / len(self.trees)

    def importances(self) -> np.ndarray:
        """Return the share of each feature in the fall of impurity, (D,), sum 1 (0 where no tree splits)."""
        total = np.asarray(sum(tree.compute_feature_importances() for tree in self.trees))
        return total / (total.sum() or 1)


Head = LinearHead | ForestHead


def head_of(arrays: dict[str, np.ndarray]) -> Head:
    """Return the head that has these arrays."""
    return ForestHead(**arrays) if "nodes" in arrays else LinearHead(**arrays)


def fit_head(
    features: Any, labels: np.ndarray, weights: np.ndarray, params: HeadClassifierParams, *, seed: int
) -> Head:
    """Return a head fitted to features (N, D), labels (N,) int64 of P classes and weights (N,) ≥ 0.

    A forest draws its rows by their weights. One class alone is certain.
    """
    from sklearn.exceptions import ConvergenceWarning

    n_classes = len(np.unique(labels))
    one_vs_rest = isinstance(params, SgdLogisticParams)
    if n_classes == 1:
        return LinearHead(np.zeros((1, features.shape[1])), np.zeros(1), np.array(False))
    model = _model(params, seed)
    if isinstance(params, LinearSvcParams) and issparse(features):
        model.set_params(dual=True)  # of 85,000 texts four times as fast as scikit-learn's choice, with equal answers
    with warnings.catch_warnings():  # the last digits of a fit that is good enough
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features, labels, sample_weight=weights)
    if isinstance(params, RandomForestParams):
        states = [tree.tree_.__getstate__() for tree in model.estimators_]
        nodes, shares = (np.concatenate([state[name] for state in states]) for name in ("nodes", "values"))
        return ForestHead(
            nodes, shares[:, 0], np.array([state["node_count"] for state in states]), np.array(features.shape[1])
        )
    coefficients, intercepts = model.coef_, model.intercept_
    if n_classes == 2:  # the score of the second; a softmax sees their difference
        signs = np.array([-1.0, 1.0]) / (1 if one_vs_rest else 2)
        coefficients, intercepts = signs[:, None] * coefficients, signs * intercepts
    return LinearHead(coefficients, intercepts, np.array(one_vs_rest))


def _model(params: HeadClassifierParams, seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression, SGDClassifier
    from sklearn.svm import LinearSVC

    match params:
        case LinearSvcParams():
            return LinearSVC(C=params.c, max_iter=params.max_iter, random_state=seed)
        case LogisticParams() | FinetuneParams():
            return LogisticRegression(C=params.c, max_iter=params.max_iter, random_state=seed)
        case SgdLogisticParams():
            return SGDClassifier(loss="log_loss", alpha=params.alpha, max_iter=params.max_iter, random_state=seed)
    threads = default_threads()
    return RandomForestClassifier(params.n_trees, max_depth=params.max_depth, random_state=seed, n_jobs=threads)
