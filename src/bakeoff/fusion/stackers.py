"""Classifiers that learn from the sides' answers which to believe, kept as plain arrays.

Source:
    D. H. Wolpert, Stacked generalization, Neural Netw. 5 (1992) 241-259, DOI 10.1016/S0893-6080(05)80023-1.
"""

import warnings
from typing import Any, Literal

import numpy as np
from scipy.special import softmax

from bakeoff.core.errors import SetupError

Array = np.ndarray
Learnt = dict[str, Array]
SMALLEST = 1e-6
"""A probability below it says no more than that the class is out of the question."""


def learn(
    kind: Literal["logistic", "svm", "boosting"], sides: Array, label_ids: Array, params: Any, seed: int
) -> Learnt:
    """Return what a stacker learns from sides (S, N, K) and true classes (N,), with the classes that it has seen.

    Linear ones learn from standardised inputs, which costs a third of the time, and are kept as if they had not.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    rows = np.random.default_rng(seed).permutation(len(label_ids))[: params.max_rows]
    inputs, (classes, targets) = _inputs(sides[:, rows]), np.unique(label_ids[rows], return_inverse=True)
    if len(classes) < 2:
        return {"classes": classes[:0]}  # nothing to tell apart
    if kind == "boosting":
        return {"classes": classes, **_boost(inputs, targets, params, seed)}
    logistic, svm = LogisticRegression(C=params.c, max_iter=1000), LinearSVC(C=params.c, random_state=seed)
    model: Any = logistic if kind == "logistic" else svm  # whose margins count as logits: `evaluate` calibrates them
    with warnings.catch_warnings():  # the last digits of a fit that is good enough
        warnings.filterwarnings("ignore", "(lbfgs|Liblinear) failed to converge")
        model.fit((scaler := StandardScaler()).fit_transform(inputs), targets)
    coefficients = model.coef_ / scaler.scale_
    return {
        "classes": classes,
        "coefficients": coefficients,
        "intercepts": model.intercept_ - coefficients @ np.asarray(scaler.mean_),
    }


def stack(learnt: Learnt, sides: Array) -> Array:
    """Return a stacker's probabilities (N, K); a class that it has not seen keeps what it has in the sides' mean."""
    mean, classes = sides.mean(axis=0), learnt["classes"]
    if len(classes):
        logits = _logits(learnt, _inputs(sides))
        if logits.shape[1] == 1:  # of two classes: the margin of the second over the first
            logits = np.hstack([-logits, logits]) / 2
        mean[:, classes] = softmax(logits, axis=1) * mean[:, classes].sum(axis=1, keepdims=True)
    return mean


def _inputs(sides: Array) -> Array:
    """Return each side's log-probabilities less their mean over the classes: (S, N, K) to (N, S K)."""
    logs = np.log(np.maximum(sides, SMALLEST))
    return np.concatenate(list(logs - logs.mean(axis=2, keepdims=True)), axis=1)


def _boost(inputs: Array, targets: Array, params: Any, seed: int) -> Learnt:
    """Return the nodes of scikit-learn's trees, one tree after the other, or xgboost's own bytes."""
    used = params.model_dump(exclude={"library", "max_rows"}) | {"random_state": seed}
    if params.library == "xgboost":
        names = {"n_estimators": "max_iter", "max_leaves": "max_leaf_nodes", "reg_lambda": "l2_regularization"}
        model = _xgboost().XGBClassifier(**{name: used.pop(own) for name, own in names.items()}, **used)
        return {"booster": np.frombuffer(model.fit(inputs, targets).get_booster().save_raw("ubj"), dtype=np.uint8)}
    from sklearn.ensemble import HistGradientBoostingClassifier

    model: Any = HistGradientBoostingClassifier(**used, early_stopping=False).fit(inputs, targets)  # type: ignore[arg-type]
    nodes = [tree.nodes for trees in model._predictors for tree in trees]
    return {
        "nodes": np.concatenate(nodes),
        "sizes": np.array([len(one) for one in nodes]),
        "baseline": model._baseline_prediction[0],
    }


def _logits(learnt: Learnt, inputs: Array) -> Array:
    """Return logits (N, K), or (N, 1) of two classes."""
    if "coefficients" in learnt:
        return inputs @ learnt["coefficients"].T + learnt["intercepts"]
    if "booster" in learnt:
        xgboost = _xgboost()
        booster = xgboost.Booster(model_file=bytearray(learnt["booster"].tobytes()))
        return booster.predict(xgboost.DMatrix(inputs), output_margin=True).reshape(len(inputs), -1)
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor  # no public way from nodes to answers
    from sklearn.utils._openmp_helpers import _openmp_effective_n_threads

    none, places = np.zeros((0, 8), dtype=np.uint32), np.zeros(inputs.shape[1], dtype=np.uint32)  # of categories
    n_threads, columns = _openmp_effective_n_threads(), np.asfortranarray(inputs)  # a tree reads few of them
    logits = np.repeat(learnt["baseline"][:, None], len(inputs), axis=1)
    for number, nodes in enumerate(np.split(learnt["nodes"], np.cumsum(learnt["sizes"])[:-1])):
        tree = TreePredictor(nodes, none, none)
        logits[number % len(logits)] += tree.predict(columns, none, places, n_threads)
    return logits.T


def _xgboost() -> Any:
    try:
        import xgboost
    except ImportError:
        told = "xgboost is not installed; install bakeoff's extra `xgboost`, or set fuse.stacking_boosting.library"
        raise SetupError(f"{told} to scikit-learn.") from None
    return xgboost
