"""What a method of explanation asks of a candidate, whatever its framework; no framework is loaded here.

Images are (N, H, W, 3) float32 in [0, 1], as `bakeoff.predictors` takes them; N, as everywhere here, is at least 1.
Every answer is computed in parts of at most `batch_images` photos.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from bakeoff.core.errors import EvaluationError
from bakeoff.data.products import Products
from bakeoff.records.settings import Geometry


class NotExplainable(EvaluationError):  # noqa: N818 - a sentence, which no user sees as an error
    """Why a method cannot be had for a candidate, as a sentence for its record; the other methods go on."""


class Subject(ABC):
    """A trained candidate that is asked why; what its network cannot answer raises `NotExplainable`."""

    score: str
    """What is explained of a class: its `logit`, or `probability` where a foreign model ends in its own softmax."""

    def __init__(self, title: str, labels: Sequence[str], preprocessing: Geometry, *, batch_px: int) -> None:
        """Describe a candidate; `batch_px` bounds the pixels, N·H·W, of one forward pass."""
        self.title, self.labels, self.preprocessing = title, list(labels), preprocessing
        self.image_size = preprocessing.image_size
        self.batch_images = max(1, batch_px // self.image_size**2)
        self.background = np.full((1, self.image_size, self.image_size, 3), 0.5, dtype=np.float32)
        """Train photos (M, H, W, 3) float32 that stand for what photos are like; mid-grey until they are given."""
        self.divided: dict[str, Any] = {}
        """Photos in superpixels and what is known of them (`bakeoff.interpret.superpixels`)."""

    @abstractmethod
    def images(self, products: Products) -> np.ndarray:
        """Return the products' photos as the network sees them, (N, H, W, 3) float32."""

    @abstractmethod
    def scores(self, images: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 scores by the plain network."""

    def masked_scores(self, images: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 scores by the fastest copy of the network that agrees with it, for many photos."""
        return self.scores(images)

    @abstractmethod
    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities, rows sum to 1, by the fastest copy."""

    @abstractmethod
    def gradients(self, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return d score[target] / d image, (N, H, W, 3) float32; `targets` (N,) int64 are class indices."""

    @abstractmethod
    def feature_map(self, images: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the last map before pooling and d score[target] / d map, both (N, C, h, w) float32."""

    @abstractmethod
    def attention(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return each block's attention, heads averaged, (N, blocks, T, T), and how much the head reads each token.

        Both are float32; the second, (N, T), sums to 1. Tokens are the prefix (class token, registers), then h·w.
        """

    @abstractmethod
    def features(self, images: np.ndarray) -> np.ndarray:
        """Return the pooled features before the head, (N, D) float32."""

    @abstractmethod
    def randomised(self, seed: int) -> "Subject":
        """Return the same network with every parameter drawn anew, for the parameter randomisation test."""

    @property
    @abstractmethod
    def differentiable(self) -> Callable[[Any], Any]:
        """A PyTorch function for Captum: tensors (N, 3, H, W) in [0, 1] to scores (N, K), with gradients."""

    def parts(self, n: int) -> Iterator[slice]:
        """Yield the slices of N photos that are computed at a time."""
        for start in range(0, n, self.batch_images):
            yield slice(start, start + self.batch_images)
