"""A linear softmax classifier as a `Subject`, in NumPy: its maps, deletions and perturbations are known by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bakeoff.data.products import Products
from bakeoff.data.transforms import read_pixels, to_unit
from bakeoff.interpret.subject import NotExplainable, Subject
from bakeoff.records.settings import Geometry


class LinearSubject(Subject):
    """Logits are the sum of pixel minus grey times weight, weights (H, W, 3, K)."""

    score = "logit"

    def __init__(self, weights: np.ndarray, labels: list[str] | None = None) -> None:
        side, n_classes = weights.shape[0], weights.shape[3]
        geometry = Geometry(image_size=side, crop_pct=1.0, crop_mode="center", interpolation="bilinear")
        super().__init__("linear", labels or [f"class {k}" for k in range(n_classes)], geometry, batch_px=16 * side**2)
        self.weights = weights

    def images(self, products: Products) -> np.ndarray:
        return to_unit(read_pixels(products, self.preprocessing))

    def scores(self, images: np.ndarray) -> np.ndarray:
        return np.tensordot(images.astype(np.float64) - 0.5, self.weights, axes=3).astype(np.float32)

    masked_scores = scores

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        exps = np.exp(self.scores(images) - self.scores(images).max(axis=1, keepdims=True))
        return exps / exps.sum(axis=1, keepdims=True)

    def gradients(self, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
        return np.stack([self.weights[..., target] for target in targets]).astype(np.float32)

    def randomised(self, seed: int) -> LinearSubject:
        drawn = np.random.default_rng(seed).normal(scale=self.weights.std(), size=self.weights.shape)
        return LinearSubject(drawn, self.labels)

    def feature_map(self, images: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raise NotExplainable("a linear classifier has no map before pooling.")

    def attention(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raise NotExplainable("a linear classifier does not attend.")

    def features(self, images: np.ndarray) -> np.ndarray:
        raise NotExplainable("a linear classifier shows no features.")

    @property
    def differentiable(self) -> Callable[[Any], Any]:
        import torch

        weights = torch.from_numpy(self.weights.astype(np.float32)).permute(2, 0, 1, 3)
        return lambda images: torch.tensordot(images - 0.5, weights, dims=3)


def exact_map(subject: Subject, images: np.ndarray, targets: np.ndarray, settings: object = None) -> np.ndarray:
    """Return what each pixel adds to the logit, (N, H, W) float32: gradient times difference to grey."""
    return ((images - 0.5) * subject.gradients(images, targets)).sum(axis=3).astype(np.float32)


def edges(subject: Subject, images: np.ndarray, targets: np.ndarray, settings: object = None) -> np.ndarray:
    """Return where a photo has edges, (N, H, W) float32, whatever the network says of it."""
    grey = images.mean(axis=3)
    return sum(np.abs(slope) for slope in np.gradient(grey, axis=(1, 2))).astype(np.float32)
