"""Heads that learn from both sides' features, side by side, kept as plain arrays.

They learn from products once more without a side, so that one head answers whatever a product lacks.

Source:
    N. Neverova et al., ModDrop: adaptive multi-modal gesture recognition, IEEE Trans. Pattern Anal. Mach. Intell. 38
    (2016) 1692-1706, arXiv:1501.00102; there a side is left out at random in each batch, here in copies of the rows.
"""

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from scipy.special import softmax

Array = np.ndarray
Learnt = dict[str, Array]
Kind = Literal["linear", "mlp"]


def learn_head(kind: Kind, sides: Sequence[Array], label_ids: Array, params: Any, seed: int) -> Learnt:
    """Return what a head learns from features (N, D) float32 of each side and true classes (N,).

    A row of NaN is a product that a side has nothing of: it counts as the mean.
    """
    from sklearn.preprocessing import StandardScaler

    generator = np.random.default_rng(seed)
    rows = generator.permutation(len(label_ids))[: params.max_rows]
    values, first = np.concatenate([side[rows] for side in sides], axis=1), sides[0].shape[1]
    classes, targets = np.unique(label_ids[rows], return_inverse=True)
    with np.errstate(invalid="ignore"):  # of a side that has nothing of any product
        scaler = StandardScaler().fit(values)
    learnt = {"classes": classes, "n_features": np.array([side.shape[1] for side in sides])}
    learnt |= {"means": np.asarray(scaler.mean_, np.float32), "scales": np.asarray(scaler.scale_, np.float32)}
    n_copies, copied = round(params.dropout * len(rows)), [np.arange(len(rows))]
    copied += [generator.permutation(len(rows))[:n_copies] for _ in sides]
    inputs = _standardised(learnt, values)[np.concatenate(copied)]
    inputs[len(rows) : len(rows) + n_copies, :first] = 0
    inputs[len(rows) + n_copies :, first:] = 0
    layers = _fit(kind, inputs, targets[np.concatenate(copied)], params, seed) if len(classes) > 1 else []
    for number, (weights, biases) in enumerate(layers):
        learnt |= {f"weights_{number}": weights.astype(np.float32), f"biases_{number}": biases.astype(np.float32)}
    return learnt


def answer(learnt: Learnt, sides: Sequence[Array]) -> Array:
    """Return (N, P) float32, rows sum to 1, of the P classes that the head has seen; one alone is certain."""
    values = _standardised(learnt, np.concatenate(sides, axis=1))
    n_layers = sum(name.startswith("weights_") for name in learnt)
    for number in range(n_layers):
        values = np.maximum(values, 0) if number else values
        values = values @ learnt[f"weights_{number}"] + learnt[f"biases_{number}"]
    return softmax(values, axis=1) if n_layers else np.ones((len(values), 1), np.float32)


def _standardised(learnt: Learnt, values: Array) -> Array:
    """Return features (N, D) float32 of mean 0 and variance 1, NaN as 0."""
    return np.nan_to_num((values - learnt["means"]) / learnt["scales"])


def _fit(kind: Kind, inputs: Array, targets: Array, params: Any, seed: int) -> list[tuple[Array, Array]]:
    """Return weights (D, P) and biases (P,) of each layer; between two of them negative numbers become 0."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier

    if kind == "linear":
        model: Any = LogisticRegression(C=params.c, max_iter=1000)
    else:
        how = {"alpha": params.alpha, "max_iter": params.max_iter, "random_state": seed}
        model = MLPClassifier(tuple(params.hidden), **how)
    with warnings.catch_warnings():  # the last digits of a fit that is good enough
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(inputs, targets)
    linear = kind == "linear"
    weights, biases = ([model.coef_.T], [model.intercept_]) if linear else (model.coefs_, model.intercepts_)
    if len(biases[-1]) == 1:  # of two classes: the margin of the second over the first
        weights[-1], biases[-1] = (np.hstack([-one, one]) / 2 for one in (weights[-1], biases[-1]))
    return list(zip(weights, biases, strict=True))
