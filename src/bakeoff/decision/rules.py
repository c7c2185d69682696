"""Who may be chosen and who is ahead of whom; `choice` puts the outcome into words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from bakeoff.core.errors import EvaluationError
from bakeoff.core.translation import N_, Translator
from bakeoff.decision.measures import LIMITED, MEASURES, Measure
from bakeoff.decision.params import CompareParams, Limits
from bakeoff.decision.summary import Summary

ROUNDING = 1e-9
NOISE_OF_SPEED = 0.1
"""Throughputs closer than the drift that a measurement may have count as equal."""
EXCLUSIONS = ("random_weights", "not_learned")
"""Refusals because a result says nothing about its backbone: such candidates are listed but not tested."""
KINDS = {
    "random_weights": N_("random start"),
    "not_learned": N_("did not learn"),
    **{limit.name: limit.refused for _, limit in LIMITED},
    "licence": N_("commercial use not proven"),
    "other_device": N_("timed on another device"),
    "few_calls": N_("too few calls for a 99th percentile"),
    "unknown": N_("a measure is not known"),
}
"""What each code of a refusal is called where candidates are counted."""


class Refusal(NamedTuple):
    """Why a candidate may not be chosen: a code to count by, and the sentence with its numbers."""

    code: str
    sentence: str


@dataclass(frozen=True)
class Rule:
    """What is maximised, within which limits, and whether doubtful candidates may be chosen."""

    maximise: Measure
    limits: Limits
    allow_random_weights: bool = False
    allow_not_learned: bool = False
    accuracy_points: float = math.nan
    """What an accuracy of 1 rather than chance adds to `matrix_total`; only where the rule draws resamples."""

    @classmethod
    def of(cls, params: CompareParams) -> Self:
        """Return the rule of section `compare`."""
        flags = params.allow_random_weights, params.allow_not_learned
        weights = params.matrix.weights.model_dump()
        points = 10 * weights["accuracy"] / math.fsum(weights.values())
        return cls(MEASURES[params.maximise], params.subject_to, *flags, points)

    def tolerance(self, n_test: int) -> float:
        """Return how far behind the best counts as equal: a test product, of a throughput a tenth (in powers of e)."""
        if self.maximise.is_time:
            return -math.log1p(-NOISE_OF_SPEED)
        return 0.0 if self.maximise.name == "matrix_total" else 1 / n_test

    def objective(self, item: Summary) -> float:
        """Return what is maximised; the logarithm of a throughput."""
        value = self.maximise.value(item)
        return math.log(value) if self.maximise.is_time else value


class Ranking(NamedTuple):
    """Who may be chosen by a rule, in order, and why the others may not."""

    rule: Rule
    eligible: list[Summary]
    commercial: list[Summary]
    """Those that may be used commercially, in order."""
    why_not: dict[str, list[Refusal]]

    def exclusions(self, candidate: str) -> list[Refusal]:
        """Return why a candidate's result says nothing about its backbone."""
        return [refusal for refusal in self.why_not[candidate] if refusal.code in EXCLUSIONS]


def rank(summaries: Sequence[Summary], rule: Rule, *, t: Translator) -> Ranking:
    """Return who may be chosen by a rule, in order."""
    why_not = {item.candidate: _refusals(item, rule, t=t) for item in summaries}
    eligible = rank_eligible([item for item in summaries if not why_not[item.candidate]], rule)
    allowed = [item for item in eligible if item.commercial_use is True]
    if allowed and allowed[0] is not eligible[0]:  # the best candidate is both answers where it may be
        allowed = rank_eligible(allowed, rule)
    return Ranking(rule, eligible, allowed, why_not)


def _refusals(item: Summary, rule: Rule, *, t: Translator) -> list[Refusal]:
    """Return why a candidate may not be chosen: the limits that it breaks, too, or that cannot be checked for it."""
    found = []
    if not item.pretrained and not rule.allow_random_weights:
        found.append(Refusal("random_weights", t.gettext("it started from random weights")))
    if not item.learned and not rule.allow_not_learned:
        found.append(Refusal("not_learned", t.gettext("it did not learn")))
    for measure, limit in LIMITED:
        if (bound := rule.limits.bound(limit.name)) is not None:
            found += _broken(item, measure, limit.name, bound, t=t)
    if math.isnan(rule.maximise.value(item)):
        found.append(_unknown(item, rule.maximise, t=t))
    if rule.limits.licence == "commercial" and (why := commercial_refusal(item, t=t)):
        found.append(Refusal("licence", why))
    return list(dict.fromkeys(found))


def commercial_refusal(item: Summary, *, t: Translator) -> str | None:
    """Return why it is refused commercially: not proven counts, as a wrong yes costs the user more than a wrong no."""
    forbidden = N_("its licence forbids commercial use ({licence})")
    unproven = N_("commercial use is not proven ({licence}): check the licence on the model card")
    text = {True: None, False: forbidden, None: unproven}[item.commercial_use]
    return text and t.gettext(text, licence=item.licence)


def rank_eligible(items: Sequence[Summary], rule: Rule) -> list[Summary]:
    """Return the candidates in the order in which they would be chosen.

    The next one is, of those within the rule's tolerance of the best value left, the first by `preferences`; of those
    the better value, then the name.
    """
    left, ranked = sorted(items, key=lambda item: item.candidate), []
    while left:
        objective = np.array([[rule.objective(item) for item in left]])
        chosen = left[int(pick(objective, preference_costs(left, rule), rule.tolerance(left[0].n_test))[0])]
        ranked.append(chosen)
        left.remove(chosen)
    return ranked


def preferences(item: Summary, rule: Rule) -> dict[str, float]:
    """Return what decides between equals, in this order, by what the better is called; less is better, unknown last."""
    is_time = rule.maximise.is_time
    first = {N_("more accurate"): -item.accuracy} if is_time else {N_("faster"): item.comparable_latency_ms}
    values = first | {N_("with the better log loss"): item.log_loss, N_("cheaper to train"): item.train_time_s}
    values[N_("frozen")] = float(not item.mode.startswith(("frozen", "probe_")))
    return {name: math.inf if math.isnan(value) else value for name, value in values.items()}


def preference_costs(items: Sequence[Summary], rule: Rule) -> np.ndarray:
    """Return (C,) the candidates' places among equals, less is better."""
    return np.unique([[*preferences(item, rule).values()] for item in items], axis=0, return_inverse=True)[1].ravel()


def pick(objective: np.ndarray, costs: np.ndarray, tolerance: float) -> np.ndarray:
    """Return (B,) which candidate the rule chooses in each of B worlds by its objective (B, C), more is better.

    Candidates stand in the order of their names; costs (C,), less is better, decide among those within `tolerance`, in
    the objective's unit, of the best.
    """
    if objective.shape[1] == 0:
        raise EvaluationError("nothing to pick from: no candidate is eligible; relax compare.subject_to.")
    tied = objective >= objective.max(axis=1, keepdims=True) - tolerance - ROUNDING
    cost = np.where(tied, costs.astype(float), np.inf)
    cheapest = cost == cost.min(axis=1, keepdims=True)
    return np.where(cheapest, objective, -np.inf).argmax(axis=1)


def _broken(item: Summary, measure: Measure, limit: str, bound: float, *, t: Translator) -> list[Refusal]:
    value = measure.value(item)
    if math.isnan(value):
        return [_unknown(item, measure, t=t)]
    if value >= bound if measure.more_is_better else value <= bound:
        return []
    gaps = {"measure": measure.named(t), "value": t.number(value, measure.spec)}
    gaps |= {"limit": limit, "bound": t.number(bound, "g")}
    below = N_("its {measure} of {value} is below compare.subject_to.{limit} = {bound}")
    above = N_("its {measure} of {value} is above compare.subject_to.{limit} = {bound}")
    return [Refusal(limit, t.gettext(below if measure.more_is_better else above, **gaps))]


def _unknown(item: Summary, measure: Measure, *, t: Translator) -> Refusal:
    if measure.is_time and not item.time_comparable and math.isfinite(item.latency_ms):
        return other_device(item, t=t)
    if measure.name == "latency_p99_ms" and item.n_latency > 0:
        return Refusal(
            "few_calls",
            t.gettext(
                "its {measure} is not known: {n:,d} calls were timed, and 100 are needed; `bakeoff throughput --budget "
                "60` measures longer",
                measure=measure.named(t),
                n=round(item.n_latency),
            ),
        )
    return Refusal("unknown", t.gettext("its {measure} is not known", measure=measure.named(t)))


def other_device(item: Summary, *, t: Translator) -> Refusal:
    """Return that the candidate's times were not measured where most were."""
    reason = t.gettext("its times come from another device ({device}) and cannot be compared", device=item.device)
    return Refusal("other_device", reason)
