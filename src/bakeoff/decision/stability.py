"""How sure the choice is: the whole rule applied again to resampled test sets, the same ones for every candidate."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csc_array

from bakeoff.core.translation import Translator
from bakeoff.decision.outcomes import Outcomes
from bakeoff.decision.rules import Rule, pick, preference_costs
from bakeoff.decision.summary import Summary
from bakeoff.statistics.matrix import METRICS, Margins

DRAWS_AT_ONCE = 2_000_000
MAX_DRAWS = 60_000_000
"""Products drawn in all, about 1.5 s of a core: 10,000 resamples up to 6,000 test products, fewer beyond."""
MAX_WORK = 10_000_000_000
"""Multiplications in all, about 2 s of a core."""
MIN_RESAMPLES = 200
"""Even where that takes longer: a share of the winner then has a standard error of 3.5 points at most."""
MAX_AUC_PRODUCTS = 1_000
"""ROC-AUC compares every pair of products in every resample; beyond this it is not simulated."""


def stability(
    eligible: Sequence[Summary],
    rule: Rule,
    outcomes: Outcomes,
    *,
    n_resamples: int,
    t: Translator,
    accuracy_weight: float = 0.0,
) -> dict[str, Any]:
    """Return choice.json's `stability`: how often each candidate wins.

    Resamples keep the number of products per class, as the split does. Times, sizes and licences stay as measured; what
    varies is what other test products would change. Several trainings of a candidate enter by their mean.

    Args:
        eligible: who may be chosen; the first is the winner.
        rule: what is maximised, within what tolerance.
        outcomes: of every candidate on the test products.
        n_resamples: wanted; fewer where there are many products.
        t: says it in the reader's language.
        accuracy_weight: points of `matrix_total` per unit of accuracy, where that is maximised.

    Returns:
        {"n_resamples", "shares": {candidate: share}, "winner_share", "sentence"}; `winner_share` is None where nothing
        was chosen, nothing was to choose between, or nothing was resampled.
    """
    if not eligible:
        return {
            "n_resamples": 0,
            "shares": {},
            "winner_share": None,
            "sentence": t.gettext("Nothing was chosen, so there is no choice to test."),
        }
    if len(eligible) == 1 or rule.maximise.is_time:
        winner = eligible[0].candidate
        sentence = only_one(winner, t)
        if len(eligible) > 1:
            sentence = t.gettext(
                "{winner} is chosen by throughput: what other test photos would change was not simulated.",
                winner=winner,
            )
        return {"n_resamples": 0, "shares": {}, "winner_share": None, "sentence": sentence}
    if rule.maximise.name == "roc_auc" and outcomes.n > MAX_AUC_PRODUCTS:
        sentence = t.gettext(
            "How certain the choice is was not simulated: ROC-AUC on {n:,d} test photos takes too long.", n=outcomes.n
        )
        return {"n_resamples": 0, "shares": {}, "winner_share": None, "sentence": sentence}
    n = bounded_resamples(n_resamples, outcomes.n, work=_work(rule, outcomes, len(eligible)))
    items = sorted(eligible, key=lambda item: item.candidate)
    costs, tolerance = preference_costs(items, rule), rule.tolerance(outcomes.n)
    wins = np.zeros(len(items), dtype=np.int64)
    for weights in resamples(outcomes.label_ids, n, 0):
        objective = _objective(items, rule, outcomes, weights, accuracy_weight)
        wins += np.bincount(pick(objective, costs, tolerance), minlength=len(items))
    order = np.argsort(-wins, kind="stable")
    shares = {items[i].candidate: float(wins[i] / n) for i in order if wins[i]}
    winner = eligible[0].candidate
    sentence = _sentence(winner, shares, n, t)
    return {"n_resamples": n, "shares": shares, "winner_share": shares.get(winner, 0.0), "sentence": sentence}


def only_one(winner: str, t: Translator) -> str:
    """Return that nothing else could have been chosen."""
    return t.gettext("{winner} is the only eligible candidate: there was nothing to choose between.", winner=winner)


def bounded_resamples(wanted: int, n_products: int, *, work: int = 1) -> int:
    """Return how many resamples are drawn: as wanted, less where that would take longer than some seconds.

    Args:
        wanted: by params.
        n_products: drawn in each.
        work: multiplications in each.
    """
    return min(wanted, max(MIN_RESAMPLES, min(MAX_DRAWS // n_products, MAX_WORK // max(1, work))))


def _work(rule: Rule, outcomes: Outcomes, n_candidates: int) -> int:
    """Return the multiplications of one resample, sparse ones counted fourfold; a training more is as much again."""
    n_seeds = max(len(predicted) for predicted in outcomes.predicted.values())
    per_training = {"accuracy": outcomes.n, "matrix_total": outcomes.n, "roc_auc": outcomes.n**2}
    return n_candidates * n_seeds * per_training.get(rule.maximise.name, 4 * outcomes.n)


def resamples(label_ids: np.ndarray, n_resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield (b, N) float32 chunks of how often each product occurs in each resample; each class keeps its number.

    They lie in memory product by product, the order in which a sparse matrix sums them.
    """
    rng = np.random.default_rng(seed)
    n = len(label_ids)
    order = np.argsort(label_ids, kind="stable")
    sizes = np.bincount(label_ids)[label_ids[order]]
    firsts = np.searchsorted(label_ids[order], label_ids[order])
    chunk = max(1, DRAWS_AT_ONCE // n)
    for start in range(0, n_resamples, chunk):
        rows = min(chunk, n_resamples - start)
        drawn = firsts + np.minimum((rng.random((rows, n)) * sizes).astype(np.int64), sizes - 1)
        flat = (order[drawn] * rows + np.arange(rows)[:, None]).ravel()
        yield np.bincount(flat, minlength=rows * n).reshape(n, rows).astype(np.float32).T


def resampled_metric(name: str, outcomes: Outcomes, candidate: str, weights: np.ndarray) -> np.ndarray:
    """Return (b,) the metric of a candidate in each resample, the mean over its trainings.

    Args:
        name: of `statistics.matrix.METRICS`, or roc_auc.
        outcomes: of every candidate.
        candidate: whose.
        weights: (b, N) from `resamples`.
    """
    if name == "accuracy":
        hits = outcomes.correct(candidate)  # whole numbers, so that a lead of one product is exactly that in float32
        return (weights @ hits.sum(axis=0).astype(np.float32)).astype(np.float64) / hits.size
    if name == "roc_auc":
        found = [_roc_auc(outcomes.label_ids, each, weights) for each in outcomes.probabilities[candidate]]
        return np.mean(found, axis=0)
    n_labels = outcomes.n_labels
    true = np.bincount(outcomes.label_ids, weights=weights[0], minlength=n_labels)
    values = []
    for predicted in outcomes.predicted[candidate]:
        # a dense product with the one-hot answers would multiply K times as often
        cells = predicted + n_labels * (predicted == outcomes.label_ids)
        answers = csc_array((np.ones_like(weights[0]), cells, np.arange(outcomes.n + 1)), (2 * n_labels, outcomes.n))
        wrong, right = np.split((answers @ weights.T).astype(np.float64).T, 2, axis=1)
        values.append(METRICS[name](Margins(right, true, right + wrong)))
    return np.mean(values, axis=0)


def _objective(
    items: Sequence[Summary], rule: Rule, outcomes: Outcomes, weights: np.ndarray, accuracy_weight: float
) -> np.ndarray:
    """Return (b, C) what the rule maximises in each resample."""
    if rule.maximise.name != "matrix_total":
        names = [item.candidate for item in items]
        return np.stack([resampled_metric(rule.maximise.name, outcomes, name, weights) for name in names], axis=1)
    moved = [resampled_metric("accuracy", outcomes, item.candidate, weights) - item.accuracy for item in items]
    return np.stack([item.matrix_total + accuracy_weight * d for item, d in zip(items, moved, strict=True)], axis=1)


def _roc_auc(label_ids: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return (b,) the macro mean of one-versus-rest areas over the classes that have products; a tie counts half."""
    areas = []
    for label in np.unique(label_ids):
        inside = label_ids == label
        if inside.all():
            return np.full(len(weights), math.nan)
        mine, others = probabilities[inside, label], probabilities[~inside, label]
        above = (mine[:, None] > others).astype(np.float32) + 0.5 * (mine[:, None] == others)
        ahead = ((weights[:, inside] @ above) * weights[:, ~inside]).sum(axis=1, dtype=np.float64)
        areas.append(ahead / (weights[:, inside].sum(axis=1) * weights[:, ~inside].sum(axis=1)))
    return np.mean(areas, axis=0)


def share_in_words(share: float, t: Translator) -> str:
    """Return `83 %`; a share that is not quite 0 or 1 does not read as such."""
    if 0 < share < 0.01:
        return t.gettext("less than 1%")
    return t.gettext("more than 99%") if 0.99 < share < 1 else t.percent(share, 0)


def _sentence(winner: str, shares: Mapping[str, float], n: int, t: Translator) -> str:
    others = [name for name in shares if name != winner]
    if not others:
        return t.gettext(
            "Had the test photos been drawn differently ({n:,d} draws with replacement), {winner} would be "
            "chosen in every draw.",
            winner=winner,
            n=n,
        )
    share, second = (share_in_words(shares.get(name, 0.0), t) for name in (winner, others[0]))
    return t.gettext(
        "Had the test photos been drawn differently ({n:,d} draws with replacement), {winner} would be "
        "chosen in {share} of the draws, {other} in {second}.",
        winner=winner,
        share=share,
        other=others[0],
        second=second,
        n=n,
    )
