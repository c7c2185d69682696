"""What having been chosen does to a winner's figures, and how likely another test set would choose it again.

The rule is applied to resampled test sets, the same ones for every candidate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bakeoff.core.translation import Translator
from bakeoff.decision.choice_record import Corrected, CorrectedValue, Stability
from bakeoff.decision.outcomes import Outcomes
from bakeoff.decision.resampling import (
    MAX_AUC_PRODUCTS,
    bounded_resamples,
    objectives,
    resampled_metric,
    resamples,
    work_of,
)
from bakeoff.decision.rules import Rule, pick, preference_costs
from bakeoff.decision.summary import Summary
from bakeoff.statistics.interval import Interval
from bakeoff.statistics.matrix import METRICS, Margins
from bakeoff.statistics.selection import Shift, chosen_again
from bakeoff.statistics.wilson import wilson_interval

CORRECTED = ("accuracy", "macro_f1")


@dataclass(frozen=True)
class Redrawn:
    """The rule applied to B resampled test sets."""

    objective: np.ndarray
    """(B, C) what it maximises; candidates in the order of their names."""
    shifts: Mapping[str, Shift]
    """By measure of CORRECTED, of the winner."""


def redraw(
    eligible: Sequence[Summary], rule: Rule, outcomes: Outcomes, *, n_resamples: int, accuracy_weight: float = 0.0
) -> Redrawn:
    """Apply the rule to resampled test sets.

    Products are drawn whatever their class, groups whole: within classes of a few products there would be too little to
    draw from. Times, sizes and licences stay as measured. Several trainings of a candidate enter by their mean.

    Args:
        eligible: who may be chosen, the winner first; at least two.
        rule: what is maximised, within what tolerance; not a time.
        outcomes: of every candidate on the test products.
        n_resamples: wanted; fewer where there are many products.
        accuracy_weight: points of `matrix_total` per unit of accuracy, where that is maximised.
    """
    items = sorted(eligible, key=lambda item: item.candidate)
    names, winner = [item.candidate for item in items], eligible[0].candidate
    costs, tolerance = preference_costs(items, rule), rule.tolerance(outcomes.n)
    left_out, n_won = np.zeros((len(items), outcomes.n)), np.zeros(len(items))
    luck, drawn = dict.fromkeys(CORRECTED, 0.0), []
    whole = np.ones((1, outcomes.n), dtype=np.float32)
    measured = {
        (metric, name): resampled_metric(metric, outcomes, name, whole)[0] for metric in CORRECTED for name in names
    }
    for weights in resamples(np.zeros(outcomes.n, dtype=np.int64), n_resamples, 0, outcomes.groups):
        drawn.append(objectives(items, rule, outcomes, weights, accuracy_weight))
        won = pick(drawn[-1], costs, tolerance)
        for metric in CORRECTED:
            luck[metric] -= _gain(metric, outcomes, winner, weights, measured)
        for i in np.unique(won):
            chosen = np.asfortranarray(weights[won == i])
            left_out[i] += (chosen == 0).sum(axis=0)
            n_won[i] += len(chosen)
            for metric in CORRECTED:
                luck[metric] += _gain(metric, outcomes, names[i], chosen, measured)
    shares = np.where(left_out.sum(axis=0) > 0, left_out, n_won[:, None])
    mixture = dict(zip(names, shares / shares.sum(axis=0), strict=True))
    alone = {winner: np.ones(outcomes.n)}
    shifts = {
        metric: Shift(
            left_out=_mixed(metric, outcomes, mixture) - _mixed(metric, outcomes, alone),
            optimism=luck[metric] / n_won.sum(),
        )
        for metric in CORRECTED
    }
    return Redrawn(np.concatenate(drawn), shifts)


def _gain(
    metric: str, outcomes: Outcomes, name: str, weights: np.ndarray, measured: Mapping[tuple[str, str], float]
) -> float:
    """Return how much better than measured a candidate is in these resamples, summed."""
    return float((resampled_metric(metric, outcomes, name, weights) - measured[metric, name]).sum())


def _mixed(metric: str, outcomes: Outcomes, mixture: Mapping[str, np.ndarray]) -> float:
    """Return a metric, over the products' classes, where each candidate answers its (N,) share of each product."""
    counts = np.zeros((outcomes.n_labels, outcomes.n_labels))
    for name, shares in mixture.items():
        for predicted in outcomes.predicted[name]:
            np.add.at(counts, (outcomes.label_ids, predicted), shares / len(outcomes.predicted[name]))
    true = counts.sum(axis=1)
    predicted = np.where(true > 0, counts.sum(axis=0), 0)  # more candidates err towards more classes without products
    return float(METRICS[metric](Margins(np.diagonal(counts)[None], true, predicted[None]))[0])


def review(
    eligible: Sequence[Summary],
    rule: Rule,
    outcomes: Outcomes,
    *,
    n_resamples: int,
    t: Translator,
    accuracy_weight: float = 0.0,
) -> tuple[Stability, Redrawn | None]:
    """Return choice.json's `stability`, and the resamples it rests on, None where nothing was resampled.

    Args:
        eligible: who may be chosen, the winner first.
        rule: what is maximised, within what tolerance.
        outcomes: of every candidate on the test products.
        n_resamples: wanted; fewer where there are many products.
        t: says it in the reader's language.
        accuracy_weight: points of `matrix_total` per unit of accuracy, where that is maximised.
    """
    if why := _not_resampled(eligible, rule, outcomes.n, t):
        return Stability(n_resamples=0, shares={}, winner_share=None, sentence=why), None
    n = bounded_resamples(n_resamples, outcomes.n, work=work_of(rule, outcomes, len(eligible)))
    redrawn = redraw(eligible, rule, outcomes, n_resamples=n, accuracy_weight=accuracy_weight)
    items = sorted(eligible, key=lambda item: item.candidate)
    costs, tolerance = preference_costs(items, rule), rule.tolerance(outcomes.n)
    whole = np.ones((1, outcomes.n), dtype=np.float32)
    observed = objectives(items, rule, outcomes, whole, accuracy_weight)[0]
    shares = chosen_again(observed, redrawn.objective, lambda values: pick(values, costs, tolerance))
    order = np.argsort(-shares, kind="stable")
    found = {items[i].candidate: float(shares[i]) for i in order if shares[i]}
    winner = eligible[0].candidate
    sentence = _sentence(winner, found, outcomes.n, t)
    return Stability(n_resamples=n, shares=found, winner_share=found.get(winner, 0.0), sentence=sentence), redrawn


def _not_resampled(eligible: Sequence[Summary], rule: Rule, n: int, t: Translator) -> str | None:
    if not eligible:
        return t.gettext("Nothing was chosen, so there is no choice to test.")
    if len(eligible) == 1:
        return only_one(eligible[0].candidate, t)
    if rule.maximise.is_time:
        return t.gettext(
            "{winner} is chosen by throughput: what other test photos would change was not simulated.",
            winner=eligible[0].candidate,
        )
    if rule.maximise.name == "roc_auc" and n > MAX_AUC_PRODUCTS:
        return t.gettext(
            "How certain the choice is was not simulated: ROC-AUC on {n:,d} test photos takes too long.", n=n
        )
    return None


def only_one(winner: str, t: Translator) -> str:
    """Return that nothing else could have been chosen."""
    return t.gettext("{winner} is the only eligible candidate: there was nothing to choose between.", winner=winner)


def corrected(
    best: Summary,
    redrawn: Redrawn | None,
    lead: tuple[float, Interval] | None,
    outcomes: Outcomes,
    *,
    t: Translator,
) -> Corrected:
    """Return the winner's accuracy, macro F1 and lead over the baseline, corrected for having been chosen.

    Args:
        best: the winner.
        redrawn: its resamples; None where nothing was to choose between, which leaves every value as measured.
        lead: over the baseline in accuracy (a share), and its interval; None for the baseline itself, or without one.
        outcomes: of every candidate on the test products.
        t: says it in the reader's language.
    """
    shifts = redrawn.shifts if redrawn else dict.fromkeys(CORRECTED, Shift(0.0, 0.0))
    accuracy, f1 = shifts["accuracy"], shifts["macro_f1"]
    ends = [wilson_interval(float(np.clip(best.accuracy + step, 0, 1)), outcomes.n) for step in accuracy.ends]
    values = {
        "accuracy": _value(best.accuracy, accuracy, (ends[0][0], ends[1][1])),
        "macro_f1": _value(best.macro_f1, f1, _moved(f1, best.macro_f1_low, best.macro_f1_high)),
        "lead": None,
    }
    if lead is not None:
        measured, interval = lead
        ends = _moved(accuracy, interval.low, interval.high, least=-1.0)
        values["lead"] = _value(measured, accuracy, ends, least=-1.0)
    found = Corrected(n_resamples=len(redrawn.objective) if redrawn else 0, sentence="", **values)
    return found.model_copy(update={"sentence": _corrected_sentence(best, found, t)})


def _moved(shift: Shift, low: float, high: float, *, least: float = 0.0) -> tuple[float, float]:
    low, high = np.clip([low + shift.ends[0], high + shift.ends[1]], least, 1)
    return float(low), float(high)


def _value(measured: float, shift: Shift, ends: tuple[float, float], *, least: float = 0.0) -> CorrectedValue:
    estimate = float(np.clip(measured + shift.total, least, 1))
    held = Interval(estimate, *ends, "bootstrap_bias_corrected")
    left_out = float(np.clip(measured + shift.left_out, least, 1))
    return CorrectedValue(measured=measured, estimate=estimate, low=held.low, high=held.high, left_out=left_out)


def _corrected_sentence(best: Summary, found: Corrected, t: Translator) -> str:
    """Return what to expect on new photos, and why that is not what was measured."""
    value = found.accuracy
    gaps = {name: t.number(getattr(value, name), ".3f") for name in ("measured", "estimate", "low", "high")}
    if not found.n_resamples:
        return t.gettext("The 95% interval of its accuracy is {low} to {high}.", **gaps)
    return t.gettext(
        "{candidate} stands first partly because these {n:,d} photos happen to suit it: expect an accuracy of "
        "{estimate} on new ones (95% interval {low} to {high}) rather than the {measured} measured.",
        candidate=best.candidate,
        n=best.n_test,
        **gaps,
    )


def share_in_words(share: float, t: Translator) -> str:
    """Return a share to the nearest 5 %, which is as well as it is known: `85%`, `less than 5%`, `more than 95%`."""
    if share < 0.05:
        return t.gettext("less than 5%")
    return t.gettext("more than 95%") if share > 0.95 else t.percent(round(20 * share) / 20, 0)


def _sentence(winner: str, shares: Mapping[str, float], n: int, t: Translator) -> str:
    others = [name for name in shares if name != winner]
    share = share_in_words(shares.get(winner, 0.0), t)
    if not others:
        return t.gettext(
            "Tested on {n:,d} other photos, the same rule would choose {winner} again in {share} of cases.",
            winner=winner,
            share=share,
            n=n,
        )
    return t.gettext(
        "Tested on {n:,d} other photos, the same rule would choose {winner} again in about {share} of cases, {other} "
        "in {second}.",
        winner=winner,
        share=share,
        other=others[0],
        second=share_in_words(shares[others[0]], t),
        n=n,
    )
