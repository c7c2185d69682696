"""What a predictor looks at: products with a photo each, of a catalogue or given by a user."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from bakeoff.data.photo import Photo, repair_photo
from bakeoff.data.store import ImageStore


def evenly_spaced(n: int, n_wanted: int) -> np.ndarray:
    """Return up to `n_wanted` positions from 0 to n - 1, ends included, (min(n, n_wanted),) int64, ascending."""
    return np.unique(np.linspace(0, n - 1, min(n, n_wanted)).astype(np.int64))


class Products(Protocol):
    """N products, each with a photo."""

    def __len__(self) -> int: ...

    def photo(self, position: int) -> Photo:
        """Return the photo of product `position`, from 0: decoded, RGB."""
        ...


@dataclass(frozen=True)
class StoredProducts:
    """Products whose photos lie in a packed store; picklable, for loader processes."""

    store: ImageStore
    rows: np.ndarray  # (N,) int64, each product's row of the store
    repairs: Mapping[int, str] = field(default_factory=dict)
    """Row of the store to the steps that repair its photo (`bakeoff.data.photo`)."""

    def __len__(self) -> int:
        return len(self.rows)

    def photo(self, position: int) -> Photo:
        """Return a product's photo, repaired."""
        row = int(self.rows[position])
        return repair_photo(self.store.read(row), self.repairs.get(row))

    def at(self, positions: Sequence[int] | np.ndarray) -> "StoredProducts":
        """Return some of them, in the order of `positions`."""
        return StoredProducts(self.store, self.rows[np.asarray(positions, dtype=np.int64)], self.repairs)


class Photos(list[Photo]):
    """Products that are nothing but decoded RGB photos."""

    def photo(self, position: int) -> Photo:
        """Return a photo."""
        return self[position]
