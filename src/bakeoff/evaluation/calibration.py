"""Makes probabilities honest with one number, the temperature, and says what thresholds of confidence would buy."""

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from bakeoff.core.errors import EvaluationError
from bakeoff.data.predictions import Predictions
from bakeoff.evaluation import reliability
from bakeoff.evaluation.metrics import brier_scores, exact_probabilities, log_losses, predicted_classes
from bakeoff.evaluation.params import EvaluateParams
from bakeoff.statistics.interval import wilson_interval

THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
MIN_VALIDATION = 50
"""Validation products below which one number fitted on them is not to be trusted."""
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.02, 50.0
_FLAT = 1e-9  # nats: where the loss has run out, its minimum is no minimum
_LEAST = float(np.finfo(np.float32).tiny)


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return p^(1/T) divided by its row sums, (N, K) float64; for a softmax that is its logits divided by T.

    The order of the classes never changes. T > 1 softens, T < 1 sharpens. A probability below 1.2e-38 (float32's
    smallest normal number) counts as that.

    Raises:
        EvaluationError: the temperature is not above 0.

    Source:
        C. Guo et al., On calibration of modern neural networks, ICML 2017, section 4.2.
    """
    if not (np.isfinite(temperature) and temperature > 0):
        raise EvaluationError(f"a temperature is a number above 0, got {temperature}; evaluate the candidate again.")
    logits = _logits(probabilities) / temperature
    return np.exp(logits - logsumexp(logits, axis=1, keepdims=True))


def fit_temperature(label_ids: np.ndarray, probabilities: np.ndarray) -> tuple[float, str | None]:
    """Return the temperature of least log loss and None, or 1.0 and `temperature_at_bound` where there is no minimum.

    Products that are all classified rightly, or no better than at random, want T = 0 or infinity. Then no temperature
    is applied: certainty cannot be learned from them. `label_ids` (N,) int64 are true classes of probabilities (N, K).
    """
    if probabilities.shape[1] < 2:
        return 1.0, None
    logits, rows = _logits(probabilities), np.arange(len(label_ids))

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return float((logsumexp(scaled, axis=1) - scaled[rows, label_ids]).mean())

    bounds = (np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE))
    fitted = float(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6}).x)
    at_bound = min(loss(bound) for bound in bounds) <= loss(fitted) + _FLAT
    return (1.0, "temperature_at_bound") if at_bound else (float(np.exp(fitted)), None)


def coverage_table(confidence: np.ndarray, correct: np.ndarray, copies: float = 1) -> list[dict[str, Any]]:
    """Return for each threshold the share of products at least that sure, and how often those are right.

    Of each product: `confidence` (N,) in its predicted class, whether it is `correct` (N,) bool; `copies` is the mean
    size of a product's group (`bakeoff.statistics.groups`). So in all functions here.
    """
    table = []
    for threshold in THRESHOLDS:
        kept = confidence >= threshold
        row = {"threshold": threshold, "coverage": float(kept.mean()), "n": int(kept.sum())}
        table.append(row | reliability.accuracy_of(correct[kept], copies))
    return table


def fit_threshold(confidence: np.ndarray, correct: np.ndarray, precision: float) -> float | None:
    """Return the least confidence from which on at least `precision`, in (0, 1), of the products are right, or None."""
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence, n_right = confidence[order], np.cumsum(correct[order])
    ends_tie = np.append(sorted_confidence[1:] != sorted_confidence[:-1], True)
    kept = np.flatnonzero(ends_tie & (n_right >= precision * np.arange(1, len(order) + 1) - 1e-9))
    return float(sorted_confidence[kept[-1]]) if len(kept) else None


def automation_record(
    validation: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], precision: float, copies: float = 1
) -> dict[str, Any]:
    """Return calibration.json's `automation`: fitted on validation, judged on test, with Wilson's 95 % intervals.

    Of each split confidence and correctness are given; `precision` is the promised share of right ones, in (0, 1).
    """
    threshold = fit_threshold(*validation, precision)
    confidence, correct = test
    alone = confidence >= (np.inf if threshold is None else threshold)
    share, n = float(alone.mean()), int(alone.sum())
    low, high = wilson_interval(share, len(alone) / copies)
    found: dict[str, Any] = {"promised": precision, "threshold": threshold, "share": share}
    found |= {"share_low": low, "share_high": high, "n": n}
    right = reliability.accuracy_of(correct[alone], copies)
    return found | {name.replace("accuracy", "precision"): value for name, value in right.items()}


def calibration_record(predictions: Predictions, params: EvaluateParams, copies: float = 1) -> dict[str, Any]:
    """Return calibration.json less its key: the temperature fitted on validation, and its effect on test.

    `warning` is `temperature_at_bound`, else `validation_small` below `MIN_VALIDATION` products, else None.

    Raises:
        EvaluationError: validation or test holds no product.
    """
    validation_ids, validation = predictions.split("validation")
    label_ids, probabilities = predictions.split("test")
    if len(validation_ids) == 0 or len(label_ids) == 0:
        raise EvaluationError("calibration needs products in validation and test; check `split` in params.yaml.")
    temperature, warning = fit_temperature(validation_ids, validation)
    if warning is None and len(validation_ids) < MIN_VALIDATION:
        warning = "validation_small"
    before = exact_probabilities(probabilities)
    after = apply_temperature(probabilities, temperature) if temperature != 1.0 else before
    correct = predicted_classes(probabilities) == label_ids
    validated = apply_temperature(validation, temperature).max(axis=1), predicted_classes(validation) == validation_ids
    tested = apply_temperature(probabilities, temperature).max(axis=1), correct
    return {
        "temperature": temperature,
        "fitted_on": "validation",
        "n_validation": len(validation_ids),
        "bins": params.calibration_bins,
        "test": {
            "before": measure_calibration(label_ids, before, correct, params, copies),
            "after": measure_calibration(label_ids, after, correct, params, copies),
        },
        "coverage": coverage_table(after.max(axis=1), correct, copies),
        "automation": automation_record(validated, tested, params.automation.precision, copies),
        "warning": warning,
    }


def measure_calibration(
    label_ids: np.ndarray, exact: np.ndarray, correct: np.ndarray, params: EvaluateParams, copies: float = 1
) -> dict[str, Any]:
    """Return calibration errors, interval, log loss, Brier score and reliability bins of exact (N, K) float64."""
    confidence, n_bins = exact.max(axis=1), params.calibration_bins
    interval = reliability.calibration_error_interval(
        confidence, correct, label_ids, n_bins=n_bins, n_resamples=params.n_bootstrap_ece, copies=copies
    )
    return {
        "ece_equal_width": reliability.expected_calibration_error(confidence, correct, n_bins=n_bins),
        "ece_equal_mass": reliability.equal_mass_error(confidence, correct, n_bins=n_bins),
        "ece_low": interval.low,
        "ece_high": interval.high,
        "method": interval.method,
        "n_resamples": interval.n_resamples,
        "log_loss": float(log_losses(label_ids, exact).mean()),
        "brier": float(brier_scores(label_ids, exact).mean()),
        "reliability": reliability.reliability_bins(confidence, correct, n_bins=n_bins, copies=copies),
    }


def _logits(probabilities: np.ndarray) -> np.ndarray:
    """Return ln p, (N, K) float64, finite."""
    return np.log(np.clip(probabilities.astype(np.float64), _LEAST, None))
