"""Batches of photos or of cached features, in an order that depends on seed and epoch alone, never on workers."""

import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from bakeoff.core.seeding import derive_seed
from bakeoff.data.batching import n_batches, split_batches
from bakeoff.data.table import Catalogue
from bakeoff.data.transforms import transform_photo
from bakeoff.learning.balance import Balance, BalanceParams
from bakeoff.records.settings import Preprocessing
from bakeoff.training.balance import epoch_rows
from bakeoff.training.parallel import n_processes, rank

AS_THEY_ARE = Balance(name="none")


@dataclass(frozen=True)
class LoaderOptions:
    """Rows per batch, seed of the order, loader processes (0 = load in this one), whether memory is pinned."""

    batch_size: int
    seed: int
    workers: int = 0
    pin: bool = False
    balance: BalanceParams = AS_THEY_ARE  # which rows an epoch holds


class Batch(NamedTuple):
    """Rows that go through the network together."""

    inputs: Tensor  # photos (N, C, H, W) uint8, features (N, D) float32, or maps (N, C, H, W) or (N, T, D) float32
    targets: Tensor  # class indices (N,) int64, or probabilities of the classes (N, K) float32
    weights: Tensor  # training weights, (N,) float32
    positions: Tensor  # (N,) int64, in the catalogue


Change = Callable[..., np.ndarray]
"""`change(photo, label_id=…, seed=…)`: a decoded RGB photo as the network takes it, (H, W, 3) uint8, by the seed alone;
picklable, for loader processes (`bakeoff.training.augment.Augment`)."""


class PhotoDataset(Dataset[tuple[Tensor, int]]):
    """The photos at `positions` of a catalogue after the candidate's own transform: (C, H, W) uint8 and the label.

    With `augment` it is changed, by a seed of its product and epoch. An index is (epoch, row).
    """

    def __init__(
        self,
        catalogue: Catalogue,
        positions: np.ndarray,
        preprocessing: Preprocessing,
        *,
        augment: Change | None = None,
        seed: int = 0,
    ) -> None:
        self.products, self.positions = catalogue.at(positions), positions
        self.labels = catalogue.label_ids(positions)
        self.preprocessing, self.augment, self.seed = preprocessing, augment, seed
        self.product_ids = catalogue.products["product_id"].iloc[positions].tolist()

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self.products)

    def __getitem__(self, index: tuple[int, int]) -> tuple[Tensor, int]:
        """Return photo and label of a row in an epoch."""
        epoch, row = index
        photo, label_id = self.products.photo(row), int(self.labels[row])
        if self.augment is None:
            pixels = transform_photo(photo, self.preprocessing)
        else:
            seed = derive_seed(self.seed, "augment", epoch, self.product_ids[row])
            pixels = self.augment(photo, label_id=label_id, seed=seed)
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy()), label_id


class BatchSource(ABC):
    """Labelled inputs that come batch by batch."""

    def __init__(
        self,
        labels: np.ndarray,
        options: LoaderOptions,
        weights: np.ndarray | None = None,
        positions: np.ndarray | None = None,
    ) -> None:
        """Hold class indices (N,) int64, training weights (N,) float32, None = all alike, and positions (N,) int64."""
        self.labels, self.options = labels, options
        self.weights = torch.ones(len(labels)) if weights is None else torch.from_numpy(weights)
        self.positions = torch.from_numpy(np.arange(len(labels)) if positions is None else positions)

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return n_batches(len(self._epoch_rows(1)), self.options.batch_size, 2 * n_processes())

    def shuffled(self, epoch: int, *, skip: int = 0) -> Iterator[Batch]:
        """Yield batches in the epoch's own random order, without the first `skip`; of each what this process takes."""
        batches = split_batches(self._epoch_rows(epoch), self.options.batch_size, 2 * n_processes())
        return self._batches([rows[rank() :: n_processes()] for rows in batches[skip:]], epoch)

    def ordered(self, epoch: int = 0) -> Iterator[Batch]:
        """Yield batches in the rows' order; photos that are augmented are those of an epoch."""
        return self._batches(split_batches(np.arange(len(self.labels)), self.options.batch_size), epoch)

    def _epoch_rows(self, epoch: int) -> np.ndarray:
        return epoch_rows(self.labels, self.options.seed, epoch, self.options.balance)

    def _batches(self, batches: list[list[int]], epoch: int) -> Iterator[Batch]:
        for (inputs, targets), rows in zip(self._load(batches, epoch), batches, strict=True):
            yield Batch(inputs, targets, self.weights[rows], self.positions[rows])

    @abstractmethod
    def _load(self, batches: list[list[int]], epoch: int) -> Iterable[tuple[Tensor, Tensor]]:
        """Yield (inputs, labels) of each batch's rows."""


class PhotoBatches(BatchSource):
    """Photos decoded from the packed store as they are needed, by processes that live as long as this does."""

    def __init__(self, dataset: PhotoDataset, options: LoaderOptions, weights: np.ndarray | None = None) -> None:
        super().__init__(dataset.labels, options, weights, dataset.positions)
        self.dataset = dataset
        self._planned: list[list[tuple[int, int]]] = []
        batch_bytes = options.batch_size * 3 * dataset.preprocessing.image_size**2
        workers = _loader_workers(options.workers, batch_bytes)
        self._loader = DataLoader(
            dataset,
            batch_sampler=self._planned,  # read anew by each pass
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=options.pin,
            generator=torch.Generator(),  # else a pass would draw from the global generator that dropout uses
        )

    def _load(self, batches: list[list[int]], epoch: int) -> DataLoader:
        self._planned[:] = [[(epoch, row) for row in rows] for rows in batches]
        return self._loader


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


@dataclass(frozen=True)
class Rows:
    """Some rows of an array (N, …) float32 that may be too large for memory, read as they are asked for."""

    array: np.ndarray
    rows: np.ndarray

    def __getitem__(self, chosen: Any) -> np.ndarray:
        """Return some of them, by their numbers among these rows."""
        return self.array[self.rows[chosen]]


class ArrayBatches(BatchSource):
    """Rows of arrays such as cached features, sliced directly: a DataLoader would cost more than the head."""

    def __init__(
        self,
        inputs: Sequence[np.ndarray | Rows],
        labels: np.ndarray,
        options: LoaderOptions,
        weights: np.ndarray | None = None,
        positions: np.ndarray | None = None,
    ) -> None:
        """Hold inputs (N, …) float32, which epochs take in turn; the others as `BatchSource` does."""
        super().__init__(labels, options, weights, positions)
        self.inputs, self._targets = inputs, torch.from_numpy(labels)

    def _load(self, batches: list[list[int]], epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        inputs = self.inputs[(epoch - 1) % len(self.inputs)]
        for batch in batches:
            yield torch.from_numpy(inputs[batch]), self._targets[batch]
