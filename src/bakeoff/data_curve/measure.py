"""Accuracy on nested shares of the train split: what is learned from, what is held out, how sure the result is."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from bakeoff.catalogue.split import assign_folds, order_groups
from bakeoff.core.errors import TrainingError
from bakeoff.data.table import Catalogue
from bakeoff.statistics.groups import group_sums

Fit = Callable[[np.ndarray, int], np.ndarray]
"""Trains anew on rows of `Catalogue.products`, (n,) int64 ascending, in one repeat, from 0; returns the probabilities
of all of the catalogue's rows, (N, K)."""
_FEWEST = 10
"""Products in each repeat's held-out part."""


class Measured(NamedTuple):
    """Which of P train products, each held out in one repeat, are classified rightly at S points."""

    right: np.ndarray
    """(P, S) bool."""
    n_photos: np.ndarray
    """Trained on at each point, the mean of the repeats, (S,)."""
    folds: np.ndarray
    """In which repeat each product was held out, (P,); likewise its class and its group."""
    label_ids: np.ndarray
    groups: np.ndarray

    def resampled_errors(self, n_resamples: int, seed: int) -> np.ndarray:
        """Return the errors (B, S) of repeats drawn anew and, in each, of its groups of products drawn anew."""
        rng, n_folds = np.random.default_rng(seed), int(self.folds.max()) + 1
        times = rng.multinomial(n_folds, np.full(n_folds, 1 / n_folds), size=n_resamples)
        totals = np.zeros((n_resamples, 1 + self.right.shape[1]))
        for fold in range(n_folds):
            own = self.folds == fold
            columns = [np.ones(own.sum()), *(~self.right[own]).T]
            sums = np.stack([group_sums(column, self.groups[own]) for column in columns], axis=1)
            cells, counts = np.unique(sums, axis=0, return_counts=True)
            totals += rng.multinomial(times[:, fold] * counts.sum(), counts / counts.sum()) @ cells
        return totals[:, 1:] / totals[:, :1]


def nested_shares(products: pd.DataFrame, shares: Sequence[float], *, seed: int) -> list[np.ndarray]:
    """Return the groups in each share of the products, int64; all in 1.

    The groups of a class (`label_id`) come in an order of the seed's own; a group is in the share if less than that
    share of its class comes before it. So each class is in every share, its number rounded up to a whole group.
    """
    order = order_groups(products, seed)
    table = products.assign(order=[order[group] for group in products["group_id"]]).sort_values("order")
    of_class = table.groupby("label_id")["group_id"]
    before = (of_class.cumcount() / of_class.transform("size")).groupby(table["group_id"]).min()
    return [before.index.to_numpy(np.int64)[before.to_numpy() < share] for share in shares]


def measure(
    catalogue: Catalogue, fit: Fit, *, shares: Sequence[float], n_repeats: int, seed: int, advance: Callable[[], None]
) -> Measured:
    """Return what heads trained on shares of the train split do on products held out of it.

    Each repeat holds out one stratified fold of whole groups and trains on nested shares of the others. So all train
    products are measured, validation keeps its one job of choosing the best epoch, and the test split stays closed.

    Raises:
        TrainingError: too few products to hold out.
    """
    products = catalogue.by_product().products
    places, rows = np.flatnonzero((products["split"] == "train").to_numpy()), catalogue.rows("train")
    train = products.iloc[places]
    if len(train) < _FEWEST * n_repeats:
        raise TrainingError(
            f"the train split has {len(train)} products; {n_repeats} repeats, which hold out their part in turn, need "
            f"{_FEWEST * n_repeats} or more: lower --repeats, or add products."
        )
    folds = train["group_id"].map(assign_folds(train, n_repeats, seed=seed)).to_numpy(np.int64)
    label_ids, group_of = train["label_id"].to_numpy(np.int64), catalogue.products["group_id"].to_numpy()[rows]
    right, n_photos = np.zeros((len(train), len(shares)), dtype=bool), np.zeros((n_repeats, len(shares)))
    for repeat in range(n_repeats):
        held_out = folds == repeat
        for point, groups in enumerate(nested_shares(train[~held_out], shares, seed=seed + repeat)):
            learned = rows[np.isin(group_of, groups)]
            answers = catalogue.mean_of_photos(fit(learned, repeat))[places].argmax(axis=1)
            right[held_out, point] = (answers == label_ids)[held_out]
            n_photos[repeat, point] = len(learned)
            advance()
    return Measured(right, n_photos.mean(axis=0), folds, label_ids, train["group_id"].to_numpy(np.int64))
