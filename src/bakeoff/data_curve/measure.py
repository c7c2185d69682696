"""Accuracy on nested shares of the train split, the law through it, and what the law says of more photos."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bakeoff.catalogue.folds import assign_folds
from bakeoff.core.errors import TrainingError
from bakeoff.data.table import Catalogue
from bakeoff.data_curve.power_law import fit_power_laws
from bakeoff.data_curve.shares import nested_shares
from bakeoff.decision.comparisons import ALPHA
from bakeoff.records.data_curve import DataCurveRecord, Gain, Point, PowerLaw
from bakeoff.statistics.groups import group_sizes, group_sums
from bakeoff.statistics.interval import hold
from bakeoff.statistics.paired import holm, mcnemar, paired_difference
from bakeoff.statistics.wilson import wilson_intervals

Fit = Callable[[np.ndarray, int], np.ndarray]
"""Trains anew on rows of `Catalogue.products`, (n,) int64 ascending, in one repeat, from 0; returns the probabilities
of all of the catalogue's rows, (N, K)."""
PER_CLASS, N_RESAMPLES, ENDS = 50, 2_000, (0.025, 0.975)
_FEWEST_PRODUCTS, _FEWEST_POINTS, _FARTHEST = 10, 4, 4
"""Products per repeat; points that a law of three numbers needs; times the photos that it is asked about at most."""


@dataclass(frozen=True)
class Measured:
    """Which of P train products, each held out once, are classified rightly at S points."""

    right: np.ndarray
    """(P, S) bool."""
    n_photos: np.ndarray
    """Trained on at each point, the mean of the repeats, (S,)."""
    folds: np.ndarray
    """In which repeat each product was held out, (P,)."""
    label_ids: np.ndarray
    groups: np.ndarray


def measure(
    catalogue: Catalogue,
    fit: Fit,
    *,
    shares: Sequence[float],
    n_repeats: int,
    seed: int,
    advance: Callable[[], None] = lambda: None,
) -> Measured:
    """Return what candidates trained on shares of the train split do on products held out of it.

    Each repeat holds out one stratified fold of whole groups and trains on nested shares of the others, in an order of
    its own. So all train products are measured, validation keeps its one job of choosing the best epoch, and the test
    split is never opened.

    Raises:
        TrainingError: too few products to hold out.
    """
    products = catalogue.by_product().products
    places = np.flatnonzero((products["split"] == "train").to_numpy())
    train = products.iloc[places]
    if len(train) < _FEWEST_PRODUCTS * n_repeats:
        raise TrainingError(
            f"the train split has {len(train)} products; {n_repeats} repeats, each of which holds out its part, need "
            f"{_FEWEST_PRODUCTS * n_repeats} or more: lower --repeats, or add products."
        )
    folds = train["group_id"].map(assign_folds(train, n_repeats, seed=seed)).to_numpy(np.int64)
    label_ids, group_of = train["label_id"].to_numpy(np.int64), catalogue.products["group_id"].to_numpy()
    right, n_photos = np.zeros((len(train), len(shares)), dtype=bool), np.zeros((n_repeats, len(shares)))
    for repeat in range(n_repeats):
        held_out = folds == repeat
        for point, groups in enumerate(nested_shares(train[~held_out], shares, seed=seed + repeat)):
            rows = catalogue.rows("train")
            rows = rows[np.isin(group_of[rows], groups)]
            predicted = catalogue.mean_of_photos(fit(rows, repeat)).argmax(axis=1)[places]
            right[held_out, point] = (predicted == label_ids)[held_out]
            n_photos[repeat, point] = len(rows)
            advance()
    return Measured(right, n_photos.mean(axis=0), folds, label_ids, train["group_id"].to_numpy(np.int64))


def resampled_errors(measured: Measured, seed: int) -> np.ndarray:
    """Return the errors at each point, (B, S), of repeats drawn anew, and in each its groups of products."""
    rng, n_folds = np.random.default_rng(seed), int(measured.folds.max()) + 1
    times = rng.multinomial(n_folds, np.full(n_folds, 1 / n_folds), size=N_RESAMPLES)
    totals = np.zeros((N_RESAMPLES, 1 + measured.right.shape[1]))
    for fold in range(n_folds):
        own = measured.folds == fold
        columns = np.column_stack([np.ones(own.sum()), ~measured.right[own]]).T
        sums = np.stack([group_sums(column, measured.groups[own]) for column in columns], axis=1)
        cells, counts = np.unique(sums, axis=0, return_counts=True)
        totals += rng.multinomial(times[:, fold] * counts.sum(), counts / counts.sum()) @ cells
    return totals[:, 1:] / totals[:, :1]


def describe(measured: Measured, labels: Sequence[str], *, n_photos: int, seed: int, **known: str) -> DataCurveRecord:
    """Return the record of a curve; `known` are the candidate and its training's key.

    `n_photos` are all of the train split. Bands are percentiles of laws fitted to resamples.
    """
    n, errors, draws = measured.n_photos, 1 - measured.right.mean(axis=0), resampled_errors(measured, seed)
    copies = group_sizes(measured.groups, len(measured.groups)).mean()
    ends = wilson_intervals(1 - errors, np.full(len(n), len(measured.right) / copies))
    low, high = 1 - np.quantile(draws, ENDS[::-1], axis=0)
    ends = np.minimum(ends[0], low), np.maximum(ends[1], high)
    few = len(set(n.tolist())) < _FEWEST_POINTS
    is_flat = np.quantile(draws[:, 0] - draws[:, -1], ENDS[0]) <= 0
    law, curve, gains = None, [], []
    if not (few or is_flat):
        weights = 1 / (draws.var(axis=0) + 1e-6)
        best, others = (fit_power_laws(n, each, weights) for each in (errors[None], draws))
        law = PowerLaw(a=float(best.a[0]), b=float(best.b[0]), c=float(best.c[0]))
        asked = {"per_class": n_photos + PER_CLASS * len(labels), "double": 2 * n_photos}
        asked = {name: more for name, more in asked.items() if more <= _FARTHEST * n_photos}
        grid = np.geomspace(n.min(), max(asked.values()), 40)
        band = hold(1 - best(grid)[0], *(1 - np.quantile(others(grid), ENDS[::-1], axis=0)))
        curve = _points(grid, 1 - best(grid)[0], *band)
        for name, more in asked.items():
            two = np.array([n_photos, more])
            gain, drawn = (-np.diff(laws(two))[:, 0] for laws in (best, others))
            low, high = hold(gain[0], *np.quantile(drawn, ENDS))
            gains.append(Gain(name=name, gain=float(gain[0]), low=float(low), high=float(high)))
    return DataCurveRecord.model_validate(
        {
            **known,
            "seed": seed,
            "n_repeats": int(measured.folds.max()) + 1,
            "n_products": len(measured.right),
            "n_photos": n_photos,
            "points": _points(n, 1 - errors, *ends),
            "problem": "few_points" if few else "flat" if is_flat else None,
            "law": law,
            "curve": curve,
            "per_class": PER_CLASS,
            "gains": gains,
            "classes": class_gains(measured, labels),
        }
    )


def _points(*columns: np.ndarray) -> list[Point]:
    """Return points from n, accuracy, low and high, (M,) each."""
    return [
        Point(**dict(zip(Point.model_fields, map(float, row), strict=True))) for row in zip(*columns, strict=True)
    ]


def class_gains(measured: Measured, labels: Sequence[str]) -> list[Gain]:
    """Return the classes that more than half of the photos made better, the largest gain first.

    McNemar's exact test on the class's held-out products between the point nearest to half of the last one and the
    last, Holm's correction over the classes, 5 % level.
    """
    half = int(np.abs(measured.n_photos - measured.n_photos[-1] / 2).argmin())
    pairs = {}
    for label_id in np.unique(measured.label_ids):
        own = measured.label_ids == label_id
        pairs[labels[label_id]] = (measured.right[own, -1], measured.right[own, half], measured.groups[own])
    p_values = holm(np.array([mcnemar(more, less, groups=groups).p_value for more, less, groups in pairs.values()]))
    gains = []
    for (label, (more, less, groups)), p_value in zip(pairs.items(), p_values, strict=True):
        if p_value <= ALPHA and more.sum() > less.sum():
            gain, interval = paired_difference(more, less, groups=groups)
            gains.append(Gain(name=label, gain=gain, low=interval.low, high=interval.high))
    return sorted(gains, key=lambda gain: -gain.gain)
