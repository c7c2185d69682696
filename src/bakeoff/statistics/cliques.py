"""Candidates that the tests cannot tell apart, in groups, as the bars of a critical-difference picture show them."""

from collections.abc import Sequence

import numpy as np

from bakeoff.core.errors import EvaluationError


def indistinguishable(names: Sequence[str], p_values: np.ndarray, alpha: float = 0.05) -> list[list[str]]:
    """Return the maximal groups of candidates next to each other in the ranking of which no two are told apart.

    A group is a run of two or more ranks in which every pair's p-value exceeds `alpha`, and which no longer such run
    contains. Groups may share candidates: "not told apart" is not an equivalence: A and C may differ while B
    differs from neither. A candidate told apart from both its neighbours is in no group.

    Args:
        names: M candidates, best first.
        p_values: (M, M) adjusted, symmetric, in [0, 1]; the diagonal is not read.
        alpha: level of the tests, in (0, 1).

    Raises:
        EvaluationError: the matrix is not (M, M), not symmetric, or holds no p-values.

    Source:
        J. Demsar, Statistical comparisons of classifiers over multiple data sets, J. Mach. Learn. Res. 7 (2006) 1-30,
        figure 1: groups of classifiers that are not significantly different are connected.
    """
    p_values = _checked(np.asarray(p_values, dtype=np.float64), len(names))
    groups: list[list[str]] = []
    reached = 0
    for start in range(len(names)):
        stop = start + 1
        while stop < len(names) and (p_values[start:stop, stop] > alpha).all():
            stop += 1
        if stop - start > 1 and stop > reached:
            groups.append(list(names[start:stop]))
        reached = max(reached, stop)
    return groups


def _checked(p_values: np.ndarray, n_names: int) -> np.ndarray:
    """Return the p-values, the diagonal 1."""
    if p_values.shape != (n_names, n_names):
        raise EvaluationError(f"expected p-values of every pair ({n_names}, {n_names}), got shape {p_values.shape}.")
    p_values = p_values.copy()
    np.fill_diagonal(p_values, 1.0)
    if not ((p_values >= 0) & (p_values <= 1)).all():
        raise EvaluationError("p-values lie in [0, 1] for every pair of candidates; some do not, or are NaN.")
    if not np.array_equal(p_values, p_values.T):
        raise EvaluationError("the p-value of A against B and of B against A must be the same number.")
    return p_values
