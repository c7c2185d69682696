"""Batches of photos or of cached features, in an order that depends on seed and epoch alone, never on workers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from bakeoff.backbones.settings import Preprocessing
from bakeoff.catalogue.table import Catalogue
from bakeoff.catalogue.transforms import resize_crop
from bakeoff.seeding import derive_seed


class BatchSource(Protocol):
    """Labelled inputs that come batch by batch; inputs are photos (N, C, H, W) uint8 or features (N, D) float32."""

    labels: np.ndarray
    """(N,) int64 class indices of all rows."""

    def __len__(self) -> int:
        """Return the number of batches of one pass."""
        ...

    def shuffled(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (inputs, labels) in the epoch's own random order."""
        ...

    def ordered(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (inputs, labels) in the rows' order."""
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
        self.store = catalogue.store
        self.image_rows = catalogue.image_rows(positions)
        self.labels = catalogue.label_ids(positions)
        self.preprocessing = preprocessing

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self.image_rows)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return photo and label number `index`."""
        pixels = transform_photo(self.store.read(int(self.image_rows[index])), self.preprocessing)
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy()), int(self.labels[index])


def transform_photo(image: object, preprocessing: Preprocessing) -> np.ndarray:
    """Return a PIL photo as (H, W, 3) uint8, resized and cropped as the candidate's weights want it."""
    return resize_crop(
        image,  # type: ignore[arg-type]
        preprocessing.image_size,
        crop_pct=preprocessing.crop_pct,
        interpolation=preprocessing.interpolation,
        crop_mode=preprocessing.crop_mode,
    )


class PhotoBatches:
    """Photos decoded from the packed store as they are needed."""

    def __init__(self, dataset: PhotoDataset, options: LoaderOptions) -> None:
        self.dataset, self.options = dataset, options
        self.labels = dataset.labels

    def __len__(self) -> int:
        """Return the number of batches of one pass."""
        return len(split_batches(np.arange(len(self.dataset)), self.options.batch_size))

    def shuffled(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the photos in the epoch's random order."""
        return iter(self._loader(epoch_order(len(self.dataset), self.options.seed, epoch), epoch))

    def ordered(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the photos in order."""
        return iter(self._loader(np.arange(len(self.dataset)), 0))

    def _loader(self, order: np.ndarray, epoch: int) -> DataLoader:
        generator = torch.Generator().manual_seed(derive_seed(self.options.seed, "workers", epoch))
        return DataLoader(
            self.dataset,
            batch_sampler=split_batches(order, self.options.batch_size),
            num_workers=self.options.workers,
            generator=generator,  # else a pass would draw from the global generator that dropout uses
            worker_init_fn=_seed_worker,
        )


class TensorBatches:
    """Inputs that fit in memory (cached features), sliced directly: a DataLoader would cost more than the head."""

    def __init__(self, inputs: Tensor, labels: np.ndarray, options: LoaderOptions) -> None:
        self.inputs, self.labels, self.options = inputs, labels, options
        self._targets = torch.from_numpy(np.asarray(labels, dtype=np.int64)).to(inputs.device)

    def __len__(self) -> int:
        """Return the number of batches of one pass."""
        return len(split_batches(np.arange(len(self.labels)), self.options.batch_size))

    def shuffled(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the rows in the epoch's random order."""
        return self._slices(epoch_order(len(self.labels), self.options.seed, epoch))

    def ordered(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the rows in order."""
        return self._slices(np.arange(len(self.labels)))

    def _slices(self, order: np.ndarray) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in split_batches(order, self.options.batch_size):
            index = torch.from_numpy(np.asarray(batch)).to(self.inputs.device)
            yield self.inputs[index], self._targets[index]


def epoch_order(n: int, seed: int, epoch: int) -> np.ndarray:
    """Return the order of `n` rows in one epoch, (n,) int64: the same on every path and after every resume."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "order", epoch))
    return torch.randperm(n, generator=generator).numpy()


def split_batches(order: np.ndarray, batch_size: int) -> list[list[int]]:
    """Return the order cut into batches; a last batch of one (batch norm cannot train on it) joins the one before."""
    batches = [order[start : start + batch_size].tolist() for start in range(0, len(order), batch_size)]
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2].extend(batches.pop())
    return batches


def _seed_worker(worker: int) -> None:
    """Give a loader process's Python and NumPy generators the seed PyTorch derived for it."""
    seed = torch.initial_seed() % 2**32
    random.seed(seed)
    np.random.seed(seed)
