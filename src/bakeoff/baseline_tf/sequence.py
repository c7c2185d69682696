"""A Keras Sequence (`keras.utils.PyDataset`): seeded batches of photos from the packed store, or of cached features."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bakeoff.baseline_tf.runtime import keras
from bakeoff.data.batching import batch_slice, n_batches
from bakeoff.data.table import Catalogue
from bakeoff.records.settings import Geometry


class Preprocessing(Geometry):
    """How a photo becomes the square input; EfficientNet-B0 was trained for 224 px of a 256 px bicubic resize."""

    crop_pct: float = 0.875
    crop_mode: str = "center"
    interpolation: str = "bicubic"

    def recorded(self) -> dict[str, Any]:
        """Return what training.json says of it."""
        return self.model_dump(exclude={"crop_mode"})


class Batches(keras.utils.PyDataset):
    """Inputs with one-hot labels and training weights, in an order drawn from seed + epoch."""

    def __init__(
        self,
        catalogue: Catalogue,
        positions: np.ndarray,
        inputs: Callable[[np.ndarray], np.ndarray],
        *,
        batch_size: int,
        seed: int | None = None,
    ) -> None:
        """Hold `positions` (N,) into the catalogue's products.

        `inputs` takes indices into them to what the network takes, float32: photos (n, H, W, 3) in 0-255, or pooled
        features (n, D). The seed is of the order; None keeps that of `positions` and leaves the training weights out.
        """
        super().__init__(workers=0)
        self.inputs = inputs
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

    def set_epoch(self, epoch: int) -> None:
        """Draw the order of epoch `epoch`, from 0: (N,) int64 indices into `positions`, the same for the same seed."""
        n = len(self.positions)
        self.order = np.arange(n) if self.seed is None else np.random.default_rng([self.seed, epoch]).permutation(n)

    def weights_of(self, index: int) -> np.ndarray:
        """Return the training weights of batch `index`, (n,) float32."""
        chosen = self._chosen(index)
        return np.ones(len(chosen), np.float32) if self.weights is None else self.weights[chosen]

    def _chosen(self, index: int) -> np.ndarray:
        """Return batch `index` as indices into `positions`."""
        return self.order[batch_slice(index, len(self.positions), self.batch_size)]
