"""What having been chosen does to a winner's figures, and how likely resampled test sets would choose it again."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from bakeoff.core.translation import N_, Translator
from bakeoff.decision.choice_record import Corrected, CorrectedValue, Stability
from bakeoff.decision.comparisons import lead_over
from bakeoff.decision.outcomes import Outcomes
from bakeoff.decision.resampling import bounded_resamples, objectives, resampled_metric, resamples, work_of
from bakeoff.decision.rules import Rule, pick, preference_costs
from bakeoff.decision.summary import Summary
from bakeoff.records.candidate import BASELINE
from bakeoff.statistics.interval import hold, wilson_interval
from bakeoff.statistics.matrix import METRICS, Margins
from bakeoff.statistics.selection import Shift, chosen_again

CORRECTED = ("accuracy", "macro_f1")
_AS_MEASURED = 0.0005
_MAX_AUC_PRODUCTS = 1_000
"""ROC-AUC compares every pair of products in every resample; beyond this it is not simulated."""


class Redrawn(NamedTuple):
    """The rule applied to B resampled test sets."""

    items: list[Summary]
    """C candidates in the order of their names."""
    objective: np.ndarray
    """(B, C) what the rule maximises in each resample."""
    again: np.ndarray
    """(C,) how likely other products would choose each."""
    shifts: Mapping[str, Shift]
    """By measure of CORRECTED, of the winner."""


def redraw(eligible: Sequence[Summary], rule: Rule, outcomes: Outcomes, *, n_resamples: int) -> Redrawn:
    """Apply the rule to resampled test sets.

    Products are drawn whatever their class, groups whole: within classes of a few products there would be too little to
    draw from. Times, sizes and licences stay as measured. Several trainings of a candidate enter by their mean.

    The winner is the first of `eligible`, at least two; the rule maximises no time.
    """
    items = sorted(eligible, key=lambda item: item.candidate)
    names, winner = [item.candidate for item in items], eligible[0].candidate
    left_out, n_won = np.zeros((len(items), outcomes.n)), np.zeros(len(items))
    luck, drawn = dict.fromkeys(CORRECTED, 0.0), []
    whole = np.ones((1, outcomes.n), dtype=np.float32)
    measured = {
        (metric, name): resampled_metric(metric, outcomes, name, whole)[0] for metric in CORRECTED for name in names
    }

    choose = partial(pick, costs=preference_costs(items, rule), tolerance=rule.tolerance(outcomes.n))

    def gain(metric: str, name: str, weights: np.ndarray) -> float:
        """Return how much better than measured a candidate is in these resamples, summed."""
        return float((resampled_metric(metric, outcomes, name, weights) - measured[metric, name]).sum())

    for chunk in resamples(outcomes.n, n_resamples, 0, outcomes.groups):
        values = objectives(items, rule, outcomes, chunk)
        sound = np.isfinite(values).all(axis=1)  # ROC-AUC of a resample of one class alone is not defined
        drawn.append(values[sound])
        weights = chunk if sound.all() else np.asfortranarray(chunk[sound])
        won = choose(drawn[-1])
        for metric in CORRECTED:
            luck[metric] -= gain(metric, winner, weights)
        for i in np.unique(won):
            chosen = np.asfortranarray(weights[won == i])
            left_out[i] += (chosen == 0).sum(axis=0)
            n_won[i] += len(chosen)
            for metric in CORRECTED:
                luck[metric] += gain(metric, names[i], chosen)
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
    observed, objective = objectives(items, rule, outcomes, whole)[0], np.concatenate(drawn)
    return Redrawn(items, objective, chosen_again(observed, objective, choose), shifts)


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
    eligible: Sequence[Summary], rule: Rule, outcomes: Outcomes, *, n_resamples: int, t: Translator
) -> tuple[Stability, Corrected | None]:
    """Return how likely other products would choose the first of `eligible`, and what to expect of it, else None."""
    if why := _not_resampled(eligible, rule, outcomes.n, t):
        stability = Stability(n_resamples=0, shares={}, winner_share=None, sentence=why)
        return stability, correct(eligible[0], None, outcomes, n_resamples, t) if len(eligible) == 1 else None
    n = bounded_resamples(n_resamples, outcomes.n, work=work_of(rule, outcomes, len(eligible)))
    redrawn = redraw(eligible, rule, outcomes, n_resamples=n)
    items, again = redrawn.items, redrawn.again
    shares = {items[i].candidate: float(again[i]) for i in np.argsort(-again, kind="stable") if again[i]}
    winner, place = eligible[0].candidate, items.index(eligible[0])
    same = np.ptp(redrawn.objective - redrawn.objective[:, [place]], axis=0) == 0
    share, sentence = shares.get(winner, 0.0), _sentence(winner, shares, outcomes.n, t)
    if same.sum() > 1:  # nothing that other products would do is known of their difference
        shares, share = {}, None
        sentence = t.gettext(
            "These products do not tell {names} apart: in every resample they stay as far apart as they are.",
            names=t.join(items[i].candidate for i in np.flatnonzero(same)),
        )
    stability = Stability(n_resamples=n, shares=shares, winner_share=share, sentence=sentence)
    return stability, correct(eligible[0], redrawn, outcomes, n_resamples, t)


def _not_resampled(eligible: Sequence[Summary], rule: Rule, n: int, t: Translator) -> str | None:
    if not eligible:
        return t.gettext("Nothing was chosen, so there is no choice to test.")
    if len(eligible) == 1:
        return only_one(eligible[0].candidate, t)
    text = None
    if rule.maximise.is_time:
        text = N_("{winner} is chosen by throughput: what other test products would change was not simulated.")
    elif rule.maximise.name == "roc_auc" and n > _MAX_AUC_PRODUCTS:
        text = N_("How certain the choice is was not simulated: ROC-AUC on {n:,d} test products takes too long.")
    return text and t.gettext(text, winner=eligible[0].candidate, n=n)


def only_one(winner: str, t: Translator) -> str:
    """Return that nothing else could have been chosen."""
    return t.gettext("{winner} is the only eligible candidate: there was nothing to choose between.", winner=winner)


def correct(best: Summary, redrawn: Redrawn | None, outcomes: Outcomes, n_resamples: int, t: Translator) -> Corrected:
    """Return accuracy, macro F1 and lead over the baseline corrected for the choice; as measured without `redrawn`."""
    n = len(redrawn.objective) if redrawn else 0
    shifts = redrawn.shifts if redrawn else dict.fromkeys(CORRECTED, Shift(0.0, 0.0))
    by_accuracy, by_f1 = shifts["accuracy"], shifts["macro_f1"]
    low, high = (
        wilson_interval(float(np.clip(best.accuracy + step, 0, 1)), outcomes.n_effective) for step in by_accuracy.ends
    )
    accuracy = _value(best.accuracy, by_accuracy, (low[0], high[1]))
    f1_ends = best.macro_f1_low + by_f1.ends[0], best.macro_f1_high + by_f1.ends[1]
    macro_f1, lead = _value(best.macro_f1, by_f1, f1_ends), None
    if best.candidate != BASELINE and BASELINE in outcomes.predicted:
        measured, interval = lead_over(outcomes, best.candidate, BASELINE, n_resamples)
        ends = interval.low + by_accuracy.ends[0], interval.high + by_accuracy.ends[1]
        lead = _value(measured, by_accuracy, ends, least=-1.0)
    told = _expectation(best, accuracy, t)
    if accuracy.estimate <= accuracy.measured - _AS_MEASURED:
        written = {t.gettext("Macro F1"): _written(macro_f1, 1, ".3f", t)}
        written |= {t.gettext("Points ahead of the baseline"): _written(lead, 100, "+.1f", t)} if lead else {}
        text = N_("{what}: {estimate} ({low} to {high}) rather than {measured}.")
        told = " ".join([told, *(t.gettext(text, what=what, **values) for what, values in written.items())])
    return Corrected(n_resamples=n, accuracy=accuracy, macro_f1=macro_f1, lead=lead, sentence=told)


def _written(value: CorrectedValue, factor: int, spec: str, t: Translator) -> dict[str, str]:
    return {name: t.number(factor * getattr(value, name), spec) for name in ("measured", "estimate", "low", "high")}


def _value(measured: float, shift: Shift, ends: tuple[float, float], *, least: float = 0.0) -> CorrectedValue:
    estimate, low, high = np.clip([measured + shift.total, *ends], least, 1).tolist()
    low, high = hold(estimate, low, high)
    return CorrectedValue(measured=measured, estimate=estimate, low=float(low), high=float(high))


def _expectation(best: Summary, accuracy: CorrectedValue, t: Translator) -> str:
    """Return what to expect on new products, and why that is less than what was measured."""
    gaps = _written(accuracy, 1, ".3f", t)
    if accuracy.estimate > accuracy.measured - _AS_MEASURED:
        return t.gettext("Expect an accuracy of {estimate} on new products (95% interval {low} to {high}).", **gaps)
    return t.gettext(
        "{candidate} was chosen partly because these {n:,d} products happen to suit it: expect an accuracy of "
        "{estimate} on new ones (95% interval {low} to {high}) rather than the {measured} measured.",
        candidate=best.candidate,
        n=best.n_test,
        **gaps,
    )


def share_in_words(share: float, t: Translator) -> str:
    """Return a share to the nearest 5 %, which is as well as it is known: `85%`, `less than 5%`, `more than 95%`."""
    if share < 0.05:
        return t.gettext("less than 5%")
    if share > 0.95:
        return t.gettext("more than 95%")
    return t.gettext("about {share}", share=t.percent(round(20 * share) / 20, 0))


def _sentence(winner: str, shares: Mapping[str, float], n: int, t: Translator) -> str:
    gaps = {"winner": winner, "n": n, "share": share_in_words(shares.get(winner, 0.0), t)}
    text = N_("Tested on {n:,d} other products, the same rule would choose {winner} again in {share} of cases.")
    if other := next((name for name in shares if name != winner), None):
        gaps |= {"other": other, "second": share_in_words(shares[other], t)}
        text = N_(
            "Tested on {n:,d} other products, the same rule would choose {winner} again in {share} of cases, {other} "
            "in {second}."
        )
    return t.gettext(text, **gaps)
