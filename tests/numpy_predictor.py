"""A real linear softmax classifier on pixels with true gradients, in NumPy for the framework-free code."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from bakeoff.data.photo import Photo, as_image
from bakeoff.data.predictions import Predictions, make_predictions, write_predictions
from bakeoff.data.products import Products
from bakeoff.data.store import ImageStore, StoreWriter
from bakeoff.data.table import Catalogue
from bakeoff.records.training import TrainingRecord
from records_made import cost_record, dataset, training_record

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
    products["group_id"] = np.arange(len(products))
    store = ImageStore(folder / "images.arrow")
    return Catalogue(products=products, labels=list(labels), store=store, dataset=dataset(name="flat", digest="0"))


class NumpyPredictor:
    """logits = x . weights + bias over the pixels minus grey; softmax on top."""

    def __init__(self, labels: Sequence[str], *, probability_kind: str = "softmax") -> None:
        self.labels = list(labels)
        self.image_size = SIDE
        self.probability_kind = probability_kind
        self.threads = 0
        self.n_predicted = 0
        self.weights = np.zeros((SIDE, SIDE, 3, len(self.labels)))
        for label_id in range(len(self.labels)):
            self.weights[..., 2 - label_id % 3, label_id] = 8 / SIDE**2

    @property
    def description(self) -> dict[str, Any]:
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
            "file_mib": self.weights.size * 4 / 2**20,
            "scan": None,
            "versions": {"numpy": np.__version__},
        }

    def images(self, products: Products) -> np.ndarray:
        pixels = [self.transform(products.photo(position)) for position in range(len(products))]
        return np.stack(pixels).astype(np.float32) / np.float32(255)

    def logits(self, images: np.ndarray) -> np.ndarray:
        return np.tensordot(images.astype(np.float64) - 0.5, self.weights, axes=3)

    def predict_images(self, images: np.ndarray) -> np.ndarray:
        self.n_predicted += len(images)
        return self._classify(images)

    def _classify(self, images: np.ndarray) -> np.ndarray:
        logits = self.logits(images)
        exps = np.exp(logits - logits.max(axis=1, keepdims=True))
        return (exps / exps.sum(axis=1, keepdims=True)).astype(np.float32)

    def predict(self, products: Products) -> np.ndarray:
        return self.predict_images(self.images(products))

    def gradients(self, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
        return np.stack([self.weights[..., target] for target in targets]).astype(np.float32)

    def compiled_call(self, images: np.ndarray) -> Callable[[], None]:
        images = images / np.float32(255) if images.dtype == np.uint8 else images

        def call() -> None:
            self.logits(images)
            time.sleep(0.0005)

        return call

    def stored(self, products: Products, position: int) -> Photo:
        return products.photo(position)

    def collate(self, transformed: Sequence[np.ndarray]) -> np.ndarray:
        return np.stack(transformed)

    def transform(self, photo: Photo) -> np.ndarray:
        return np.asarray(as_image(photo).resize((SIDE, SIDE)))

    def forward(self, pixels: np.ndarray) -> np.ndarray:
        return self._classify(pixels.astype(np.float32) / np.float32(255))

    def count_gmacs(self) -> tuple[float | None, str]:
        return self.weights.size / 1e9, "by hand"

    def device_peak_mib(self, *, reset: bool = False) -> float | None:
        return None

    def set_threads(self, n_threads: int) -> None:
        self.threads = n_threads

    def speed_up(self, *, n_trials: int = 3) -> str:
        return "as it is"


def predict_catalogue(predictor: NumpyPredictor, catalogue: Catalogue) -> Predictions:
    """Return what a trainer writes as predictions.parquet: every product's probabilities and log loss."""
    probabilities = predictor.predict(catalogue.at(np.arange(len(catalogue.products))))
    label_ids = catalogue.products["label_id"].to_numpy()
    return make_predictions(catalogue, probabilities, -np.log(probabilities[np.arange(len(label_ids)), label_ids]))


def write_training(folder: Path, catalogue: Catalogue, predictions: Predictions | None = None) -> TrainingRecord:
    """Write the training folder of `linear-frozen` and return its training.json, of a framework without Captum."""
    known = {"labels": catalogue.labels, "dataset": catalogue.dataset, "key": "0123456789abcdef"}
    record = training_record("linear-frozen", framework="tensorflow", settings={}, **known)
    found = predictions or predict_catalogue(NumpyPredictor(catalogue.labels), catalogue)
    write_predictions(found, folder / "predictions.parquet")
    cost_record(key=record.key).write(folder / "cost.json")
    record.write(folder / "training.json")
    return record
