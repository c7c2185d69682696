"""Keras Sequences (`keras.utils.PyDataset`): seeded batches of photos from the packed store, or of cached features."""

from dataclasses import dataclass

import numpy as np

from bakeoff.baseline_tf.runtime import keras
from bakeoff.data.batching import batch_slice, n_batches
from bakeoff.data.photo import Photo
from bakeoff.data.products import Products
from bakeoff.data.table import Catalogue
from bakeoff.data.transforms import resize_crop


@dataclass(frozen=True)
class Preprocessing:
    """How a photo becomes the square input; EfficientNet-B0 was trained for 224 px of a 256 px bicubic resize."""

    image_size: int
    crop_pct: float = 0.875
    interpolation: str = "bicubic"


def read_pixels(products: Products, preprocessing: Preprocessing) -> np.ndarray:
    """Return the products' photos, resized and cropped, (N, H, W, 3) uint8."""
    size = preprocessing.image_size
    pixels = np.empty((len(products), size, size, 3), dtype=np.uint8)
    for position in range(len(products)):
        pixels[position] = resize_photo(products.photo(position), preprocessing)
    return pixels


def resize_photo(photo: Photo, preprocessing: Preprocessing) -> np.ndarray:
    """Return one photo, resized and cropped, (H, W, 3) uint8."""
    used = preprocessing
    return resize_crop(photo, used.image_size, crop_pct=used.crop_pct, interpolation=used.interpolation)


class Batches(keras.utils.PyDataset):
    """What both sequences share: one-hot labels, training weights, and an order drawn from seed + epoch."""

    def __init__(self, catalogue: Catalogue, positions: np.ndarray, *, batch_size: int, seed: int | None) -> None:
        """Hold `positions` into the products; `seed` None keeps their order and leaves the training weights out."""
        super().__init__(workers=0)
        self.positions = np.asarray(positions, dtype=np.int64)
        self.batch_size = batch_size
        self.seed = seed
        self.set_epoch(0)
        n_classes = len(catalogue.labels)
        self.one_hot = np.eye(n_classes, dtype=np.float32)[catalogue.label_ids(self.positions)]
        weights = catalogue.weights(self.positions)
        self.weights = weights if seed is not None and not np.all(weights == 1) else None

    def __len__(self) -> int:
        """Return the number of batches; the last one may be smaller, and a single row joins the one before."""
        return n_batches(len(self.positions), self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        """Return batch `index`: inputs, one-hot labels (N, K) float32, and training weights (N,) where they differ."""
        chosen = self._chosen(index)
        batch = (self.inputs(chosen), self.one_hot[chosen])
        return batch if self.weights is None else (*batch, self.weights[chosen])

    def order(self) -> np.ndarray:
        """Return this epoch's order, (N,) int64 indices into `positions`: the same for the same seed and epoch."""
        return self._order

    def set_epoch(self, epoch: int) -> None:
        """Draw the order of epoch `epoch`, from 0."""
        n = len(self.positions)
        self._order = np.arange(n) if self.seed is None else np.random.default_rng([self.seed, epoch]).permutation(n)

    def size_of(self, index: int) -> int:
        """Return the number of rows of batch `index`."""
        return len(self._chosen(index))

    def weight_of(self, index: int) -> float:
        """Return the sum of the training weights of batch `index`."""
        chosen = self._chosen(index)
        return float(len(chosen) if self.weights is None else self.weights[chosen].sum())

    def _chosen(self, index: int) -> np.ndarray:
        """Return batch `index` as indices into `positions`."""
        return self._order[batch_slice(index, len(self.positions), self.batch_size)]

    def inputs(self, chosen: np.ndarray) -> np.ndarray:
        """Return the network's input for indices into `positions`."""
        raise NotImplementedError


class ImageSequence(Batches):
    """Batches of photos, (N, H, W, 3) float32 in 0-255, as Keras' EfficientNet wants them."""

    def __init__(
        self,
        catalogue: Catalogue,
        positions: np.ndarray,
        preprocessing: Preprocessing,
        *,
        batch_size: int,
        seed: int | None = None,
    ) -> None:
        super().__init__(catalogue, positions, batch_size=batch_size, seed=seed)
        self.catalogue = catalogue
        self.preprocessing = preprocessing

    def inputs(self, chosen: np.ndarray) -> np.ndarray:
        """Return the photos of `chosen`, (N, H, W, 3) float32 in 0-255."""
        return read_pixels(self.catalogue.at(self.positions[chosen]), self.preprocessing).astype(np.float32)


class FeatureSequence(Batches):
    """Batches of cached pooled features, (N, D) float32."""

    def __init__(
        self,
        catalogue: Catalogue,
        positions: np.ndarray,
        features: np.ndarray,
        *,
        batch_size: int,
        seed: int | None = None,
    ) -> None:
        super().__init__(catalogue, positions, batch_size=batch_size, seed=seed)
        self.features = features

    def inputs(self, chosen: np.ndarray) -> np.ndarray:
        """Return the features of `chosen`, (N, D) float32."""
        return self.features[chosen]
