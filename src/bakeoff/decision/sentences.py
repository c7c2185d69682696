"""The words of the choice: short sentences that hold the numbers they rest on, in the language of the report."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.core.translation import N_, Translator
from bakeoff.decision.measures import LIMITED
from bakeoff.decision.params import Limits
from bakeoff.decision.rules import KINDS, ROUNDING, Refusal, Rule, preferences, rank
from bakeoff.decision.summary import Summary
from bakeoff.records.candidate import Candidate

_LIMITS = N_("Relax the limits in compare.subject_to of conf/config.yaml.")
_RULE = N_("Choose another compare.maximise in conf/config.yaml, or measure what is missing.")
_ENOUGH_CALLS = N_("`bakeoff throughput --budget 60` times enough calls.")
_ADVICE = {
    "random_weights": N_(
        "Get pretrained weights (`bakeoff weights --retry`), or set compare.allow_random_weights: true."
    ),
    "not_learned": N_("Train longer, or set compare.allow_not_learned: true."),
    "few_calls": _ENOUGH_CALLS,
    "other_device": _RULE,
    "unknown": _RULE,
}
_TITLES = {
    "phone": N_("On a phone"),
    "checkout_camera": N_("For a camera at the checkout"),
    "night_batch": N_("For the whole catalogue overnight"),
    "small_server": N_("On a small server"),
    "daily_retraining": N_("Trained again every day"),
}


def compares_backbones(summaries: Sequence[Summary]) -> bool:
    """Return whether at least two backbones started from published weights, or no candidate at random."""
    random = [item for item in summaries if not item.pretrained]
    looking = [item for item in summaries if Candidate(item.candidate).modality == "image"]
    return not random or len({item.model for item in looking if item.pretrained}) > 1


def random_opening(summaries: Sequence[Summary], *, allowed: bool, t: Translator) -> str:
    """Return what must be said first where candidates started from random weights, else an empty text."""
    random = [item for item in summaries if not item.pretrained]
    if not random:
        return ""
    gaps = {"n": len(random), "total": len(summaries), "models": ", ".join(sorted({item.model for item in random}))}
    some = N_(
        "{n} of {total} candidates started from random weights ({models}): their results say nothing about these "
        "backbones."
    )
    most = N_(
        "This does not compare backbones, only what was available here: {n} of {total} candidates started from "
        "random weights ({models})."
    )
    opening = t.gettext(some if compares_backbones(summaries) else most, **gaps)
    return opening if allowed else " ".join([opening, t.gettext("They are listed but cannot be chosen.")])


def limits_in_words(limits: Limits, *, t: Translator) -> str:
    """Return `latency ≤ 30 ms, size ≤ 100 MiB`, or `no limits`."""
    bounds = [(limit.text, limits.bound(limit.name)) for _, limit in LIMITED]
    parts = [t.gettext(text, bound=t.number(bound, "g")) for text, bound in bounds if bound is not None]
    if limits.licence == "commercial":
        parts.append(t.gettext("commercial use allowed"))
    return ", ".join(parts) or t.gettext("no limits")


def rule_in_words(rule: Rule, *, t: Translator) -> str:
    """Return what is maximised within what, and what decides between equals."""
    measure = rule.maximise.named(t)
    if rule.limits == Limits():
        text = t.gettext("maximise {measure}, without limits", measure=measure)
    else:
        text = t.gettext("maximise {measure} with {limits}", measure=measure, limits=limits_in_words(rule.limits, t=t))
    if rule.maximise.is_time:
        text = t.gettext("{rule}; of those within 10% of the fastest, the most accurate", rule=text)
    elif rule.maximise.name == "accuracy":
        text = t.gettext("{rule}; of those within one test product of the best, the fastest", rule=text)
    elif rule.maximise.name == "matrix_total":
        text = t.gettext("{rule}; of equals, the fastest", rule=text)
    else:
        text = t.gettext("{rule}; of those within 1/n of the best (n test products), the fastest", rule=text)
    return t.gettext("{rule}, then by log loss, training time and frozen before fine-tuned", rule=text)


def answer_sentence(ranked: Sequence[Summary], rule: Rule, *, t: Translator, commercial: bool = False) -> str:
    """Return why the first of the ranked ones, which with `commercial` may be used commercially, is the answer."""
    best = ranked[0]
    why = _why(ranked, rule, t)
    if commercial:
        why = t.gettext("{why}, among those that may be used commercially", why=why)
    if rule.limits != Limits():
        why = t.gettext("{why} ({limits})", why=why, limits=limits_in_words(rule.limits, t=t))
    return t.gettext("{candidate}, {facts}: {why}.", candidate=best.candidate, facts=_facts(best, rule, t), why=why)


def _facts(best: Summary, rule: Rule, t: Translator) -> str:
    facts = [t.gettext("test accuracy {accuracy:.3f}", accuracy=best.accuracy)]
    if rule.maximise.name != "accuracy":
        value = t.number(rule.maximise.value(best), rule.maximise.spec)
        facts.append(t.gettext("{measure} {value}", measure=rule.maximise.named(t), value=value))
    if math.isfinite(best.latency_ms):
        facts.append(t.gettext("{latency:.1f} ms per product", latency=best.latency_ms))
    return ", ".join(facts)


def _why(ranked: Sequence[Summary], rule: Rule, t: Translator) -> str:
    best, n = ranked[0], len(ranked)
    top = max(ranked, key=rule.objective)
    if n == 1:
        return t.gettext("the only eligible candidate")
    tied = [item for item in ranked if abs(rule.objective(item) - rule.objective(best)) <= ROUNDING]
    if rule.objective(top) > rule.objective(best) + ROUNDING:
        least = rule.objective(top) - rule.tolerance(best.n_test) - ROUNDING
        tied = [item for item in ranked if rule.objective(item) >= least]
        gaps = {"top": top.candidate, "value": t.number(rule.maximise.value(top), rule.maximise.spec)}
        if rule.maximise.is_time:
            where = t.gettext("within 10% of the throughput of {top} ({value})", **gaps)
        elif rule.maximise.name == "accuracy":
            where = t.gettext("within one test product of {top} ({value})", **gaps)
        else:
            where = t.gettext("within 1/{n_test:,d} of {top} ({value})", n_test=best.n_test, **gaps)
    elif len(tied) > 1:
        others = t.join(item.candidate for item in tied if item is not best)
        where = t.gettext("the same {measure} as {others}", measure=rule.maximise.named(t), others=others)
    elif rule.maximise.name == "accuracy":
        return t.gettext("the most accurate of {n} eligible candidates", n=n)
    else:
        return t.gettext("the highest {measure} of {n} eligible candidates", measure=rule.maximise.named(t), n=n)
    why = _decider(best, tied, rule, t)
    return t.gettext("{where} and {why}, of {n} eligible candidates", where=where, why=why, n=n)


def _decider(best: Summary, tied: Sequence[Summary], rule: Rule, t: Translator) -> str:
    """Return which of the rule's preferences put the best before the last of those tied with it."""
    mine, others = preferences(best, rule), [preferences(item, rule) for item in tied if item is not best]
    reasons = [*mine, N_("first by name")]
    deciders = [next((name for name in mine if other[name] != mine[name]), reasons[-1]) for other in others]
    last = max(deciders, key=reasons.index)
    if last == "faster" and any(math.isinf(other[last]) for other in others):
        return t.gettext("with a comparable time")
    return t.gettext(last)


def nothing_sentence(why_not: Mapping[str, Sequence[Refusal]], rule: Rule, *, t: Translator) -> str:
    """Return why nothing was chosen and what to change: the reason that bars the most candidates."""
    if not why_not:
        return t.gettext("No candidate has a result, so there is nothing to choose from.")
    commonest = Counter(refusal.code for found in why_not.values() for refusal in found).most_common(1)[0][0]
    return t.gettext(
        "No candidate is eligible, so none is chosen ({limits}): {whys}. {advice}",
        limits=limits_in_words(rule.limits, t=t),
        whys=_counted(why_not, t=t),
        advice=t.gettext(_ADVICE.get(commonest, _LIMITS)),
    )


def _counted(why_not: Mapping[str, Sequence[Refusal]], *, t: Translator) -> str:
    """Return `3 × too slow, 1 × random start`, the commonest first."""
    counts = Counter(refusal.code for found in why_not.values() for refusal in found)
    return ", ".join(t.gettext("{n} × {kind}", n=n, kind=t.gettext(KINDS[code])) for code, n in counts.most_common())


def scenario_title(name: str, t: Translator) -> str:
    """Return `On a phone`; a name of the user's own reads as given, with spaces for underscores."""
    return t.gettext(_TITLES[name]) if name in _TITLES else t.gettext("For {name}", name=name.replace("_", " "))


def scenario_row(
    name: str, summaries: Sequence[Summary], rule: Rule, best: Summary | None, t: Translator
) -> dict[str, Any]:
    """Return a row of choice.json's `scenarios`; the rule is the answer's, with the scenario's limits."""
    ranking = rank(summaries, rule, t=t)
    said = {"scenario": scenario_title(name, t), "limits": limits_in_words(rule.limits, t=t)}
    row = {"name": name, "title": said["scenario"], "subject_to": rule.limits.model_dump()}
    row |= {"limits_in_words": said["limits"], "candidate": None, "accuracy": None}
    if not ranking.eligible:
        gaps = {"n": len(summaries), "whys": _counted(ranking.why_not, t=t)}
        sentence = t.gettext("{scenario} ({limits}): none of {n} candidates: {whys}.", **said, **gaps)
        if any(refusal.code == "few_calls" for found in ranking.why_not.values() for refusal in found):
            sentence += " " + t.gettext(_ENOUGH_CALLS)
        return row | {"sentence": sentence}
    found = ranking.eligible[0]
    lost = 100 * (best.accuracy - found.accuracy) if best else 0.0
    said |= {"candidate": found.candidate, "accuracy": t.gettext("accuracy {accuracy:.3f}", accuracy=found.accuracy)}
    if best is None:
        text = N_("{scenario} ({limits}): {candidate}, {accuracy}.")
    elif found.candidate == best.candidate:
        text = N_("{scenario} ({limits}): {candidate} as well, {accuracy}.")
    elif lost <= 0:
        text = N_("{scenario} ({limits}): {candidate}, {accuracy}, no less than {best}.")
    else:
        text = N_("{scenario} ({limits}): {candidate}, {accuracy}, {points:.1f} points less than {best}.")
    sentence = t.gettext(text, **said, best=best and best.candidate, points=lost)
    return row | {"candidate": found.candidate, "accuracy": found.accuracy, "sentence": sentence}
