"""The best candidate under other limits than the answer's: on a phone, at the checkout, overnight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bakeoff.decision.params import Limits
from bakeoff.decision.rules import Rule, rank_eligible, refusals
from bakeoff.decision.sentences import counted, limits_in_words
from bakeoff.decision.summary import Summary
from bakeoff.language.choice import SCENARIOS
from bakeoff.language.phrases import Words


def scenario_rows(
    summaries: Sequence[Summary], rule: Rule, scenarios: Mapping[str, Limits], *, best: Summary | None, words: Words
) -> list[dict[str, Any]]:
    """Return choice.json's `scenarios`, in the order of params.

    A scenario's limits take the place of `compare.subject_to`; what is maximised and whether doubtful candidates may
    be chosen stay.

    Args:
        summaries: every candidate with a result.
        rule: the answer's.
        scenarios: name to limits.
        best: the answer.
        words: holds `bakeoff.language.choice`'s phrases.
    """
    return [_row(name, summaries, replace(rule, limits=limits), best, words) for name, limits in scenarios.items()]


def scenario_title(name: str, words: Words) -> str:
    """Return `On a phone`; a name of the user's own reads as given, with spaces for underscores."""
    key = f"scenario.{name}"
    return (
        words(key)
        if key in SCENARIOS and name not in _SENTENCES
        else words("scenario.other", name=name.replace("_", " "))
    )


_SENTENCES = frozenset({"other", "same", "lost", "no_loss", "chosen", "none"})


def _row(name: str, summaries: Sequence[Summary], rule: Rule, best: Summary | None, words: Words) -> dict[str, Any]:
    why_not = {item.candidate: refusals(item, rule, words=words) for item in summaries}
    ranked = rank_eligible([item for item in summaries if not why_not[item.candidate]], rule)
    said = {"scenario": scenario_title(name, words), "limits": limits_in_words(rule.limits, words=words)}
    row = {"name": name, "title": said["scenario"], "subject_to": rule.limits.model_dump()}
    row["limits_in_words"] = said["limits"]
    if not ranked:
        sentence = words("scenario.none", **said, n=len(summaries), whys=counted(why_not, words=words))
        return row | {"candidate": None, "accuracy": None, "sentence": sentence}
    found = ranked[0]
    said |= {"candidate": found.candidate, "accuracy": words("accuracy", accuracy=found.accuracy)}
    return row | {
        "candidate": found.candidate,
        "accuracy": found.accuracy,
        "sentence": _sentence(found, best, said, words),
    }


def _sentence(found: Summary, best: Summary | None, said: Mapping[str, str], words: Words) -> str:
    if best is None:
        return words("scenario.chosen", **said)
    if found.candidate == best.candidate:
        return words("scenario.same", **said)
    lost = 100 * (best.accuracy - found.accuracy)
    if lost <= 0:
        return words("scenario.no_loss", **said, best=best.candidate)
    return words("scenario.lost", **said, best=best.candidate, points=lost)
