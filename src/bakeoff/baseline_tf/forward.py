"""Compiled forward passes (eager calls run at a third of the speed) and the numbers that follow from scores."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import log_softmax, softmax

from bakeoff.baseline_tf.runtime import tf

_SMALLEST = 1e-7
"""Probabilities are kept this far from 0 and 1 before a logarithm, as Keras does."""


def compile_forward(model: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from images (N, H, W, 3) float32 in 0-255 to the model's output; one trace serves every N."""
    signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)]
    call = tf.function(lambda images: model(images, training=False), input_signature=signature)
    return lambda images: call(tf.constant(images, tf.float32)).numpy()


def to_probabilities(scores: np.ndarray, *, score: str, kind: str) -> np.ndarray:
    """Return probabilities (N, K) float32, rows sum to 1, from a model's scores (N, K).

    `score` says what they are (`logits`, `softmax` or `sigmoid`), `kind` what they become (`probability_kind`).
    """
    values = scores.astype(np.float64)
    if score == "logits":
        values = softmax(values, axis=1) if kind == "softmax" else np.exp(-np.logaddexp(0, -values))
    total = values.sum(axis=1, keepdims=True)
    n_classes = values.shape[1]
    even = np.full_like(values, 1 / n_classes)  # every sigmoid is exactly 0: no class is preferred
    return np.divide(values, total, out=even, where=total > 0).astype(np.float32)


def row_losses(scores: np.ndarray, label_ids: np.ndarray, *, score: str, loss: str) -> np.ndarray:
    """Return each row's training loss, (N,) float64, as the trainer's own loss defines it, of scores (N, K)."""
    values = scores.astype(np.float64)
    one_hot = np.eye(values.shape[1])[label_ids]
    if loss == "cross_entropy":
        if score == "logits":
            log_probabilities = log_softmax(values, axis=1)
        else:
            shares = values / np.maximum(values.sum(axis=1, keepdims=True), _SMALLEST)
            log_probabilities = np.log(np.clip(shares, _SMALLEST, 1))
        return -(one_hot * log_probabilities).sum(axis=1)
    if score == "logits":
        return (np.logaddexp(0, values) - one_hot * values).mean(axis=1)
    values = np.clip(values, _SMALLEST, 1 - _SMALLEST)
    return -(one_hot * np.log(values) + (1 - one_hot) * np.log1p(-values)).mean(axis=1)


def probability_kind(score: str, loss: str) -> str:
    """Return what the probabilities are called in the records: `softmax`, `sigmoid_normalised` or `as_is`."""
    if score == "softmax":
        return "as_is"
    if score == "sigmoid":
        return "sigmoid_normalised"
    return "softmax" if loss == "cross_entropy" else "sigmoid_normalised"
