"""Other test sets, by resampling: how often each product occurs, and what a measure and the rule would be there."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import csc_array

from bakeoff.decision.outcomes import Outcomes
from bakeoff.decision.rules import Rule
from bakeoff.decision.summary import Summary
from bakeoff.statistics.matrix import METRICS, Margins

DRAWS_AT_ONCE = 2_000_000
MAX_DRAWS = 60_000_000
"""Products drawn in all, about 1.5 s of a core: 10,000 resamples up to 6,000 test products, fewer beyond."""
MAX_WORK = 10_000_000_000
"""Multiplications in all, about 2 s of a core."""
MIN_RESAMPLES = 200
"""Even where that takes longer: a share of the winner then has a standard error of 3.5 points at most."""


def bounded_resamples(wanted: int, n_products: int, *, work: int = 1) -> int:
    """Return how many resamples are drawn, fewer than wanted where products or `work`, multiplications, take long."""
    return min(wanted, max(MIN_RESAMPLES, min(MAX_DRAWS // n_products, MAX_WORK // max(1, work))))


def work_of(rule: Rule, outcomes: Outcomes, n_candidates: int) -> int:
    """Return the multiplications of one resample, sparse ones counted fourfold; a training more is as much again."""
    n_seeds = max(len(predicted) for predicted in outcomes.predicted.values())
    per_training = {"roc_auc": outcomes.n**2} | dict.fromkeys(("accuracy", "automated", "matrix_total"), outcomes.n)
    return n_candidates * n_seeds * per_training.get(rule.maximise.name, 4 * outcomes.n)


def resamples(n: int, n_resamples: int, seed: int, groups: np.ndarray | None = None) -> Iterator[np.ndarray]:
    """Yield (b, N) float32 chunks of how often each of n products occurs in each resample.

    They lie in memory product by product, the order in which a sparse matrix sums them. Products of one of the `groups`
    (N,) int64 are drawn together.
    """
    rng = np.random.default_rng(seed)
    members = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    n_units, chunk = int(members.max()) + 1, max(1, DRAWS_AT_ONCE // n)
    for start in range(0, n_resamples, chunk):
        rows = min(chunk, n_resamples - start)
        drawn = rng.integers(n_units, size=(rows, n_units)) * rows + np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * n_units).reshape(n_units, rows).astype(np.float32)
        yield (counts if groups is None else counts[members]).T


def resampled_metric(name: str, outcomes: Outcomes, candidate: str, weights: np.ndarray) -> np.ndarray:
    """Return (b,) a metric (of METRICS, automated, roc_auc) by weights (b, N) of products, a mean over trainings."""
    if name == "accuracy":
        hits = outcomes.correct(candidate)  # whole numbers, so that a lead of one product is exactly that in float32
        return _weighted_share(hits, weights)
    if name == "automated":
        return _weighted_share(outcomes.automated[candidate], weights)
    if name == "roc_auc":
        found = [_roc_auc(outcomes.label_ids, each, weights) for each in outcomes.probabilities[candidate]]
        return np.mean(found, axis=0)
    n_labels = outcomes.n_labels
    true = _sums(outcomes.label_ids, n_labels, weights)
    values = []
    for predicted in outcomes.predicted[candidate]:
        # a dense product with the one-hot answers would multiply K times as often
        cells = predicted + n_labels * (predicted == outcomes.label_ids)
        wrong, right = np.split(_sums(cells, 2 * n_labels, weights), 2, axis=1)
        values.append(METRICS[name](Margins(right, true, right + wrong)))
    return np.mean(values, axis=0)


def _sums(cells: np.ndarray, n_cells: int, weights: np.ndarray) -> np.ndarray:
    """Return (b, n_cells) float64 sums of (b, N) weights by the cell of each product."""
    n = weights.shape[1]
    one_hot = csc_array((np.ones(n, dtype=weights.dtype), cells, np.arange(n + 1)), (n_cells, n))
    return (one_hot @ weights.T).astype(np.float64).T


def _weighted_share(hits: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return (b,) the share of (S, N) hits in each resample."""
    hit = (weights @ hits.sum(axis=0).astype(np.float32)).astype(np.float64)
    return hit / (len(hits) * weights.sum(axis=1, dtype=np.float64))


def objectives(items: Sequence[Summary], rule: Rule, outcomes: Outcomes, weights: np.ndarray) -> np.ndarray:
    """Return (b, C) what the rule maximises in each resample."""
    if rule.maximise.name != "matrix_total":
        names = [item.candidate for item in items]
        return np.stack([resampled_metric(rule.maximise.name, outcomes, name, weights) for name in names], axis=1)
    moved = [resampled_metric("accuracy", outcomes, item.candidate, weights) - item.accuracy for item in items]
    per_unit = rule.accuracy_points / (1 - 1 / outcomes.n_labels)
    return np.stack([item.matrix_total + per_unit * d for item, d in zip(items, moved, strict=True)], axis=1)


def _roc_auc(label_ids: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return (b,) the macro mean of one-versus-rest areas over the classes that have products; a tie counts half."""
    areas = []
    for label in np.unique(label_ids):
        inside = label_ids == label
        mine, others = probabilities[inside, label], probabilities[~inside, label]
        above = (mine[:, None] > others).astype(np.float32) + 0.5 * (mine[:, None] == others)
        ahead = ((weights[:, inside] @ above) * weights[:, ~inside]).sum(axis=1, dtype=np.float64)
        pairs = weights[:, inside].sum(axis=1, dtype=np.float64) * weights[:, ~inside].sum(axis=1, dtype=np.float64)
        areas.append(np.divide(ahead, pairs, out=np.full(len(weights), math.nan), where=pairs > 0))
    n_areas = np.isfinite(areas).sum(axis=0)
    return np.divide(np.nansum(areas, axis=0), n_areas, out=np.full(len(weights), math.nan), where=n_areas > 0)
