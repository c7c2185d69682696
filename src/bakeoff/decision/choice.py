"""The answer: the best candidate within the limits, the best that may be used commercially, and why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bakeoff.decision.rules import Refusal, commercial_refusal, rank_eligible, refusals
from bakeoff.decision.sentences import (
    answer_sentence,
    limits_in_words,
    noise_sentence,
    nothing_sentence,
    random_opening,
)
from bakeoff.decision.summary import Summary
from bakeoff.params import CompareParams
from bakeoff.statistics.wilson import overlap


def choose(
    summaries: Sequence[Summary],
    limits: CompareParams,
    *,
    failed: Sequence[dict[str, Any]] = (),
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Return choice.json: `best` and `best_commercial` (null where there is none), why, and who was refused and why.

    Args:
        summaries: every candidate with a result.
        limits: section `compare`.
        failed: {"candidate", "seed", "problem"} of every training without a result.
        notes: what else must be said, e.g. about times from another device.
    """
    why_not = _refusals_by_name(summaries, limits)
    ranked = rank_eligible([item for item in summaries if not why_not[item.candidate]])
    commercial = _rank_commercial(ranked)
    opening = random_opening(summaries, limits)
    best_reason = _best_reason(ranked, limits, why_not)
    commercial_reason = _commercial_reason(ranked, commercial, limits)
    return {
        "limits": limits.model_dump(),
        "limits_in_words": limits_in_words(limits),
        "n_candidates": len({item.candidate for item in summaries} | {row["candidate"] for row in failed}),
        "n_failed": len({row["candidate"] for row in failed}),
        "n_random": sum(not item.pretrained for item in summaries),
        "n_test": summaries[0].n_test if summaries else 0,
        "compares_backbones": not opening,
        "reason": " ".join(part for part in (opening, best_reason, commercial_reason) if part),
        "opening": opening,
        "best": as_record(ranked[0]) if ranked else None,
        "best_reason": best_reason,
        "best_commercial": as_record(commercial[0]) if commercial else None,
        "best_commercial_reason": commercial_reason,
        "noise": _noise(ranked),
        "eligible": [as_record(item) for item in ranked],
        "refused": [
            _refused(item, [refusal.sentence for refusal in why_not[item.candidate]])
            for item in summaries
            if why_not[item.candidate]
        ],
        "refused_commercially": [_refused(item, [why]) for item in ranked if (why := commercial_refusal(item))],
        "failed": list(failed),
        "notes": list(notes),
    }


def as_record(item: Summary) -> dict[str, Any]:
    """Return a candidate as JSON values: NaN becomes null."""
    values = asdict(item) | {"keys": list(item.keys)}
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in values.items()}


def _refusals_by_name(summaries: Sequence[Summary], limits: CompareParams) -> dict[str, list[Refusal]]:
    any_pretrained = any(item.pretrained for item in summaries)
    return {item.candidate: refusals(item, limits, any_pretrained=any_pretrained) for item in summaries}


def _rank_commercial(ranked: list[Summary]) -> list[Summary]:
    """Return those that may be used commercially, in order; the best candidate comes first if it is one of them."""
    allowed = [item for item in ranked if item.commercial_use is True]
    if allowed and allowed[0] is ranked[0]:
        return allowed
    return rank_eligible(allowed)


def _refused(item: Summary, reasons: list[str]) -> dict[str, Any]:
    return {"candidate": item.candidate, "accuracy": item.accuracy, "reasons": reasons}


def _best_reason(ranked: list[Summary], limits: CompareParams, why_not: dict[str, list[Refusal]]) -> str:
    if not ranked:
        return nothing_sentence(why_not, limits)
    sentence = f"Best: {answer_sentence(ranked, limits, group='eligible candidates')}"
    return f"{sentence} {noise_sentence(ranked[0], ranked[1])}" if len(ranked) > 1 else sentence


def _commercial_reason(ranked: list[Summary], commercial: list[Summary], limits: CompareParams) -> str:
    if not ranked:
        return ""
    best = ranked[0]
    if not commercial:
        whys = "; ".join(f"{item.candidate}: {commercial_refusal(item)}" for item in ranked)
        return f"No eligible candidate is proven to be usable commercially ({whys})."
    if commercial[0] is best:
        return f"{best.candidate} may also be used commercially ({best.licence})."
    lost = 100 * (best.accuracy - commercial[0].accuracy)
    sentence = answer_sentence(commercial, limits, group="eligible candidates that may be used commercially")
    price = f"It gives up {lost:.1f} points of accuracy." if lost > 0 else "It gives up speed, not accuracy."
    return f"Best for commercial use: {sentence} {price}"


def _noise(ranked: list[Summary]) -> dict[str, Any] | None:
    if not ranked:
        return None
    best = ranked[0]
    half = 100 * (best.accuracy_high - best.accuracy_low) / 2
    noise: dict[str, Any] = {"n_test": best.n_test, "half_width_points": half, "runner_up": None, "within_noise": None}
    if len(ranked) > 1:
        noise["runner_up"] = ranked[1].candidate
        noise["difference_points"] = 100 * (best.accuracy - ranked[1].accuracy)
        noise["within_noise"] = overlap(best.interval, ranked[1].interval)
    return noise
