"""The one interface between a trained candidate and everything that judges or explains it; no framework is loaded here.

`bakeoff.predictors.torch_predictor.TorchPredictor` and `bakeoff.baseline_tf.predictor.KerasPredictor` implement it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
from PIL import Image


class Predictor(Protocol):
    """A trained candidate, ready to classify.

    Images are always (N, H, W, 3) float32 in [0, 1]: decoded, resized and cropped as the candidate's weights want it,
    but not yet normalised. Mean and standard deviation are applied inside.
    """

    labels: list[str]
    """The K class names, in the order of the probabilities' columns."""
    image_size: int
    """Side of the square input, px."""
    probability_kind: str
    """`softmax`, `sigmoid_normalised` (sigmoids divided by their sum) or `as_is` (the model ends in a softmax)."""
    loss_name: str
    """`cross_entropy` or `bce`: the training loss, which metrics.json reports beside the common log loss."""
    description: dict[str, object]
    """What the records carry: framework, runtime, device, device_name, threads, dtype, memory_format, allocator,
    n_parameters, size_mib, file_mib (the whole network as one file), versions, …."""
    structure: dict[str, object]
    """What determines the network's speed whatever its weights: architecture, head, input, number of classes."""

    def images(self, rows: Sequence[int]) -> np.ndarray:
        """Return the store's rows as (N, H, W, 3) float32 in [0, 1]."""
        ...

    def predict_images(self, images: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities, rows sum to 1."""
        ...

    def predict(self, rows: Sequence[int]) -> Iterator[np.ndarray]:
        """Yield (n, K) float32 probabilities batch by batch over `rows`, in order, so that a bar can move."""
        ...

    def gradients(self, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return d score[target] / d image, (N, H, W, 3) float32; the score is the logit (the probability for `as_is`).

        Args:
            images: (N, H, W, 3) float32 in [0, 1].
            targets: (N,) int, class indices below K.
        """
        ...

    def training_loss(self, probabilities_rows: Sequence[int]) -> float:
        """Return the mean training loss over the store's rows."""
        ...

    def compiled_call(self, images: np.ndarray) -> Callable[[], None]:
        """Return a call that runs one synchronised forward pass (inputs already on the device) and nothing else.

        It raises a MemoryExhaustedError where the batch does not fit.
        """
        ...

    def transform(self, photo: Image.Image) -> np.ndarray:
        """Return a decoded photo as the network takes it: (H, W, 3) uint8, resized and cropped."""
        ...

    def forward(self, pixels: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities of (N, H, W, 3) uint8 in a single forward pass, whatever N."""
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
