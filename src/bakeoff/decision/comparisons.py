"""Paired comparison of candidates on the same test products: with the baseline, with the best, and all with all."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Literal, NamedTuple

import numpy as np

from bakeoff.core.translation import N_, Translator
from bakeoff.decision.outcomes import Outcomes
from bakeoff.statistics.interval import Interval
from bakeoff.statistics.paired import McNemar, holm, mcnemar, needed_range, paired_difference, paired_macro_f1

ALPHA = 0.05
_NUMBERS = dict(
    enumerate(
        (N_("two"), N_("three"), N_("four"), N_("five"), N_("six"), N_("seven"), N_("eight"), N_("nine"), N_("ten")), 2
    )
)
_MAX_NAMED = 6


class PairTests(NamedTuple):
    """All pairs of some candidates, tested."""

    names: tuple[str, ...]
    """Best first."""
    tests: dict[tuple[str, str], McNemar]
    """For each pair in the order of `names`: b and c count products that the first, the second alone gets right."""
    p_holm: dict[tuple[str, str], float]
    """Adjusted for all pairs together."""

    def between(self, first: str, second: str) -> tuple[McNemar, float]:
        """Return the test with `first` as A, and its adjusted p-value."""
        if (first, second) in self.tests:
            return self.tests[first, second], self.p_holm[first, second]
        test = self.tests[second, first]
        return McNemar(test.c, test.b, test.p_value, test.test), self.p_holm[second, first]

    def groups(self) -> list[list[str]]:
        """Return the maximal runs of two or more ranks in which no two candidates are told apart.

        Groups may share candidates: A and C may differ while B differs from neither. A candidate told apart from both
        its neighbours is in no group.

        Source:
            J. Demsar, Statistical comparisons of classifiers over multiple data sets, J. Mach. Learn. Res. 7 (2006)
            1-30, figure 1: groups of classifiers that are not significantly different are connected.
        """
        groups: list[list[str]] = []
        reached = 0
        for start in range(len(self.names)):
            stop = start + 1
            while stop < len(self.names) and all(
                self.p_holm[name, self.names[stop]] > ALPHA for name in self.names[start:stop]
            ):
                stop += 1
            if stop - start > 1 and stop > reached:
                groups.append(list(self.names[start:stop]))
            reached = max(reached, stop)
        return groups


def pair_tests(outcomes: Outcomes, names: Sequence[str]) -> PairTests:
    """Return McNemar's test (the sign-flip test with several trainings) of every pair of `names`, best first."""
    pairs = list(combinations(names, 2))
    tests = {(a, b): mcnemar(outcomes.correct(a), outcomes.correct(b), groups=outcomes.groups) for a, b in pairs}
    adjusted = holm(np.array([tests[pair].p_value for pair in pairs]))
    return PairTests(tuple(names), tests, dict(zip(pairs, adjusted.tolist(), strict=True)))


def compare_with(
    pairs: PairTests,
    outcomes: Outcomes,
    against: str,
    role: Literal["baseline", "best"],
    *,
    n_resamples: int,
    t: Translator,
) -> list[dict[str, Any]]:
    """Return choice.json's rows that compare every tested candidate with one of them, best first.

    Which candidate is the baseline is known before any result, so its comparisons are a family of their own; which is
    the best is not, so those keep the p-values adjusted for all pairs.
    """
    others = [name for name in pairs.names if name != against]
    found = [pairs.between(name, against) for name in others]
    family, adjusted = len(pairs.tests), [p_value for _, p_value in found]
    if role == "baseline":
        family, adjusted = len(others), holm(np.array([test.p_value for test, _ in found])).tolist()
    rows = []
    for name, (test, _), p_value in zip(others, found, adjusted, strict=True):
        difference, interval = lead_over(outcomes, name, against, n_resamples)
        answers = outcomes.predicted[name], outcomes.predicted[against]
        f1, f1_interval = paired_macro_f1(
            outcomes.label_ids, *answers, outcomes.n_labels, n_resamples=n_resamples, groups=outcomes.groups
        )
        row = {
            "candidate": name,
            "against": against,
            "role": role,
            "n": outcomes.n,
            "b": test.b,
            "c": test.c,
            "difference_points": 100 * difference,
            "low_points": 100 * interval.low,
            "high_points": 100 * interval.high,
            "n_resamples": interval.n_resamples,
            "macro_f1_difference": f1,
            "macro_f1_low": f1_interval.low,
            "macro_f1_high": f1_interval.high,
            "test": test.test,
            "p_value": test.p_value,
            "p_holm": p_value,
            "n_tests": family,
            "verdict": "undecided" if p_value >= ALPHA else "better" if difference > 0 else "worse",
            "n_right": int(outcomes.correct(name).all(axis=0).sum()),
            "n_needed": _needed(test, interval, outcomes, ALPHA / family),
        }
        rows.append(row | {"sentence": pair_sentence(row, t)})
    return rows


def pair_sentence(row: dict[str, Any], t: Translator) -> str:
    """Return a comparison in plain words, numbers included."""
    values = {
        "candidate": row["candidate"],
        "against": t.gettext("the baseline") if row["role"] == "baseline" else row["against"],
        "points": t.number(abs(row["difference_points"])),
        "low": t.number(row["low_points"]),
        "high": t.number(row["high_points"]),
        "p": p_in_words(row["p_holm"], t),
        "n": t.number(row["n"], ",d"),
    }
    if row["verdict"] == "worse":  # the sentence speaks of how far it is behind, so the interval changes sign
        values |= {"low": t.number(-row["high_points"]), "high": t.number(-row["low_points"])}
        text = N_("{candidate} is {points} points behind {against} (95% CI {low} to {high}, corrected {p})")
        return t.gettext(text, **values)
    if row["verdict"] == "better":
        text = N_("{candidate} beats {against} by {points} points (95% CI {low} to {high}, corrected {p})")
        return t.gettext(text, **values)
    values |= {"points": t.number(row["difference_points"], "+.1f"), "b": t.number(row["b"], ",d")}
    values["right"] = t.number(row["n_right"], ",d")
    needed = ""
    if row["b"] == row["c"] == 0 and row["n_right"] == row["n"]:
        text = N_("{candidate} and {against} are both right on all {n} test products")
    elif row["b"] == row["c"] == 0:
        text = N_("{candidate} and {against} are right on the same {right} of {n} test products")
    elif row["b"] == row["c"] and row["difference_points"] == 0:
        text = N_(
            "{candidate} and {against} cannot be told apart by accuracy with {n} test products: each is ahead on {b} "
            "of them (corrected {p})"
        )
    else:
        needed = needed_in_words(row["n_needed"], t)
        text = N_(
            "{candidate} and {against} cannot be told apart by accuracy with {n} test products ({points} points, 95% "
            "CI {low} to {high}, corrected {p})"
        )
    told = t.gettext(text, **values)
    return t.gettext("{told}; {needed} would be needed", told=told, needed=needed) if needed else told


def lead_over(outcomes: Outcomes, name: str, against: str, n_resamples: int) -> tuple[float, Interval]:
    """Return a candidate's lead in accuracy over another (a share) and its interval."""
    correct = outcomes.correct(name), outcomes.correct(against)
    return paired_difference(*correct, n_resamples=n_resamples, groups=outcomes.groups)


def groups_sentence(
    groups: Sequence[Sequence[str]], pairs: PairTests, outcomes: Outcomes, *, n_resamples: int, t: Translator
) -> str:
    """Return who cannot be told apart, first group by group, and how many products would tell first from last."""
    if len(pairs.names) < 2:
        return t.gettext("Fewer than two candidates can be compared.")
    if not groups:
        return t.gettext(
            "Each of the {k} candidates compared can be told apart from the next in the ranking with {n} test "
            "products.",
            k=_counted(len(pairs.names), t),
            n=t.number(outcomes.n, ",d"),
        )
    return " ".join(_group_sentence(group, pairs, outcomes, n_resamples, t) for group in groups)


def _group_sentence(group: Sequence[str], pairs: PairTests, outcomes: Outcomes, n_resamples: int, t: Translator) -> str:
    test = pairs.between(group[0], group[-1])[0]
    _, interval = lead_over(outcomes, group[0], group[-1], n_resamples)
    needed = needed_in_words(_needed(test, interval, outcomes, ALPHA / len(pairs.tests)), t)
    gaps = {"k": _counted(len(group), t), "n": t.number(outcomes.n, ",d"), "names": t.join(group)}
    tail = N_("{needed} would be needed for the first and the last of them")
    if len(group) == 2:
        text = N_("{names}: these two cannot be told apart with {n} test products")
        tail = N_("{needed} would be needed")
    elif len(group) <= _MAX_NAMED:
        text = N_("{names}: these {k} cannot be told apart with {n} test products")
    else:
        text = N_("The {k} candidates from {first} to {last} cannot be told apart with {n} test products")
    told = t.gettext(text, first=group[0], last=group[-1], **gaps)
    return f"{told}; {t.gettext(tail, needed=needed)}." if needed else f"{told}."


def _counted(n: int, t: Translator) -> str:
    """Return `two` to `ten` in words, more in digits."""
    return t.gettext(_NUMBERS[n]) if n in _NUMBERS else t.number(n, ",d")


def p_in_words(p_value: float, t: Translator) -> str:
    """Return `p = 0.02`, `p < 0.001`."""
    if p_value < 0.001:
        return f"p < {t.number(0.001, '.3f')}"
    return f"p = {t.number(p_value, '.3f' if p_value < 0.01 else '.2f')}"


def _needed(test: McNemar, interval: Interval, outcomes: Outcomes, alpha: float) -> list[int] | None:
    """Return the range of products needed; products that show one photo count as one."""
    found = needed_range(test, interval, outcomes.n, alpha=alpha)
    return found and [round(n * outcomes.n / outcomes.n_effective) for n in found]


def needed_in_words(needed: Sequence[int] | None, t: Translator) -> str:
    """Return a range of numbers of products, two digits each, such as `between 60 and 910`; empty without one."""
    if needed is None:
        return ""
    low, high = (t.number(round(n, 2 - len(str(n))), ",d") for n in needed)
    return t.gettext("between {low} and {high}", low=low, high=high) if low != high else low
