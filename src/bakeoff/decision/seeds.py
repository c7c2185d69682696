"""Several trainings of one candidate: how much of its spread is the seed, and how much the test products."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def seed_spread(correct: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """Return choice.json's `seeds`; candidates with a single training have no entry.

    Args:
        correct: candidate to (S, N) bool, whether training s classifies test product n rightly; every training of a
            candidate has the same products in the same order.

    Returns:
        candidate to {"n_seeds", "mean" (accuracy, share), "sd_seeds" and "sd_data" (standard deviations of one
        training's accuracy, shares; null for a single product)}. `sd_seeds` is what another seed changes on these
        products, `sd_data` what other test products change; each holds what is new with every seed and product, so
        their squares add up to more than the whole.

    Source:
        S. R. Searle, G. Casella and C. E. McCulloch, Variance Components (1992), section 4.5.
    """
    return {
        candidate: {
            "n_seeds": len(hits),
            "mean": float(hits.mean()),
            "sd_seeds": float(hits.mean(axis=1).std(ddof=1)),
            "sd_data": (float(hits.var(axis=1, ddof=1).mean()) / hits.shape[1]) ** 0.5 if hits.shape[1] > 1 else None,
        }
        for candidate, hits in correct.items()
        if len(hits) > 1
    }
