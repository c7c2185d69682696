"""The interfaces between a trained candidate and everything that asks it something; no framework is loaded here.

`bakeoff.predictors.torch_predictor.TorchPredictor` and `bakeoff.baseline_tf.predictor.KerasPredictor` implement them.
Images are always (N, H, W, 3) float32 in [0, 1]: decoded, resized and cropped as the candidate's weights want it, but
not yet normalised. Mean and standard deviation are applied inside.
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np

from bakeoff.data.photo import Photo
from bakeoff.data.products import Products


class Predictor(Protocol):
    """A trained candidate, ready to classify."""

    labels: list[str]
    """The K class names, in the order of the probabilities' columns."""
    image_size: int
    """Side of the square input, px."""
    probability_kind: str
    """`softmax`, `sigmoid_normalised` (sigmoids divided by their sum) or `as_is` (the model ends in a softmax)."""

    def images(self, products: Products) -> np.ndarray:
        """Return the products' photos as (N, H, W, 3) float32 in [0, 1]."""
        ...

    def predict(self, products: Products) -> np.ndarray:
        """Return (N, K) float32 probabilities, rows sum to 1."""
        ...

    def predict_images(self, images: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities, rows sum to 1."""
        ...

    def set_threads(self, n_threads: int) -> None:
        """Use this many CPU threads from here on."""
        ...

    def speed_up(self) -> str:
        """Predict from here on in the fastest way that agrees with the measured one within 1e-4; return which."""
        ...


@runtime_checkable
class GivesFeatures(Protocol):
    """A predictor whose network has a backbone whose pooled features can be looked at."""

    def classify_with_features(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return probabilities (N, K) float32 and features (N, D) float32 of (N, H, W, 3) images in one pass."""
        ...


class ImageGradients(Predictor, Protocol):
    """A predictor that can be differentiated."""

    def gradients(self, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return d score[target] / d image, (N, H, W, 3) float32; the score is the logit (the probability for `as_is`).

        Args:
            images: (N, H, W, 3) float32 in [0, 1].
            targets: (N,) int, class indices below K.
        """
        ...


class Timeable(Protocol):
    """A network whose speed can be measured, trained or not."""

    description: dict[str, Any]
    """Under what conditions it runs (framework, runtime, device, threads, …) and its size (n_parameters, file_mib)."""

    def transform(self, photo: Photo) -> np.ndarray:
        """Return a decoded photo as the network takes it: (H, W, 3) uint8, resized and cropped."""
        ...

    def forward(self, pixels: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities of (N, H, W, 3) uint8 in a single forward pass, whatever N."""
        ...

    def compiled_call(self, images: np.ndarray) -> Callable[[], None]:
        """Return a call that runs one synchronised forward pass (inputs already on the device) and nothing else.

        It raises a MemoryExhaustedError where the batch does not fit.
        """
        ...

    def count_gmacs(self) -> tuple[float | None, str]:
        """Return 1e9 multiply-adds of one image's forward pass and who counted, or None and why nobody can."""
        ...

    def device_peak_mib(self, *, reset: bool = False) -> float | None:
        """Return the accelerator's peak memory since the last reset, MiB; None on a CPU, whose process is measured."""
        ...

    def set_threads(self, n_threads: int) -> None:
        """Use this many CPU threads from here on."""
        ...
