"""What every interval and test asks of its inputs, refused in one sentence."""

import numpy as np

from bakeoff.core.errors import EvaluationError

Array = np.ndarray


def check_counts(counts: Array) -> Array:
    """Return a confusion matrix as (K, K) int64, rows the true classes.

    Raises:
        EvaluationError: not square, not whole, negative, or without a single product.
    """
    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.size == 0:
        raise EvaluationError(f"expected a square confusion matrix (K, K), got shape {counts.shape}; count again.")
    if not np.isfinite(counts).all() or (counts < 0).any() or (counts != np.floor(counts)).any():
        raise EvaluationError("a confusion matrix holds whole numbers from 0 upwards; pass counts, not shares.")
    if counts.sum() == 0:
        raise EvaluationError("a confusion matrix without products has no interval; check `split` in params.yaml.")
    return counts.astype(np.int64)


def check_values(values: Array, what: str) -> Array:
    """Return per-product values as (N,) float64.

    Raises:
        EvaluationError: not one-dimensional, empty, or not finite.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0:
        raise EvaluationError(f"expected one value of {what} per product (N,), N from 1, got shape {values.shape}.")
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise EvaluationError(f"{what} is NaN or infinite for {bad} of {len(values)} products; evaluate them again.")
    return values


def check_label_ids(label_ids: Array, n_labels: int, what: str) -> Array:
    """Return class numbers as (N,) int64.

    Raises:
        EvaluationError: not one-dimensional, empty, not whole, or outside 0 to `n_labels` - 1.
    """
    values = check_values(label_ids, what)
    if (values != np.floor(values)).any() or values.min() < 0 or values.max() >= n_labels:
        raise EvaluationError(f"{what} must be whole numbers from 0 to {n_labels - 1}; do the label sets agree?")
    return values.astype(np.int64)


def check_correct(correct: Array, what: str) -> Array:
    """Return right-or-wrong per product as (N,) bool.

    Raises:
        EvaluationError: not one-dimensional, empty, or other values than 0 and 1.
    """
    values = check_values(correct, what)
    if not np.isin(values, (0.0, 1.0)).all():
        raise EvaluationError(f"{what} must say right (1) or wrong (0) for each product, and holds other numbers.")
    return values.astype(bool)


def check_same_length(**lengths: int) -> None:
    """Refuse arrays that do not speak of the same products.

    Raises:
        EvaluationError: the lengths differ.
    """
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise EvaluationError(f"the same products are needed in each, in the same order, got {told}; compare again.")
