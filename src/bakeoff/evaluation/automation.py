"""What a candidate can classify alone at a promised precision: the threshold on its confidence, and what that buys."""

from typing import Any

import numpy as np

from bakeoff.statistics.interval import wilson_interval


def fit_threshold(confidence: np.ndarray, correct: np.ndarray, precision: float) -> float | None:
    """Return the least confidence from which on at least `precision` of the products are right; None without one.

    Args:
        confidence: (N,) probability of the predicted class.
        correct: (N,) bool.
        precision: promised share of right ones, in (0, 1).
    """
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence, n_right = confidence[order], np.cumsum(correct[order])
    ends_tie = np.append(sorted_confidence[1:] != sorted_confidence[:-1], True)
    kept = np.flatnonzero(ends_tie & (n_right >= precision * np.arange(1, len(order) + 1) - 1e-9))
    return float(sorted_confidence[kept[-1]]) if len(kept) else None


def automation_record(
    validation: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], precision: float, copies: float = 1
) -> dict[str, Any]:
    """Return calibration.json's `automation`: fitted on validation, judged on test, with Wilson's 95 % intervals.

    Args:
        validation: (N,) confidence and (N,) bool whether right, of the validation products.
        test: of the test products.
        precision: promised share of right ones, in (0, 1).
        copies: mean size of a test product's group.
    """
    threshold = fit_threshold(*validation, precision)
    confidence, correct = test
    alone = confidence >= (np.inf if threshold is None else threshold)
    share, n = float(alone.mean()), int(alone.sum())
    low, high = wilson_interval(share, len(alone) / copies)
    found: dict[str, Any] = {"promised": precision, "threshold": threshold, "share": share}
    found |= {"share_low": low, "share_high": high, "n": n}
    if n == 0:
        return found | dict.fromkeys(("precision", "precision_low", "precision_high"))
    right = float(correct[alone].mean())
    low, high = wilson_interval(right, max(1, n / copies))
    return found | {"precision": right, "precision_low": low, "precision_high": high}
