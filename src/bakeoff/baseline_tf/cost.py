"""What the baseline's network costs: multiply-adds of a forward pass, counted by TensorFlow's own profiler."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2_as_graph

from bakeoff.baseline_tf.runtime import tf

_MULTIPLY_ADDS = {"Conv2D", "DepthwiseConv2dNative", "MatMul", "BatchMatMulV2", "Einsum"}


def count_gmacs(traced: Any, image_size: int) -> float:
    """Return 1e9 multiply-adds of one image's forward pass: convolutions and matrix products, nothing else.

    `traced` is the concrete function of images (N, H, W, 3), H = W = `image_size` px.
    """
    single = tf.function(traced).get_concrete_function(tf.TensorSpec((1, image_size, image_size, 3), tf.float32))
    _, definition = convert_variables_to_constants_v2_as_graph(single)
    profiler = tf.compat.v1.profiler
    with tf.Graph().as_default() as graph, _quiet():
        tf.graph_util.import_graph_def(definition, name="")
        options = profiler.ProfileOptionBuilder.float_operation()
        options["output"] = "none"
        counted = profiler.profile(graph, run_meta=tf.compat.v1.RunMetadata(), cmd="op", options=options)
    return sum(part.float_ops for part in _operations(counted) if part.name in _MULTIPLY_ADDS) / 2e9


def _operations(node: Any) -> Iterator[Any]:
    for child in node.children:
        yield child
        yield from _operations(child)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back that the profiler itself calls a deprecated function."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
