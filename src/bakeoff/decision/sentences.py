"""The words of the choice: short sentences that hold the numbers they rest on, in the language of the report."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from bakeoff.decision.measures import LIMITS
from bakeoff.decision.params import Limits
from bakeoff.decision.rules import ROUNDING, Refusal, Rule
from bakeoff.decision.summary import Summary
from bakeoff.language.phrases import Words


def compares_backbones(summaries: Sequence[Summary]) -> bool:
    """Return whether at least two backbones started from published weights, or no candidate at random."""
    random = [item for item in summaries if not item.pretrained]
    return not random or len({item.model for item in summaries if item.pretrained}) > 1


def random_opening(summaries: Sequence[Summary], *, allowed: bool, words: Words) -> str:
    """Return what must be said first where candidates started from random weights, else an empty text."""
    random = [item for item in summaries if not item.pretrained]
    if not random:
        return ""
    key = f"opening{'.some' if compares_backbones(summaries) else ''}{'' if allowed else '.apart'}"
    models = ", ".join(sorted({item.model for item in random}))
    return words(key, n=len(random), total=len(summaries), models=models)


def limits_in_words(limits: Limits, *, words: Words) -> str:
    """Return `latency ≤ 30 ms, size ≤ 100 MiB`, or `no limits`."""
    bounds = {name: getattr(limits, name) for name in LIMITS}
    parts = [
        words(f"limit.{name}", bound=words.number(bound, "g")) for name, bound in bounds.items() if bound is not None
    ]
    if limits.licence == "commercial":
        parts.append(words("limit.licence"))
    return ", ".join(parts) or words("limits.none")


def rule_in_words(rule: Rule, *, words: Words) -> str:
    """Return what is maximised within what, and what decides between equals."""
    measure = words(f"measure.{rule.maximise.name}")
    limited = rule.limits != Limits()
    limits = {"limits": limits_in_words(rule.limits, words=words)} if limited else {}
    text = words("rule.limited" if limited else "rule.free", measure=measure, **limits)
    ties = {"accuracy": "latency", "matrix_total": "none"}
    tie = "accuracy" if rule.maximise.is_time else ties.get(rule.maximise.name, "share")
    return words(f"rule.tie_{tie}", rule=text)


def answer_sentence(ranked: Sequence[Summary], rule: Rule, *, words: Words, commercial: bool = False) -> str:
    """Return why the first of the ranked ones is the answer.

    Args:
        ranked: those it was chosen from, in order.
        rule: that put them in order.
        words: holds `bakeoff.language.choice`'s phrases.
        commercial: whether they are only those that may be used commercially.
    """
    best = ranked[0]
    why = _why(ranked, rule, words)
    if commercial:
        why = words("why.commercial", why=why)
    if rule.limits != Limits():
        why = words("why.scope", why=why, limits=limits_in_words(rule.limits, words=words))
    return words("answer", candidate=best.candidate, facts=_facts(best, rule, words), why=why)


def _facts(best: Summary, rule: Rule, words: Words) -> str:
    low, high = best.interval
    facts = [words("facts.accuracy", accuracy=best.accuracy, low=low, high=high)]
    if rule.maximise.name != "accuracy":
        value = words.number(rule.maximise.value(best), rule.maximise.spec)
        facts.append(words("facts.maximised", measure=words(f"measure.{rule.maximise.name}"), value=value))
    if math.isfinite(best.latency_ms):
        facts.append(words("facts.latency", latency=best.latency_ms))
    return ", ".join(facts)


def _why(ranked: Sequence[Summary], rule: Rule, words: Words) -> str:
    best, n = ranked[0], len(ranked)
    top = max(ranked, key=rule.objective)
    if n == 1:
        return words("why.only")
    if rule.objective(top) > rule.objective(best) + ROUNDING:
        kind = "product" if rule.maximise.name == "accuracy" else "share"
        key = f"why.within_{'speed' if rule.maximise.is_time else kind}"
        value = words.number(rule.maximise.value(top), rule.maximise.spec)
        return words(key, top=top.candidate, value=value, n=n, n_test=best.n_test)
    if rule.maximise.name == "accuracy":
        return words("why.accurate", n=n)
    return words("why.top", measure=words(f"measure.{rule.maximise.name}"), n=n)


def nothing_sentence(why_not: Mapping[str, Sequence[Refusal]], rule: Rule, *, words: Words) -> str:
    """Return why nothing was chosen and what to change: the reason that bars the most candidates."""
    if not why_not:
        return words("nothing.no_result")
    commonest = Counter(refusal.code for found in why_not.values() for refusal in found).most_common(1)[0][0]
    advice = {"random_weights": "weights", "not_learned": "learn", "other_device": "rule", "unknown": "rule"}
    return words(
        "nothing",
        limits=limits_in_words(rule.limits, words=words),
        whys=counted(why_not, words=words),
        advice=words(f"advice.{advice.get(commonest, 'limits')}"),
    )


def counted(why_not: Mapping[str, Sequence[Refusal]], *, words: Words) -> str:
    """Return `3 × too slow, 1 × random start`, the commonest first."""
    counts = Counter(refusal.code for found in why_not.values() for refusal in found)
    return ", ".join(words("nothing.count", n=n, kind=words(f"refused.{code}")) for code, n in counts.most_common())
