"""Several trainings of one candidate: how much of its spread is the seed, and how much the test products."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bakeoff.core.errors import EvaluationError
from bakeoff.statistics.seeds import split_variance


def seed_spread(correct: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """Return choice.json's `seeds`; candidates with a single training have no entry.

    Args:
        correct: candidate to (S, N) bool, whether training s classifies test product n rightly; every training of a
            candidate has the same products in the same order.

    Returns:
        candidate to {"n_seeds", "mean" (accuracy, share), "sd_seeds" and "sd_data" (standard deviations of one
        training's accuracy, shares; null for a single product)}. `sd_seeds` is what another seed changes, `sd_data`
        what other test products change.

    Raises:
        EvaluationError: an array that is not (S, N) with S and N of at least 1.
    """
    spread = {}
    for candidate, hits in correct.items():
        values = np.asarray(hits, dtype=bool)
        if values.ndim != 2 or 0 in values.shape:
            raise EvaluationError(
                f"{candidate}: expected hits of shape (seeds, products), got {values.shape}; "
                "give one row of test products per seed."
            )
        if len(values) > 1:
            found = split_variance(values)
            spread[candidate] = {name: found[name] for name in ("n_seeds", "mean", "sd_seeds", "sd_data")}
    return spread
