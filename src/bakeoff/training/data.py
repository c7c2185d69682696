"""Batches of photos or of cached features, in an order that depends on seed and epoch alone, never on workers."""

import random
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from bakeoff.core.seeding import derive_seed
from bakeoff.data.batching import n_batches, split_batches
from bakeoff.data.photo import Photo
from bakeoff.data.table import Catalogue
from bakeoff.data.transforms import resize_crop
from bakeoff.records.settings import Preprocessing


class BatchSource(Protocol):
    """Labelled inputs that come batch by batch; inputs are photos (N, C, H, W) uint8 or features (N, D) float32."""

    labels: np.ndarray
    """(N,) int64 class indices of all rows."""
    weights: np.ndarray
    """(N,) float32 training weights (`products.weight`) of all rows."""

    def __len__(self) -> int:
        """Return the number of batches of one pass."""
        ...

    def shuffled(self, epoch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield (inputs, labels, training weights) in the epoch's own random order."""
        ...

    def ordered(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (inputs, labels) in the rows' order; weights are for learning alone."""
        ...


@dataclass(frozen=True)
class LoaderOptions:
    """Rows per batch, seed of the order, and loader processes (0 = load in this one)."""

    batch_size: int
    seed: int
    workers: int = 0


class PhotoDataset(Dataset[tuple[Tensor, int]]):
    """The photos at `positions` of a catalogue after the candidate's own transform: (C, H, W) uint8 and the label."""

    def __init__(self, catalogue: Catalogue, positions: np.ndarray, preprocessing: Preprocessing) -> None:
        self.products = catalogue.at(positions)
        self.labels = catalogue.label_ids(positions)
        self.preprocessing = preprocessing

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self.products)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return photo and label number `index`."""
        pixels = transform_photo(self.products.photo(index), self.preprocessing)
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy()), int(self.labels[index])


def transform_photo(photo: Photo, preprocessing: Preprocessing) -> np.ndarray:
    """Return a photo as (H, W, 3) uint8, resized and cropped as the candidate's weights want it."""
    return resize_crop(
        photo,
        preprocessing.image_size,
        crop_pct=preprocessing.crop_pct,
        interpolation=preprocessing.interpolation,
        crop_mode=preprocessing.crop_mode,
    )


class PhotoBatches:
    """Photos decoded from the packed store as they are needed."""

    def __init__(self, dataset: PhotoDataset, options: LoaderOptions, weights: np.ndarray | None = None) -> None:
        """Hold the photos; `weights` (N,) float32 None = all alike."""
        self.dataset, self.options = dataset, options
        self.labels = dataset.labels
        self.weights = _all_alike(len(dataset)) if weights is None else weights

    def __len__(self) -> int:
        """Return the number of batches of one pass."""
        return n_batches(len(self.dataset), self.options.batch_size)

    def shuffled(self, epoch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield the photos in the epoch's random order."""
        order = epoch_order(len(self.dataset), self.options.seed, epoch)
        batches = split_batches(order, self.options.batch_size)
        for (photos, labels), batch in zip(self._loader(batches, epoch), batches, strict=True):
            yield photos, labels, torch.from_numpy(self.weights[batch])

    def ordered(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the photos in order."""
        return iter(self._loader(split_batches(np.arange(len(self.dataset)), self.options.batch_size), 0))

    def _loader(self, batches: list[list[int]], epoch: int) -> DataLoader:
        generator = torch.Generator().manual_seed(derive_seed(self.options.seed, "workers", epoch))
        batch_bytes = self.options.batch_size * 3 * self.dataset.preprocessing.image_size**2
        return DataLoader(
            self.dataset,
            batch_sampler=batches,
            num_workers=_loader_workers(self.options.workers, batch_bytes),
            generator=generator,  # else a pass would draw from the global generator that dropout uses
            worker_init_fn=_seed_worker,
        )


@cache
def _loader_workers(wanted: int, batch_bytes: int, *, shared: str = "/dev/shm") -> int:
    """Return the loader processes that Linux's shared memory has room for, with two batches each; none is said once."""
    try:
        fits = not wanted or sys.platform != "linux" or shutil.disk_usage(shared).free > 2 * wanted * batch_bytes
    except OSError:
        fits = False
    if not fits:
        sys.stderr.write(
            f"bakeoff: {shared} is too small for {wanted} loader processes; photos are loaded in this one.\n"
        )
    return wanted if fits else 0


class TensorBatches:
    """Inputs that fit in memory (cached features), sliced directly: a DataLoader would cost more than the head."""

    def __init__(
        self, inputs: Tensor, labels: np.ndarray, options: LoaderOptions, weights: np.ndarray | None = None
    ) -> None:
        """Hold inputs (N, …) and labels (N,); `weights` (N,) float32 None = all alike."""
        self.inputs, self.labels, self.options = inputs, labels, options
        self.weights = _all_alike(len(labels)) if weights is None else weights
        self._targets = torch.from_numpy(np.asarray(labels, dtype=np.int64)).to(inputs.device)
        self._weights = torch.from_numpy(self.weights).to(inputs.device)

    def __len__(self) -> int:
        """Return the number of batches of one pass."""
        return n_batches(len(self.labels), self.options.batch_size)

    def shuffled(self, epoch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield the rows in the epoch's random order."""
        for index in self._indices(epoch_order(len(self.labels), self.options.seed, epoch)):
            yield self.inputs[index], self._targets[index], self._weights[index]

    def ordered(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the rows in order."""
        for index in self._indices(np.arange(len(self.labels))):
            yield self.inputs[index], self._targets[index]

    def _indices(self, order: np.ndarray) -> Iterator[Tensor]:
        for batch in split_batches(order, self.options.batch_size):
            yield torch.from_numpy(np.asarray(batch)).to(self.inputs.device)


def _all_alike(n: int) -> np.ndarray:
    return np.ones(n, dtype=np.float32)


def epoch_order(n: int, seed: int, epoch: int) -> np.ndarray:
    """Return the order of `n` rows in one epoch, (n,) int64: the same on every path and after every resume."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "order", epoch))
    return torch.randperm(n, generator=generator).numpy()


def _seed_worker(worker: int) -> None:
    """Give a loader process's Python and NumPy generators the seed PyTorch derived for it."""
    seed = torch.initial_seed() % 2**32
    random.seed(seed)
    np.random.seed(seed)
