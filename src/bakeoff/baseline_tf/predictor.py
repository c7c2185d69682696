"""The trained baseline behind `bakeoff.predictors.protocol.Predictor`; every call is compiled."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.baseline_tf import forward
from bakeoff.baseline_tf.cost import count_gmacs
from bakeoff.baseline_tf.model import score_model
from bakeoff.baseline_tf.record import MODEL_FILE, versions
from bakeoff.baseline_tf.runtime import Device, keras, limit_threads, peak_memory_mib, start, tf
from bakeoff.baseline_tf.sequence import Preprocessing, read_pixels
from bakeoff.core.allocator import allocator_name
from bakeoff.core.errors import EvaluationError, MemoryExhaustedError
from bakeoff.data.batching import PREDICT_BATCH
from bakeoff.data.photo import Photo
from bakeoff.data.products import Products
from bakeoff.data.transforms import to_unit, transform_photo
from bakeoff.learning.out_of_memory import out_of_memory_in_words
from bakeoff.records.training import TrainingRecord

_MAX_PIXEL = 255.0


@dataclass(frozen=True)
class KerasFacts:
    """What is known of a network before it is loaded."""

    labels: Sequence[str]
    preprocessing: Preprocessing
    score: str
    loss: str
    n_parameters: int
    file_mib: float
    source: str
    """Where it comes from, for messages."""


class KerasPredictor:
    """The baseline's network; loaded at its first use, so that threads may still be chosen before."""

    def __init__(self, load: Callable[[], Any], facts: KerasFacts, *, device: Device) -> None:
        self._load = load
        self._device = device
        self._facts = facts
        self._preprocessing = facts.preprocessing
        self.labels = list(facts.labels)
        self.image_size = facts.preprocessing.image_size
        self.probability_kind = forward.probability_kind(facts.score, facts.loss)
        self.description: dict[str, Any] = {
            "framework": "tensorflow",
            "runtime": "tf.function",
            "device": device.kind,
            "device_name": device.name,
            "threads": device.threads,
            "dtype": "float32",
            "memory_format": "channels_last",
            "allocator": allocator_name(),
            "n_parameters": facts.n_parameters,
            "file_mib": facts.file_mib,
            "scan": None,
            "versions": versions(),
        }

    @cached_property
    def network(self) -> Any:
        """The model up to its score, (N, H, W, 3) float32 in 0-255 to (N, K)."""
        with tf.device(self._device.tf_name):
            return score_model(self._load())[0]

    @cached_property
    def _traced(self) -> Any:
        """The compiled forward pass; one trace serves every N."""
        network, size = self.network, self.image_size
        return tf.function(lambda batch: network(batch, training=False)).get_concrete_function(
            tf.TensorSpec((None, size, size, 3), tf.float32)
        )

    @cached_property
    def _forward(self) -> Callable[[np.ndarray], np.ndarray]:
        forward_once = forward.compile_forward(self.network)

        def call(images: np.ndarray) -> np.ndarray:
            with self._in_words("predicting", images):
                return forward_once(images)

        return call

    @cached_property
    def _gradient(self) -> Any:
        """The compiled gradient of each image's target score; one trace serves every N."""
        size, network = self.image_size, self.network
        signature = [tf.TensorSpec((None, size, size, 3), tf.float32), tf.TensorSpec((None,), tf.int32)]

        @tf.function(input_signature=signature)
        def gradient(images: Any, targets: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(images)
                scores = network(images * _MAX_PIXEL, training=False)
                chosen = tf.reduce_sum(tf.gather(scores, targets, axis=1, batch_dims=1))
            return tape.gradient(chosen, images)

        return gradient

    def images(self, products: Products) -> np.ndarray:
        """Return the products' photos, resized and cropped, (N, H, W, 3) float32 in [0, 1]."""
        return to_unit(read_pixels(products, self._preprocessing))

    def predict(self, products: Products) -> np.ndarray:
        """Return (N, K) float32 probabilities, rows sum to 1, of N products, at least one."""
        return self.predict_images(self.images(products))

    def predict_images(self, images: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities, rows sum to 1, for images (N, H, W, 3) float32 in [0, 1]."""
        scores = [self._forward(batch * np.float32(_MAX_PIXEL)) for batch in _batches(images)]
        return self._probabilities(np.concatenate(scores))

    def gradients(self, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return d score[target] / d image, (N, H, W, 3) float32; the score is the logit, `as_is` the model's output.

        Args:
            images: (N, H, W, 3) float32 in [0, 1].
            targets: (N,) int, class indices below K.

        Raises:
            EvaluationError: a target is not a class.
        """
        targets = np.asarray(targets, dtype=np.int32)
        if len(targets) != len(images) or targets.min() < 0 or targets.max() >= len(self.labels):
            raise EvaluationError(
                f"targets must be one class index from 0 to {len(self.labels) - 1} per image ({len(images)}), "
                f"got {targets.tolist()}."
            )
        parts = []
        for batch, ids in zip(_batches(images), _batches(targets), strict=True):
            with self._in_words("gradients of", batch):
                parts.append(self._gradient(tf.constant(batch, tf.float32), ids).numpy())
        return np.concatenate(parts)

    def compiled_call(self, images: np.ndarray) -> Callable[[], None]:
        """Return a call of one synchronised forward pass at the images' own shape, inputs already on the device."""
        call = self._traced
        with self._in_words("measuring", images), tf.device(self._device.tf_name):
            on_device = tf.constant(images * np.float32(_MAX_PIXEL), tf.float32)

        def forward_once() -> None:
            with self._in_words("measuring", images):
                call(on_device).numpy()  # the K scores per image come back, which waits for the device

        return forward_once

    def transform(self, photo: Photo) -> np.ndarray:
        """Return a decoded photo resized and cropped, (H, W, 3) uint8."""
        return transform_photo(photo, self._preprocessing)

    def forward(self, pixels: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities of photos (N, H, W, 3) uint8 in a single forward pass."""
        return self._probabilities(self._forward(pixels.astype(np.float32)))

    def count_gmacs(self) -> tuple[float | None, str]:
        """Return 1e9 multiply-adds of one image's forward pass as TensorFlow's profiler counts them."""
        return count_gmacs(self._traced, self.image_size), "tf.compat.v1.profiler"

    def device_peak_mib(self, *, reset: bool = False) -> float | None:
        """Return the GPU's peak memory since the last reset, MiB; None on a CPU."""
        if self._device.kind != "cuda":
            return None
        if reset:
            tf.config.experimental.reset_memory_stats("GPU:0")
        return peak_memory_mib(self._device)

    def set_threads(self, n_threads: int) -> None:
        """Use this many CPU threads from here on.

        Raises:
            SetupError: TensorFlow's pool was started with fewer.
        """
        self.description["threads"] = limit_threads(n_threads)

    def speed_up(self) -> str:
        """Return how predictions are computed: every call is compiled, and there is no faster way here."""
        return str(self.description["runtime"])

    def _in_words(self, activity: str, images: np.ndarray) -> AbstractContextManager[None]:
        """Tell in words that memory ran out, and what to set."""
        sizes = f"{len(images)} photos of {images.shape[1]} x {images.shape[2]} px"
        doing = f"baseline_tf: {activity} {sizes} on {self._device.kind}"
        return out_of_memory_in_words(
            MemoryExhaustedError, doing, remedies="lower baseline.image_size, or set compute.device: cpu"
        )

    def _probabilities(self, scores: np.ndarray) -> np.ndarray:
        if not np.isfinite(scores).all():
            raise EvaluationError(f"{self._facts.source} gives scores that are no numbers; train baseline_tf again.")
        return forward.to_probabilities(scores, score=self._facts.score, kind=self.probability_kind)


def _batches(values: np.ndarray) -> Iterator[np.ndarray]:
    return (values[start : start + PREDICT_BATCH] for start in range(0, len(values), PREDICT_BATCH))


def load_keras_predictor(training_dir: Path, *, device: str = "auto", threads: int | None = None) -> KerasPredictor:
    """Return the predictor of a training folder.

    Args:
        training_dir: runs/baseline_tf/seed_<s>/training.
        device: `auto`, `cpu` or `cuda`.
        threads: CPU threads; None = all physical cores.

    Raises:
        EvaluationError: the folder holds no trained baseline.
        SetupError: the device is not there.
    """
    training, path = TrainingRecord.read(training_dir / "training.json"), training_dir / MODEL_FILE
    if training.score is None or training.preprocessing is None:
        raise EvaluationError(f"{training_dir} holds a {training.framework} training; expected the baseline's.")
    if not path.is_file():
        raise EvaluationError(f"{path} is missing; run `dvc repro baseline_tf`.")
    facts = KerasFacts(
        labels=training.labels,
        preprocessing=Preprocessing(**training.preprocessing),
        score=training.score,
        loss=training.loss,
        n_parameters=training.n_parameters,
        file_mib=path.stat().st_size / 2**20,
        source=str(path),
    )
    return KerasPredictor(
        lambda: keras.models.load_model(path, compile=False, safe_mode=True),
        facts,
        device=start(device=device, threads=threads),
    )
