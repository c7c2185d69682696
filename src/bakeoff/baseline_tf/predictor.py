"""The trained baseline behind `bakeoff.predictors.protocol.Predictor`; every call is compiled."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bakeoff.baseline_tf import forward
from bakeoff.baseline_tf.cost import count_gmacs
from bakeoff.baseline_tf.model import score_model
from bakeoff.baseline_tf.record import MODEL_FILE, versions
from bakeoff.baseline_tf.runtime import (
    Device,
    keras,
    limit_threads,
    out_of_memory_in_words,
    peak_memory_mib,
    start,
    tf,
)
from bakeoff.baseline_tf.sequence import Preprocessing, read_pixels, resize_photo
from bakeoff.core.allocator import allocator_name
from bakeoff.core.errors import DataError, EvaluationError, MemoryExhaustedError
from bakeoff.data.table import Catalogue
from bakeoff.data.transforms import to_unit

_MAX_PIXEL = 255.0


class KerasPredictor:
    """A trained baseline; the network is loaded at its first use, so that threads may still be chosen before."""

    def __init__(
        self, model_file: Path, training: dict[str, Any], catalogue: Catalogue, *, batch_size: int, device: Device
    ) -> None:
        self._model_file = model_file
        self._catalogue = catalogue
        self._batch_size = batch_size
        self._device = device
        self._score: str = training["score"]
        self._preprocessing = Preprocessing(**training["preprocessing"])
        self.labels: list[str] = list(training["labels"])
        self.image_size: int = self._preprocessing.image_size
        self.probability_kind: str = training["probabilities"]
        self.loss_name: str = training["loss"]
        self.description: dict[str, object] = {
            "framework": "tensorflow",
            "runtime": "tf.function",
            "device": device.kind,
            "device_name": device.name,
            "threads": device.threads,
            "dtype": "float32",
            "memory_format": "channels_last",
            "allocator": allocator_name(),
            "n_parameters": training["n_parameters"],
            "size_mib": training["size_mib"],
            "file_mib": model_file.stat().st_size / 2**20,
            "versions": versions(),
        }
        self.structure: dict[str, object] = {
            "name": training["architecture"],
            "score": self._score,
            "preprocessing": vars(self._preprocessing),
            "n_classes": len(self.labels),
            "n_parameters": training["n_parameters"],
        }

    @cached_property
    def network(self) -> Any:
        """The model up to its score, (N, H, W, 3) float32 in 0-255 to (N, K)."""
        with tf.device(self._device.tf_name):
            whole = keras.models.load_model(self._model_file, compile=False, safe_mode=True)
            return score_model(whole)[0]

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
            with self._in_words("predicting", images, setting=f"lower evaluate.batch_size (now {self._batch_size})"):
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

    def images(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return the products' photos, resized and cropped, (N, H, W, 3) float32 in [0, 1]."""
        return to_unit(read_pixels(self._catalogue, np.asarray(rows, dtype=np.int64), self._preprocessing))

    def predict_images(self, images: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities, rows sum to 1, for images (N, H, W, 3) float32 in [0, 1]."""
        scores = [self._forward(batch * np.float32(_MAX_PIXEL)) for batch in self._batches(images)]
        return self._probabilities(np.concatenate(scores))

    def predict(self, rows: Sequence[int] | np.ndarray) -> Iterator[np.ndarray]:
        """Yield (n, K) float32 probabilities batch by batch over `rows`, in order."""
        for scores in self._scores(rows):
            yield self._probabilities(scores)

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
        for batch, ids in zip(self._batches(images), self._batches(targets), strict=True):
            with self._in_words("gradients of", batch, setting="set compute.device: cpu"):
                parts.append(self._gradient(tf.constant(batch, tf.float32), ids).numpy())
        return np.concatenate(parts)

    def training_loss(self, probabilities_rows: Sequence[int] | np.ndarray) -> float:
        """Return the mean training loss over products."""
        rows = np.asarray(probabilities_rows, dtype=np.int64)
        scores = np.concatenate(list(self._scores(rows)))
        return forward.mean_loss(scores, self._catalogue.label_ids(rows), score=self._score, loss=self.loss_name)

    def compiled_call(self, images: np.ndarray) -> Callable[[], None]:
        """Return a call of one synchronised forward pass at the images' own shape, inputs already on the device."""
        call = self._traced
        setting = f"lower throughput.batch_sizes (now {len(images)})"
        with self._in_words("measuring", images, setting=setting), tf.device(self._device.tf_name):
            on_device = tf.constant(images * np.float32(_MAX_PIXEL), tf.float32)

        def forward_once() -> None:
            with self._in_words("measuring", images, setting=setting):
                call(on_device).numpy()  # the K scores per image come back, which waits for the device

        return forward_once

    def transform(self, photo: Image.Image) -> np.ndarray:
        """Return a decoded photo resized and cropped, (H, W, 3) uint8."""
        return resize_photo(photo, self._preprocessing)

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

    def _scores(self, rows: Sequence[int] | np.ndarray) -> Iterator[np.ndarray]:
        positions = np.asarray(rows, dtype=np.int64)
        size = self._batch_size
        return forward.forward_rows(self._forward, self._catalogue, positions, self._preprocessing, batch_size=size)

    def _in_words(self, activity: str, images: np.ndarray, *, setting: str) -> AbstractContextManager[None]:
        """Tell in words that memory ran out, and what to set."""
        sizes = f"{len(images)} photos of {images.shape[1]} x {images.shape[2]} px"
        doing = f"baseline_tf: {activity} {sizes} on {self._device.kind}"
        return out_of_memory_in_words(MemoryExhaustedError, doing, remedies=f"{setting} or baseline.image_size")

    def _batches(self, values: np.ndarray) -> Iterator[np.ndarray]:
        return (values[start : start + self._batch_size] for start in range(0, len(values), self._batch_size))

    def _probabilities(self, scores: np.ndarray) -> np.ndarray:
        if not np.isfinite(scores).all():
            raise EvaluationError(f"{self._model_file} gives scores that are not numbers; train baseline_tf again.")
        return forward.to_probabilities(scores, score=self._score, kind=self.probability_kind)


def load_keras_predictor(
    training_dir: Path, catalogue: Catalogue, *, batch_size: int, device: str = "auto", threads: int | None = None
) -> KerasPredictor:
    """Return the predictor of a training folder.

    Args:
        training_dir: runs/baseline_tf/seed_<s>/training.
        catalogue: the products it is asked about.
        batch_size: images per forward pass.
        device: `auto`, `cpu` or `cuda`.
        threads: CPU threads; None = all physical cores.

    Raises:
        EvaluationError: the folder holds no trained baseline.
        DataError: it was trained for other classes.
        SetupError: the device is not there.
    """
    training_dir = Path(training_dir)
    for name in ("training.json", MODEL_FILE):
        if not (training_dir / name).is_file():
            raise EvaluationError(f"{training_dir / name} is missing; run `dvc repro baseline_tf`.")
    training = json.loads((training_dir / "training.json").read_text(encoding="utf-8"))
    if training["labels"] != catalogue.labels:
        raise DataError(
            f"{training_dir} was trained for the classes {training['labels']}, the catalogue has {catalogue.labels}; "
            "run `dvc repro baseline_tf`."
        )
    chosen = start(device=device, threads=threads)
    return KerasPredictor(training_dir / MODEL_FILE, training, catalogue, batch_size=batch_size, device=chosen)
