"""What a change of the test photos costs: which photos it is tried on, and how sure the loss is."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bakeoff.data.predictions import Predictions
from bakeoff.data.products import StoredProducts
from bakeoff.data.table import PHOTO_OF, Catalogue
from bakeoff.interpret.subject import Subject
from bakeoff.statistics.interval import Interval
from bakeoff.statistics.paired import paired_difference

SEED = 0
"""One for every candidate, so that all are shown the same changed photos."""
N_RESAMPLES = 2000
"""Of each interval: there are hundreds of them, and their ends are read to a tenth of a point."""
_HELD_BYTES = 2**30
Photos = Callable[[np.ndarray], np.ndarray]
"""From places to the photos there, (n, H, W, 3) float32."""


@dataclass(frozen=True)
class Tried:
    """N test photos that changes are tried on, and what the candidate says of them as they are."""

    products: StoredProducts
    label_ids: np.ndarray
    """(N,) int64, the true classes."""
    predicted: np.ndarray
    """(N,) int64, classes below K."""
    groups: np.ndarray
    """(N,) of products that belong together."""
    labels: list[str]
    """K names."""

    def __len__(self) -> int:
        return len(self.label_ids)

    @property
    def correct(self) -> np.ndarray:
        """(N,) bool, which are right as they are."""
        return self.predicted == self.label_ids

    def lost(self, correct: np.ndarray, own: np.ndarray | slice = slice(None)) -> Interval:
        """Return the accuracy lost on some of the photos where `correct`, (N,) or (R, N), tells which stay right."""
        drawn = {"groups": self.groups[own], "n_resamples": N_RESAMPLES}
        found = paired_difference(self.correct[own], correct[..., own], **drawn)[1]
        # Of a single product, or its copies, nothing is known of others.
        return found if np.ptp(self.groups[own]) else Interval(found.estimate, -1.0, 1.0, found.method, N_RESAMPLES)


def try_on(subject: Subject, catalogue: Catalogue, predictions: Predictions, *, max_rows: int | None) -> Tried:
    """Return the test photos, at most `max_rows`, with the answers that predictions.parquet holds.

    Where a product has several photos, what is predicted of all says little of its first, which is predicted alone.
    `catalogue` has one row per product.
    """
    rows = choose_rows(catalogue.rows("test"), max_rows, seed=SEED)
    products, groups = catalogue.at(rows), catalogue.products["group_id"].to_numpy()[rows]
    if PHOTO_OF in catalogue.products:
        parts = (products.at(np.arange(len(rows))[part]) for part in subject.parts(len(rows)))
        found = np.concatenate([subject.probabilities(subject.images(part)) for part in parts])
    else:
        found = predictions.probabilities[rows]
    predicted = found.argmax(axis=1)
    return Tried(products, catalogue.label_ids(rows), predicted, groups, catalogue.labels)


def choose_rows(rows: np.ndarray, max_rows: int | None, *, seed: int) -> np.ndarray:
    """Return at most `max_rows` of `rows`, ascending, the same for every candidate under one seed."""
    if max_rows is None or len(rows) <= max_rows:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, size=max_rows, replace=False))


def hold(subject: Subject, products: StoredProducts) -> Photos:
    """Return the products' photos, decoded once where they fit in 1 GiB, else again whenever they are asked for."""
    if len(products) * subject.image_size**2 * 3 * 4 > _HELD_BYTES:
        return lambda places: subject.images(products.at(places))
    held = subject.images(products)
    return lambda places: held[places]


def ends(interval: Interval) -> dict[str, float]:
    """Return a paired difference as a record has it."""
    return {"mean": interval.estimate, "low": interval.low, "high": interval.high}
