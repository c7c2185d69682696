"""The best candidate under other limits than the answer's: on a phone, at the checkout, overnight."""

from collections.abc import Sequence
from typing import Any

from bakeoff.core.translation import N_, Translator
from bakeoff.decision.rules import Rule, rank
from bakeoff.decision.sentences import ENOUGH_CALLS, counted, limits_in_words
from bakeoff.decision.summary import Summary

_TITLES = {
    "phone": N_("On a phone"),
    "checkout_camera": N_("For a camera at the checkout"),
    "night_batch": N_("For the whole catalogue overnight"),
    "small_server": N_("On a small server"),
    "daily_retraining": N_("Trained again every day"),
}


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
        gaps = {"n": len(summaries), "whys": counted(ranking.why_not, t=t)}
        sentence = t.gettext("{scenario} ({limits}): none of {n} candidates: {whys}.", **said, **gaps)
        if any(refusal.code == "few_calls" for found in ranking.why_not.values() for refusal in found):
            sentence += " " + t.gettext(ENOUGH_CALLS)
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
