"""The answer: the best candidate by the rule, the best that may be used commercially, why, and how sure that is."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from bakeoff.core.translation import N_, Translator
from bakeoff.decision import sentences
from bakeoff.decision.choice_record import Stability
from bakeoff.decision.comparisons import compare_with, groups_sentence, pair_tests
from bakeoff.decision.outcomes import Outcomes, seed_spread
from bakeoff.decision.pairs import pair_gains
from bakeoff.decision.params import CompareParams
from bakeoff.decision.resampling import bounded_resamples
from bakeoff.decision.rules import KINDS, Ranking, Rule, commercial_refusal, other_device, rank
from bakeoff.decision.summary import Summary
from bakeoff.decision.winner import review
from bakeoff.records.candidate import BASELINE


def choose(
    summaries: Sequence[Summary],
    params: CompareParams,
    *,
    t: Translator,
    outcomes: Outcomes | None = None,
    failed: Sequence[dict[str, Any]] = (),
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Return choice.json: `best` and `best_commercial` (null where there is none), why, how sure, and who was refused.

    Without `outcomes` there are neither paired tests nor resampling. `failed` holds {"candidate", "seed", "problem"} of
    every training without a result, `notes` what else must be said, e.g. about times from another device.
    """
    ranking = rank(summaries, Rule.of(params), t=t)
    best = ranking.eligible[0] if ranking.eligible else None
    opening = sentences.random_opening(summaries, allowed=params.allow_random_weights, t=t)
    certain = _certainty(ranking, params, outcomes, t)
    best_reason = _best_reason(ranking, certain, t)
    commercial_reason = _commercial_reason(ranking, certain, t)
    return {
        "language": t.language,
        "rule": {
            "maximise": params.maximise,
            "subject_to": params.subject_to.model_dump(),
            "in_words": sentences.rule_in_words(ranking.rule, t=t),
        },
        "limits": params.subject_to.model_dump()
        | {"allow_random_weights": params.allow_random_weights, "allow_not_learned": params.allow_not_learned},
        "limits_in_words": sentences.limits_in_words(params.subject_to, t=t),
        "n_candidates": len({item.candidate for item in summaries} | {row["candidate"] for row in failed}),
        "n_failed": len({row["candidate"] for row in failed}),
        "n_random": sum(not item.pretrained for item in summaries),
        "n_test": summaries[0].n_test if summaries else 0,
        "compares_backbones": sentences.compares_backbones(summaries),
        "reason": " ".join(part for part in (opening, best_reason, commercial_reason) if part),
        "opening": opening,
        "best": as_record(best) if best else None,
        "best_reason": best_reason,
        "best_commercial": as_record(ranking.commercial[0]) if ranking.commercial else None,
        "best_commercial_reason": commercial_reason,
        "noise": _noise(ranking.eligible),
        **certain,
        "seeds": seed_spread({name: outcomes.correct(name) for name in outcomes.predicted} if outcomes else {}),
        "scenarios": [
            sentences.scenario_row(name, summaries, replace(ranking.rule, limits=limits), best, t)
            for name, limits in params.scenarios.items()
        ],
        "apart": _apart(summaries, ranking, t),
        "eligible": [as_record(item) for item in ranking.eligible],
        "refused": [
            _refused(item, [refusal.sentence for refusal in found])
            for item in summaries
            if (found := ranking.why_not[item.candidate])
        ],
        "refused_commercially": [
            _refused(item, [why]) for item in ranking.eligible if (why := commercial_refusal(item, t=t))
        ],
        "failed": list(failed),
        "notes": [*notes, *_notes(ranking, certain["comparisons"], outcomes, t)],
    }


def _certainty(ranking: Ranking, params: CompareParams, outcomes: Outcomes | None, t: Translator) -> dict[str, Any]:
    """Return `comparisons`, `indistinguishable`, `pairs`, `groups_sentence`, `stability` and `corrected`.

    Excluded candidates take no part in the tests: their results say nothing about their backbones, and each further
    test weakens the others. The baseline always takes part.
    """
    if outcomes is None:
        nothing = {"comparisons": [], "indistinguishable": [], "groups_sentence": "", "corrected": {}, "pairs": []}
        return nothing | {"stability": Stability(n_resamples=0, shares={}, winner_share=None, sentence="").model_dump()}
    tested = [name for name in ranking.why_not if name == BASELINE or not ranking.exclusions(name)]
    pairs = pair_tests(outcomes, tested)
    comparisons: list[dict[str, Any]] = []
    n_resamples = bounded_resamples(params.n_bootstrap, outcomes.n)
    if BASELINE in tested:
        comparisons += compare_with(pairs, outcomes, BASELINE, "baseline", n_resamples=n_resamples, t=t)
    if pairs.names:
        best = ranking.eligible[0].candidate if ranking.eligible else pairs.names[0]
        comparisons += compare_with(pairs, outcomes, best, "best", n_resamples=n_resamples, t=t)
    groups = pairs.groups()
    chosen_from = {items[0].candidate: items for items in (ranking.commercial, ranking.eligible) if items}
    reviews = [
        review(items, ranking.rule, outcomes, n_resamples=n_resamples, t=t) for items in chosen_from.values() or [[]]
    ]
    return {
        "comparisons": comparisons,
        "indistinguishable": groups,
        "pairs": [one.model_dump() for one in pair_gains(outcomes, n_resamples=n_resamples)],
        "groups_sentence": groups_sentence(groups, pairs, outcomes, n_resamples=n_resamples, t=t),
        "stability": reviews[-1][0].model_dump(),  # of the best of all
        "corrected": {
            name: found.model_dump() for name, (_, found) in zip(chosen_from, reviews, strict=False) if found
        },
    }


def _apart(summaries: Sequence[Summary], ranking: Ranking, t: Translator) -> list[dict[str, Any]]:
    """Return choice.json's `apart`: who is excluded or cannot be compared, and why."""
    rows = []
    for item in summaries:
        found = ranking.exclusions(item.candidate)
        if not item.time_comparable and math.isfinite(item.latency_ms):
            found.append(other_device(item, t=t))
        rows += [
            {"candidate": item.candidate, "reason_code": refusal.code, "reason": refusal.sentence} for refusal in found
        ]
    return rows


def as_record(item: Summary) -> dict[str, Any]:
    """Return a candidate as JSON values: NaN becomes null."""
    values: dict[str, Any] = asdict(item) | {"keys": list(item.keys)}
    values |= values.pop("values")
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in values.items()}


def _refused(item: Summary, reasons: list[str]) -> dict[str, Any]:
    return {"candidate": item.candidate, "accuracy": item.accuracy, "reasons": reasons}


def _best_reason(ranking: Ranking, certain: Mapping[str, Any], t: Translator) -> str:
    """Return why the best is the best, what to expect of it, and what the paired test says of the next one."""
    ranked = ranking.eligible
    if not ranked:
        return sentences.nothing_sentence(ranking.why_not, ranking.rule, t=t)
    answer = t.gettext("Best: {answer}", answer=sentences.answer_sentence(ranked, ranking.rule, t=t))
    second = ranked[1].candidate if len(ranked) > 1 else None
    rows = [row for row in certain["comparisons"] if row["role"] == "best" and row["candidate"] == second]
    told = [t.gettext("Runner-up: {sentence}.", sentence=row["sentence"]) for row in rows]
    return " ".join([answer, *_expected(certain, ranked[0]), *told])


def _notes(
    ranking: Ranking, comparisons: Sequence[Mapping[str, Any]], outcomes: Outcomes | None, t: Translator
) -> Iterator[str]:
    """Yield what weakens comparisons made with an excluded baseline, and that products which show one photo are one."""
    if any(row["role"] == "baseline" for row in comparisons) and (found := ranking.exclusions(BASELINE)):
        yield baseline_excluded([refusal.code for refusal in found], t)
    if outcomes is not None and outcomes.groups is not None:
        yield t.gettext(
            "{n:,d} test products show {groups:,d} different photos: tests and intervals count the products of one "
            "photo together.",
            n=outcomes.n,
            groups=len(set(outcomes.groups.tolist())),
        )


def baseline_excluded(codes: Sequence[str], t: Translator) -> str:
    """Return what weakens a lead over a baseline that is excluded itself."""
    reason = ", ".join(t.gettext(KINDS[code]) for code in codes)
    return t.gettext(
        "{baseline} itself is excluded ({reason}): a lead over it says little.", baseline=BASELINE, reason=reason
    )


def _commercial_reason(ranking: Ranking, certain: Mapping[str, Any], t: Translator) -> str:
    if not ranking.eligible:
        return ""
    best = ranking.eligible[0]
    if not ranking.commercial:
        whys = [
            t.gettext("{candidate}: {why}", candidate=item.candidate, why=commercial_refusal(item, t=t))
            for item in ranking.eligible
        ]
        return t.gettext(
            "No eligible candidate is proven to be usable commercially ({whys}).", whys=t.gettext("; ").join(whys)
        )
    found = ranking.commercial[0]
    if found is best:
        return t.gettext(
            "{candidate} may also be used commercially ({licence}).", candidate=best.candidate, licence=best.licence
        )
    lost = 100 * (best.accuracy - found.accuracy)
    text = N_("It gives up {points:.1f} points of accuracy.") if lost > 0 else N_("It gives up no accuracy.")
    answer = sentences.answer_sentence(ranking.commercial, ranking.rule, t=t, commercial=True)
    told = t.gettext("Best for commercial use: {answer} {price}", answer=answer, price=t.gettext(text, points=lost))
    return " ".join([told, *_expected(certain, found)])


def _expected(certain: Mapping[str, Any], winner: Summary) -> list[str]:
    """Return what to expect of a winner on new products."""
    found = certain["corrected"].get(winner.candidate)
    return [found["sentence"]] if found else []


def _noise(ranked: list[Summary]) -> dict[str, Any] | None:
    if not ranked:
        return None
    best, half = ranked[0], 100 * (ranked[0].accuracy_high - ranked[0].accuracy_low) / 2
    noise: dict[str, Any] = {"n_test": best.n_test, "half_width_points": half, "runner_up": None}
    if len(ranked) > 1:
        noise["runner_up"] = ranked[1].candidate
        noise["difference_points"] = 100 * (best.accuracy - ranked[1].accuracy)
    return noise
