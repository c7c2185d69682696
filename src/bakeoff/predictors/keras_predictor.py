"""The baseline as a `Predictor`; every call is compiled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.baseline_tf import forward
from bakeoff.baseline_tf.model import draw_anew, score_model
from bakeoff.baseline_tf.record import MODEL_FILE, versions
from bakeoff.baseline_tf.runtime import Device, keras, limit_threads, peak_memory_mib, start, tf
from bakeoff.baseline_tf.sequence import Preprocessing
from bakeoff.core.errors import EvaluationError
from bakeoff.predictors.protocol import Predictor
from bakeoff.records.candidate import BASELINE
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
    source: str  # where it comes from, for messages


class KerasPredictor(Predictor):
    """The baseline's network; loaded at its first use, so that threads may still be chosen before."""

    SIZE_SETTING = "baseline.image_size"

    def __init__(self, load: Callable[[], Any], facts: KerasFacts, *, device: Device) -> None:
        self._load, self._device, self._facts = load, device, facts
        super().__init__(
            BASELINE,
            facts.labels,
            facts.preprocessing,
            forward.probability_kind(facts.score, facts.loss),
            framework="tensorflow",
            runtime="tf.function",
            device=device.kind,
            device_name=device.name,
            threads=device.threads,
            n_parameters=facts.n_parameters,
            file_mib=facts.file_mib,
            scan=None,
            versions=versions(),
        )

    @cached_property
    def network(self) -> Any:
        """The model up to its score, (N, H, W, 3) float32 in 0-255 to (N, K)."""
        with tf.device(self._device.tf_name):
            return score_model(self._load())[0]

    @cached_property
    def _traced(self) -> Any:
        network, size = self.network, self.image_size
        return tf.function(lambda batch: network(batch, training=False)).get_concrete_function(
            tf.TensorSpec((None, size, size, 3), tf.float32)
        )

    @cached_property
    def _forward(self) -> Callable[[np.ndarray], np.ndarray]:
        return forward.compile_forward(self.network)

    def _ready_call(self, images: np.ndarray) -> Callable[[], object]:
        with tf.device(self._device.tf_name):
            on_device = tf.constant(images * np.float32(_MAX_PIXEL), tf.float32)
        call = self._traced
        return lambda: call(on_device).numpy()  # the K scores per image come back, which waits for the device

    def scores(self, pixels: np.ndarray) -> np.ndarray:
        """Return what `network` gives, (N, K) float32, of photos (N, H, W, 3), uint8 or in [0, 1]."""
        values = pixels.astype(np.float32) if pixels.dtype == np.uint8 else pixels * np.float32(_MAX_PIXEL)
        with self._in_words("predicting", pixels):
            scores = self._forward(values)
        if not np.isfinite(scores).all():
            raise EvaluationError(f"{self._facts.source} gives scores that are no numbers; train baseline_tf again.")
        return scores

    def forward(self, batch: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities of photos (N, H, W, 3), uint8 or in [0, 1], in a single forward pass."""
        return forward.to_probabilities(self.scores(batch), score=self._facts.score, kind=self.probability_kind)

    def randomised(self, seed: int) -> "KerasPredictor":
        """Return the same network with weights drawn by `seed`, as for a random start."""
        return KerasPredictor(lambda: draw_anew(self._load(), seed), self._facts, device=self._device)

    @property
    def score_kind(self) -> str:
        """What `network` gives: `logits`, or `softmax` or `sigmoid` where a foreign model ends in one."""
        return self._facts.score

    def count_gmacs(self) -> tuple[float | None, str]:
        """Return 1e9 multiply-adds of one image's forward pass as TensorFlow's profiler counts them."""
        return forward.count_gmacs(self._traced, self.image_size), "tf.compat.v1.profiler"

    def device_peak_mib(self, *, reset: bool = False) -> float | None:
        """Return the GPU's peak memory since the last reset, MiB; None on a CPU."""
        if self._device.kind != "cuda":
            return None
        if reset:
            tf.config.experimental.reset_memory_stats("GPU:0")
        return peak_memory_mib(self._device)

    def set_threads(self, n_threads: int) -> None:
        """Use this many CPU threads from here on; a SetupError where TensorFlow's pool was started with fewer."""
        self.description["threads"] = limit_threads(n_threads)


def load_keras_predictor(training_dir: Path, *, device: str = "auto", threads: int | None = None) -> KerasPredictor:
    """Return the predictor of a training folder, runs/baseline_tf/seed_<s>/training; device and threads as in `start`.

    An EvaluationError where the folder holds no trained baseline, a SetupError where the device is not there.
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
