"""The methods of fusion, by the names that `fuse.methods` takes; the only place that lists them.

The rules are those of J. Kittler et al., On combining classifiers, IEEE Trans. Pattern Anal. Mach. Intell. 20 (1998)
226-239, DOI 10.1109/34.667881, for classes that are equally frequent. Sides are (2, N, K) float64, rows sum to 1; of
early methods features, two (N, D) float32.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import softmax

from bakeoff.fusion.early import answer, learn_head
from bakeoff.fusion.stackers import SMALLEST, learn, stack

Array = np.ndarray
Learnt = dict[str, Array]
LEAST = float(np.finfo(np.float32).tiny)
"""What a fused probability of 0 becomes, so that no row is all zeros."""
_SHARES = np.linspace(0, 1, 101)


class Method(NamedTuple):
    """How two sides become one."""

    combine: Callable[[Learnt, Any], Array]
    """From what was learnt and the sides to (N, K), above 0; rows are divided by their sums afterwards.

    Of an early method to the classes that it has learnt, (N, P).
    """
    learn: Callable[[Any, Array, Any, int], Learnt] | None = None
    """From the sides, label_ids (N,) int64 below K, the method's settings and a seed; None where nothing is learnt."""
    is_early: bool = False
    """Whether sides are features, NaN where there is no input."""


def _weigh(learnt: Learnt, sides: Array) -> Array:
    """Return the mean with weights (1,) or (K,) in [0, 1] of the first side."""
    return sides[1] + learnt["weights"] * (sides[0] - sides[1])


def _learn_weights(sides: Array, label_ids: Array, params: Any, seed: int) -> Learnt:
    """Return the weights of least log loss, or the one of most right answers: of equal ones the nearest to a half."""
    if params.best_for == "accuracy":
        right = [(_weigh({"weights": share}, sides).argmax(axis=1) == label_ids).sum() for share in _SHARES]
        return {"weights": _SHARES[[np.lexsort((np.abs(_SHARES - 0.5), np.negative(right)))[0]]]}
    first, second = np.clip(sides, SMALLEST, None)
    gaps, rows = first - second, np.arange(len(label_ids))
    n_weights = sides.shape[2] if params.best_for == "log_loss_per_class" else 1

    def loss(weights: Array) -> tuple[float, Array]:
        mixed = second + weights * gaps
        own, total = mixed[rows, label_ids], mixed.sum(axis=1)
        slopes = gaps / total[:, None]
        slopes[rows, label_ids] -= gaps[rows, label_ids] / own
        slope = slopes.mean(axis=0)
        return float(np.log(total / own).mean()), slope if n_weights > 1 else slope.sum(keepdims=True)

    start = np.full(n_weights, 0.5)
    return {"weights": minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, 1)] * n_weights).x}


def _vote(sides: Array) -> Array:
    return sides.mean(axis=0, keepdims=True)


METHODS = {
    "max": Method(lambda learnt, sides: sides.max(axis=0)),
    "mean": Method(lambda learnt, sides: sides.mean(axis=0)),
    "weighted_mean": Method(_weigh, _learn_weights),
    "product": Method(lambda learnt, sides: softmax(np.log(np.clip(sides, LEAST, None)).sum(axis=0), axis=1)),
    "stacking_logistic": Method(stack, partial(learn, "logistic")),
    "stacking_svm": Method(stack, partial(learn, "svm")),
    "stacking_boosting": Method(stack, partial(learn, "boosting")),
    "voting_stacking": Method(
        lambda learnt, sides: stack(learnt, _vote(sides)),
        lambda sides, *given: learn("logistic", _vote(sides), *given),
    ),
    "early_linear": Method(answer, partial(learn_head, "linear"), is_early=True),
    "early_mlp": Method(answer, partial(learn_head, "mlp"), is_early=True),
}
