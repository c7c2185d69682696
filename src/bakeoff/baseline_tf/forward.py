"""Compiled forward passes (eager calls run at a third of the speed), what they cost, and what follows from scores."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.special import log_softmax, softmax

from bakeoff.baseline_tf.runtime import tf

_MULTIPLY_ADDS = {"Conv2D", "DepthwiseConv2dNative", "MatMul", "BatchMatMulV2", "Einsum"}
_SMALLEST = 1e-7  # probabilities are kept this far from 0 and 1 before a logarithm, as Keras does


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
    of_logits = "softmax" if loss == "cross_entropy" else "sigmoid_normalised"
    return {"softmax": "as_is", "sigmoid": "sigmoid_normalised"}.get(score, of_logits)


def count_gmacs(traced: Any, image_size: int) -> float:
    """Return 1e9 multiply-adds of one image's forward pass, by TensorFlow's profiler: convolutions, matrix products.

    `traced` is the concrete function of images (N, H, W, 3), H = W = `image_size` px.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2_as_graph
    from tensorflow.python.util import deprecation

    single = tf.function(traced).get_concrete_function(tf.TensorSpec((1, image_size, image_size, 3), tf.float32))
    _, definition = convert_variables_to_constants_v2_as_graph(single)
    profiler = tf.compat.v1.profiler
    with tf.Graph().as_default() as graph, deprecation.silence():  # the profiler calls a deprecated function
        tf.graph_util.import_graph_def(definition, name="")
        options = profiler.ProfileOptionBuilder.float_operation()
        options["output"] = "none"
        counted = profiler.profile(graph, run_meta=tf.compat.v1.RunMetadata(), cmd="op", options=options)
    return sum(part.float_ops for part in _operations(counted) if part.name in _MULTIPLY_ADDS) / 2e9


def _operations(node: Any) -> Iterator[Any]:
    for child in node.children:
        yield child
        yield from _operations(child)
