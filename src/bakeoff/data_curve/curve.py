"""A data curve: accuracy on nested shares of the train split, measured on what is held out of it, and what that says.

A power law through it tells what more photos would bring; a test for each class tells which ones gained.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from bakeoff.catalogue.split import assign_folds, order_groups
from bakeoff.core.errors import TrainingError
from bakeoff.data.table import Catalogue
from bakeoff.decision.comparisons import ALPHA
from bakeoff.records.data_curve import DataCurveRecord, Estimate
from bakeoff.statistics.groups import group_sizes, group_sums
from bakeoff.statistics.interval import hold, wilson_intervals
from bakeoff.statistics.paired import holm, mcnemar, paired_difference

Fit = Callable[[np.ndarray, int], np.ndarray]
"""Trains anew on rows of `Catalogue.products`, (n,) int64 ascending, in one repeat, from 0; returns the probabilities
of all of the catalogue's rows, (N, K)."""
_FEWEST = 10  # products in each repeat's held-out part
_ENDS, _EXPONENTS = (0.025, 0.975), np.geomspace(0.05, 2, 60)
PER_CLASS, _FEWEST_POINTS, _FARTHEST, _N_RESAMPLES = 50, 4, 4, 2_000
"""Photos more of each class; points that a law of three numbers needs; times the photos it is asked about at most."""


class Measured(NamedTuple):
    """Which of P train products, each held out in one repeat, are classified rightly at S points."""

    right: np.ndarray  # (P, S) bool
    n_photos: np.ndarray  # trained on at each point, the mean of the repeats, (S,)
    folds: np.ndarray  # in which repeat each product was held out, (P,); likewise its class and its group
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
    places, rows = catalogue.by_product().rows("train"), catalogue.rows("train")
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


def describe(measured: Measured, labels: Sequence[str], *, n_photos: int, **known: str | int) -> DataCurveRecord:
    """Return the record of a curve; `n_photos` are all of the train split, `known` the record's other fields."""
    n, errors, draws = measured.n_photos, 1 - measured.right.mean(axis=0), measured.resampled_errors(_N_RESAMPLES, 0)
    problem, law, curve, gains = None, None, [], []
    if len(np.unique(n)) < _FEWEST_POINTS:
        problem = "few_points"
    elif np.quantile(draws[:, 0] - draws[:, -1], _ENDS[0]) <= 0:
        problem = "flat"
    else:
        weights = 1 / (draws.var(axis=0) + 1e-6)
        laws = fit_power_laws(n, np.concatenate([errors[None], draws]), weights)
        law = tuple(float(numbers[0]) for numbers in laws)
        asked = {"per_class": n_photos + PER_CLASS * len(labels), "double": 2 * n_photos}
        asked = {name: more for name, more in asked.items() if more <= _FARTHEST * n_photos}
        grid = np.geomspace(n.min(), max(asked.values()), 40)
        curve = _estimates(grid.tolist(), 1 - laws.errors(grid))
        gains = _estimates(list(asked), laws.errors(np.array([n_photos])) - laws.errors(np.array([*asked.values()])))
    effective = len(measured.right) / group_sizes(measured.groups, len(measured.groups)).mean()
    ends = wilson_intervals(1 - errors, np.full(len(n), effective))
    return DataCurveRecord.model_validate(
        {
            **known,
            "n_repeats": int(measured.folds.max()) + 1,
            "n_products": len(measured.right),
            "n_photos": n_photos,
            "points": _rows(n.tolist(), 1 - errors, *ends),
            **{"problem": problem, "law": law, "curve": curve, "per_class": PER_CLASS, "gains": gains},
            "classes": class_gains(measured, labels),
        }
    )


def _estimates(names: Sequence[float | str], values: np.ndarray) -> list[Estimate]:
    """Return one of each column of values (1 + B, M): the first row is what was measured, the others its resamples."""
    low, high = hold(values[0], *np.quantile(values[1:], _ENDS, axis=0))
    return _rows(names, values[0], low, high)


def _rows(names: Sequence[float | str], *columns: np.ndarray) -> list[Estimate]:
    rows = zip(names, *(column.tolist() for column in columns), strict=True)
    return [Estimate(at=at, value=value, low=low, high=high) for at, value, low, high in rows]


def class_gains(measured: Measured, labels: Sequence[str]) -> list[Estimate]:
    """Return the classes that got better from half of the photos to all (McNemar, Holm, 5 %), largest gain first."""
    half = int(np.abs(measured.n_photos - measured.n_photos[-1] / 2).argmin())
    found = []
    for label_id in np.unique(measured.label_ids):
        own = measured.label_ids == label_id
        pair, groups = (measured.right[own, -1], measured.right[own, half]), measured.groups[own]
        gain, ends = paired_difference(*pair, groups=groups)
        p_value = mcnemar(*pair, groups=groups).p_value
        found.append((p_value, Estimate(at=labels[int(label_id)], value=gain, low=ends.low, high=ends.high)))
    adjusted = holm(np.array([p_value for p_value, _ in found]))
    gained = [one for (_, one), p_value in zip(found, adjusted, strict=True) if p_value <= ALPHA and one.value > 0]
    return sorted(gained, key=lambda one: -one.value)


class PowerLaws(NamedTuple):
    """error(n) = a + b * n^-c, of each of B curves: a, b, c (B,), none below 0."""

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray

    def errors(self, n: np.ndarray) -> np.ndarray:
        """Return the errors at n (M,) training photos, (B, M)."""
        return self.a[:, None] + self.b[:, None] * n ** -self.c[:, None]


def fit_power_laws(n: np.ndarray, errors: np.ndarray, weights: np.ndarray) -> PowerLaws:
    """Return the laws nearest to errors (B, S) at n (S,) photos by least squares with weights (S,).

    For each of 60 exponents from 0.05 to 2 the best a and b >= 0 have a closed form; the one that leaves least is kept.

    Source:
        J. Hestness et al., Deep learning scaling is predictable, empirically, arXiv:1712.00409 (2017), section 3; with
        an asymptote as in R. L. Figueroa et al., BMC Med. Inform. Decis. Mak. 12 (2012) 8, DOI 10.1186/1472-6947-12-8.
    """
    share = weights / weights.sum()
    x = (n / n.max()) ** -_EXPONENTS[:, None]  # (C, S)
    mean_x, mean_error = x @ share, (errors @ share)[:, None]
    products, squares = (errors * share) @ x.T, (x * x) @ share
    slope = (products - mean_error * mean_x) / (squares - mean_x**2)  # (B, C)
    at_zero = mean_error < slope * mean_x  # a would be negative
    slope = np.clip(np.where(at_zero, products / squares, slope), 0, None)
    level = np.where(at_zero, 0, mean_error - slope * mean_x)
    left = (((errors[:, None] - level[..., None] - slope[..., None] * x) ** 2) @ share).argmin(axis=1)
    rows, c = np.arange(len(errors)), _EXPONENTS[left]
    return PowerLaws(level[rows, left], slope[rows, left] * n.max() ** c, c)
