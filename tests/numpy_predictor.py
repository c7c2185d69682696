"""A real linear softmax classifier on pixels with true gradients, in NumPy for the framework-free code."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from bakeoff.data.store import ImageStore, StoreWriter
from bakeoff.data.table import Catalogue

SIDE = 16


def make_catalogue(
    folder: Path, *, n_per_class: int = 10, labels: tuple[str, ...] = ("blue", "green", "red")
) -> Catalogue:
    """Flat photos whose class is their strongest channel, with noise; 6 train, 2 validation, 2 test of every 10."""
    generator = np.random.default_rng(0)
    rows = []
    with StoreWriter(folder / "images.arrow") as store:
        for number in range(n_per_class * len(labels)):
            label_id = number % len(labels)
            pixels = generator.integers(60, 100, size=(SIDE, SIDE, 3))
            pixels[..., 2 - label_id % 3] += 120 if number % 7 else -40
            buffer = io.BytesIO()
            Image.fromarray(pixels.astype(np.uint8)).save(buffer, format="PNG")
            image = store.append(buffer.getvalue())
            place = number // len(labels) % 10
            split = "train" if place < 6 else "validation" if place < 8 else "test"
            rows.append((f"p{number:03d}", image, labels[label_id], label_id, split))
    products = pd.DataFrame(rows, columns=["product_id", "image", "label", "label_id", "split"])
    dataset = {"name": "flat", "digest": "0"}
    return Catalogue(products=products, labels=list(labels), store=ImageStore(folder / "images.arrow"), dataset=dataset)


class NumpyPredictor:
    """logits = x . weights + bias over the pixels minus grey; softmax on top."""

    def __init__(self, catalogue: Catalogue, *, batch_size: int = 8, probability_kind: str = "softmax") -> None:
        self.catalogue, self.batch_size = catalogue, batch_size
        self.labels = list(catalogue.labels)
        self.image_size = SIDE
        self.probability_kind = probability_kind
        self.loss_name = "bce" if probability_kind == "sigmoid_normalised" else "cross_entropy"
        self.threads = 0
        self.n_predicted = 0
        self.weights = np.zeros((SIDE, SIDE, 3, len(self.labels)))
        for label_id in range(len(self.labels)):
            self.weights[..., 2 - label_id % 3, label_id] = 8 / SIDE**2

    @property
    def description(self) -> dict[str, object]:
        return {
            "framework": "numpy",
            "runtime": "numpy",
            "device": "cpu",
            "device_name": "test",
            "threads": self.threads,
            "dtype": "float32",
            "memory_format": "NHWC",
            "allocator": "glibc",
            "n_parameters": self.weights.size,
            "size_mib": self.weights.size * 4 / 2**20,
            "file_mib": self.weights.size * 4 / 2**20,
            "versions": {"numpy": np.__version__},
        }

    @property
    def structure(self) -> dict[str, object]:
        return {"name": "linear", "image_size": SIDE, "n_classes": len(self.labels)}

    def images(self, rows):
        store = self.catalogue.store
        pixels = [np.asarray(store.read(int(row))) for row in self.catalogue.image_rows(list(rows))]
        return np.stack(pixels).astype(np.float32) / np.float32(255)

    def logits(self, images: np.ndarray) -> np.ndarray:
        return np.tensordot(images.astype(np.float64) - 0.5, self.weights, axes=3)

    def predict_images(self, images):
        self.n_predicted += len(images)
        return self._classify(images)

    def _classify(self, images):
        logits = self.logits(images)
        exps = np.exp(logits - logits.max(axis=1, keepdims=True))
        return (exps / exps.sum(axis=1, keepdims=True)).astype(np.float32)

    def predict(self, rows):
        for start in range(0, len(rows), self.batch_size):
            yield self.predict_images(self.images(rows[start : start + self.batch_size]))

    def gradients(self, images, targets):
        return np.stack([self.weights[..., target] for target in targets]).astype(np.float32)

    def training_loss(self, probabilities_rows):
        return float(len(probabilities_rows))

    def compiled_call(self, images):
        def call() -> None:
            self.logits(images)
            time.sleep(0.0005)

        return call

    def transform(self, photo):
        return np.asarray(photo.convert("RGB").resize((SIDE, SIDE)))

    def forward(self, pixels):
        return self._classify(pixels.astype(np.float32) / np.float32(255))

    def count_gmacs(self):
        return self.weights.size / 1e9, "by hand"

    def device_peak_mib(self, *, reset=False):
        return None

    def set_threads(self, n_threads):
        self.threads = n_threads
