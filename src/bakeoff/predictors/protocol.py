"""What everything asks of a trained candidate, and what both frameworks' answers share; opening one behind it.

`torch_predictor.TorchPredictor` and `keras_predictor.KerasPredictor` are predictors; to open one loads its framework.
Images are always (N, H, W, 3) float32 in [0, 1]: decoded, resized and cropped as the candidate's weights want it, but
not yet normalised. Mean and standard deviation are applied inside.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from bakeoff.core.allocator import allocator_name
from bakeoff.core.errors import MemoryExhaustedError
from bakeoff.data.batching import PREDICT_BATCH
from bakeoff.data.photo import Photo
from bakeoff.data.products import Products
from bakeoff.data.transforms import read_pixels, to_unit, transform_photo
from bakeoff.learning.out_of_memory import out_of_memory_in_words
from bakeoff.records.settings import Geometry
from bakeoff.records.training import TrainingRecord

N_TRIALS = 3  # timed by default before a faster way of predicting is taken


class Measurable(ABC):
    """A network that is measured: from what is stored of a product (a photo, a text) to its probabilities."""

    def __init__(self, title: str, labels: Sequence[str], **description: Any) -> None:
        """Describe a network; the title names the candidate in messages, labels are in the order of the columns.

        `description` are the conditions it runs under (framework, device, threads, …) and its size.
        """
        self.title, self.labels = title, list(labels)
        self.description = {"dtype": "float32", "allocator": allocator_name()} | description

    @abstractmethod
    def stored(self, products: Any, position: int) -> Any:
        """Return what the network reads of a product, as it is stored: decoded, not transformed."""

    @abstractmethod
    def transform(self, stored: Any) -> Any:
        """Return that as the network takes it."""

    @abstractmethod
    def collate(self, transformed: Sequence[Any]) -> Any:
        """Return a batch of what `transform` gives."""

    @abstractmethod
    def forward(self, batch: Any) -> np.ndarray:
        """Return (N, K) float32 probabilities of a batch of N, in a single forward pass."""

    @abstractmethod
    def compiled_call(self, batch: Any) -> Callable[[], None]:
        """Return a call that runs one forward pass of a batch (on the device already) and nothing else."""

    @abstractmethod
    def count_gmacs(self) -> tuple[float | None, str]:
        """Return 1e9 multiply-adds of one product's forward pass and who counted, or None and why nobody can."""

    @abstractmethod
    def device_peak_mib(self, *, reset: bool = False) -> float | None:
        """Return the accelerator's peak memory since the last reset, MiB; None on a CPU, whose process is measured."""


class Predictor(Measurable):
    """A candidate's network of photos, trained or not, ready to classify and to be measured."""

    SIZE_SETTING: ClassVar[str]  # what sets the side of its photos, for messages

    def __init__(
        self, title: str, labels: Sequence[str], preprocessing: Geometry, probability_kind: str, **description: Any
    ) -> None:
        """Describe a network.

        `probability_kind` is `softmax`, `sigmoid_normalised` (sigmoids divided by their sum) or `as_is` (the model ends
        in a softmax).
        """
        super().__init__(title, labels, memory_format="channels_last", **description)
        self.probability_kind = probability_kind
        self.image_size, self.preprocessing = preprocessing.image_size, preprocessing

    def images(self, products: Products) -> np.ndarray:
        """Return the products' photos, resized and cropped, (N, H, W, 3) float32 in [0, 1]."""
        return to_unit(read_pixels(products, self.preprocessing))

    def stored(self, products: Products, position: int) -> Photo:
        """Return a product's photo, decoded."""
        return products.photo(position)

    def transform(self, stored: Photo) -> np.ndarray:
        """Return a decoded photo as the network takes it: (H, W, 3) uint8, resized and cropped."""
        return transform_photo(stored, self.preprocessing)

    def collate(self, transformed: Sequence[np.ndarray]) -> np.ndarray:
        """Return photos as a batch, (N, H, W, 3) uint8."""
        return np.stack(transformed)

    @abstractmethod
    def forward(self, batch: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities of photos (N, H, W, 3), uint8 or in [0, 1], in a single forward pass."""

    def predict(self, products: Products) -> np.ndarray:
        """Return (N, K) float32 probabilities, rows sum to 1, of N products, at least one."""
        return self.predict_images(self.images(products))

    def predict_images(self, images: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities, rows sum to 1."""
        parts = [self.forward(photos) for photos in batches(images)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.labels)), dtype=np.float32)

    def compiled_call(self, batch: np.ndarray) -> Callable[[], None]:
        """Return a call that runs one synchronised forward pass of photos (N, H, W, 3), uint8 or in [0, 1].

        They are on the device already, as floats. Both raise a MemoryExhaustedError where the batch does not fit.
        """
        images = to_unit(batch) if batch.dtype == np.uint8 else batch
        with self._in_words("measuring", images):
            call = self._ready_call(images)

        def forward_once() -> None:
            with self._in_words("measuring", images):
                call()

        return forward_once

    @abstractmethod
    def _ready_call(self, images: np.ndarray) -> Callable[[], object]: ...

    @abstractmethod
    def set_threads(self, n_threads: int) -> None:
        """Use this many CPU threads from here on."""

    def speed_up(self, *, n_trials: int = N_TRIALS) -> str:
        """Predict from here on in the fastest way that agrees with the measured one within 1e-4; return which."""
        return str(self.description["runtime"])

    def _in_words(self, activity: str, images: np.ndarray) -> AbstractContextManager[None]:
        """Tell in words that memory ran out, and what to set."""
        sizes = f"{len(images)} photos of {images.shape[1]} x {images.shape[2]} px"
        doing = f"{self.title}: {activity} {sizes} on {self.description['device']}"
        remedies = f"lower {self.SIZE_SETTING}, or set compute.device: cpu"
        return out_of_memory_in_words(MemoryExhaustedError, doing, remedies=remedies)


@runtime_checkable
class GivesFeatures(Protocol):
    """A predictor whose network has a backbone whose pooled features can be looked at."""

    def classify_with_features(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return probabilities (N, K) float32 and features (N, D) float32 of (N, H, W, 3) images in one pass."""
        ...


def batches(values: np.ndarray) -> list[np.ndarray]:
    """Return values (N, …) in parts of the number of photos that is predicted at a time."""
    return [values[start : start + PREDICT_BATCH] for start in range(0, len(values), PREDICT_BATCH)]


def load_predictor(training_dir: Path, *, device: str = "auto", weights_root: Path | None = None) -> Predictor:
    """Return the predictor of a training folder, in whose framework's environment this must run.

    `weights_root` has weights/<model>, for a frozen PyTorch candidate that lies outside its project. An EvaluationError
    where the folder holds no training, or one of a candidate that reads no photos.
    """
    record = TrainingRecord.read(training_dir / "training.json")
    record.require_photos()
    if record.framework == "tensorflow":
        from bakeoff.predictors.keras_predictor import load_keras_predictor

        return load_keras_predictor(training_dir, device=device)
    from bakeoff.predictors.torch_predictor import load_torch_predictor

    return load_torch_predictor(training_dir, weights_root=weights_root, device=device)
