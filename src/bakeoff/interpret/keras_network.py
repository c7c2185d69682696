"""The baseline's network asked for scores, slopes and maps, in .venv-tf; the other end is `keras_subject`.

Images are (N, H, W, 3) float32 in [0, 1]. Every call is compiled, and one trace serves every N.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.baseline_tf.model import parts_of
from bakeoff.baseline_tf.runtime import keras, tf
from bakeoff.core.errors import MemoryExhaustedError
from bakeoff.interpret.subject import NotExplainable
from bakeoff.learning.out_of_memory import out_of_memory_in_words
from bakeoff.predictors.keras_predictor import KerasPredictor, load_keras_predictor
from bakeoff.records.settings import Geometry

_MAX_PIXEL = 255.0


class KerasNetwork:
    """A network whose public methods are the questions that it can be asked."""

    def __init__(self, predictor: KerasPredictor) -> None:
        self._predictor, self._network = predictor, predictor.network  # loaded here, for no trace may load it
        photos = tf.TensorSpec((None, predictor.image_size, predictor.image_size, 3), tf.float32)
        weights = tf.TensorSpec((None, len(predictor.labels)), tf.float32)
        self._slopes: Any = tf.function(self._trace_slopes, input_signature=[photos, weights])
        self._feature_map: Any = tf.function(self._trace_feature_map, input_signature=[photos, weights])
        self._features: Any = tf.function(self._trace_features, input_signature=[photos])

    def describe(self) -> dict[str, Any]:
        """Return title, labels, preprocessing, and the kind of score: `logit` or `probability`."""
        known = self._predictor
        geometry = Geometry(**known.preprocessing.model_dump())  # of a class that the client can load
        score = "logit" if known.score_kind == "logits" else "probability"
        return {"title": known.title, "labels": known.labels, "preprocessing": geometry, "score": score}

    def randomised(self, seed: int) -> "KerasNetwork":
        """Return the same network with weights drawn by `seed`."""
        return KerasNetwork(self._predictor.randomised(seed))

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return (N, K) float32, rows sum to 1."""
        return self._predictor.forward(images)

    def scores(self, images: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 logits, or what a foreign model gives."""
        return self._predictor.scores(images)

    def slopes(self, images: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return d (weights · scores) / d image, (N, H, W, 3) float32, by `weights` (N, K) float32."""
        return self._run(self._slopes, images, weights).numpy()

    def feature_map(self, images: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the last map and d (weights · scores) / d map, both (N, C, h, w) float32; `NotExplainable` without."""
        maps, slopes = (found.numpy().transpose(0, 3, 1, 2) for found in self._run(self._feature_map, images, weights))
        return maps, slopes

    def features(self, images: np.ndarray) -> np.ndarray:
        """Return that map's means, (N, C) float32, which is what global average pooling gives."""
        return self._run(self._features, images).numpy()

    def _trace_slopes(self, images: Any, weights: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(images)
            scores = self._forward(images)
        return tape.gradient(scores, images, output_gradients=weights)

    def _trace_feature_map(self, images: Any, weights: Any) -> Any:
        with tf.GradientTape() as tape, _outputs_of(self._last_map) as seen:
            tape.watch(images)
            scores = self._forward(images)
        return seen[0], tape.gradient(scores, seen[0], output_gradients=weights)

    def _trace_features(self, images: Any) -> Any:
        with _outputs_of(self._last_map) as seen:
            self._forward(images)
        return tf.reduce_mean(seen[0], axis=(1, 2))

    @cached_property
    def _last_map(self) -> Any:
        """The part of the network that gives the last map of more than one place."""
        found = [part for part in parts_of(self._network) if _is_map(part)]
        if not found:
            raise NotExplainable("its network has no map of features before it pools them.")
        return found[-1]

    def _forward(self, images: Any) -> Any:
        return self._network(images * _MAX_PIXEL, training=False)

    def _run(self, function: Callable[..., Any], images: np.ndarray, *weights: np.ndarray) -> Any:
        doing = f"{self._predictor.title}: explaining {len(images)} photos of {images.shape[2]} x {images.shape[1]} px"
        remedies = "lower interpret.batch_px, or set compute.device: cpu"
        with out_of_memory_in_words(MemoryExhaustedError, doing, remedies=remedies):
            return function(images, *weights)


def open_network(training_dir: Path, *, device: str, threads: int) -> KerasNetwork:
    """Return the trained network of a training folder."""
    return KerasNetwork(load_keras_predictor(training_dir, device=device, threads=threads))


def _is_map(part: Any) -> bool:
    """Return whether a part of a network computes maps (N, h, w, C), h and w not both 1."""
    if isinstance(part, keras.layers.InputLayer):
        return False
    shape = tuple(getattr(getattr(part, "output", None), "shape", ()))
    return len(shape) == 4 and shape[1:3] != (1, 1)


@contextmanager
def _outputs_of(part: Any) -> Iterator[list[Any]]:
    """Collect what a part of a network gives while the block traces it, however deep in nested models it is."""
    call, seen = part.call, []

    def watched(*given: Any, **named: Any) -> Any:
        seen.append(call(*given, **named))
        return seen[-1]

    part.call = watched
    try:
        yield seen
    finally:
        part.call = call
