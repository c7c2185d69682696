"""Paired comparison of candidates on the same test products: with the baseline, with the best, and all with all."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np

from bakeoff.core.translation import N_, Translator
from bakeoff.decision.outcomes import Outcomes
from bakeoff.decision.resampling import bounded_resamples, resampled_metric, resamples
from bakeoff.statistics.bootstrap import bias_corrected
from bakeoff.statistics.cliques import indistinguishable
from bakeoff.statistics.interval import Interval
from bakeoff.statistics.paired import McNemar, holm, mcnemar, needed_range, paired_difference, paired_macro_f1
from bakeoff.statistics.sign_flip import sign_flip

ALPHA = 0.05
_NUMBERS = dict(
    enumerate(
        (N_("two"), N_("three"), N_("four"), N_("five"), N_("six"), N_("seven"), N_("eight"), N_("nine"), N_("ten")), 2
    )
)
_MAX_NAMED = 6
_GROUP_RESAMPLES = 2_000
Role = Literal["baseline", "best"]


@dataclass(frozen=True)
class PairTests:
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

    @property
    def n_pairs(self) -> int:
        """Tests in the family."""
        return len(self.tests)

    def groups(self) -> list[list[str]]:
        """Return the maximal groups of neighbours in rank of whom no two are told apart."""
        p_values = np.ones((len(self.names), len(self.names)))
        for (first, second), p_value in self.p_holm.items():
            i, j = self.names.index(first), self.names.index(second)
            p_values[i, j] = p_values[j, i] = p_value
        return indistinguishable(self.names, p_values, ALPHA)


def pair_tests(outcomes: Outcomes, names: Sequence[str]) -> PairTests:
    """Return the test of every pair of `names`, which stand in the order of the leaderboard.

    With one training per candidate it is McNemar's. With several, hit or miss becomes the number of trainings that are
    right on a product, and McNemar's exact test becomes the paired sign-flip test; a product counts for the candidate
    that more trainings get right.
    """
    pairs = list(combinations(names, 2))
    tests = {pair: _test(outcomes, *pair) for pair in pairs}
    adjusted = holm(np.array([tests[pair].p_value for pair in pairs])) if pairs else np.zeros(0)
    return PairTests(tuple(names), tests, dict(zip(pairs, adjusted.tolist(), strict=True)))


def _test(outcomes: Outcomes, first: str, second: str) -> McNemar:
    a, b = outcomes.correct(first), outcomes.correct(second)
    if len(a) == len(b) == 1:
        return mcnemar(a[0], b[0])
    n_seeds = len(a) * len(b)  # a common denominator, should the numbers of trainings differ
    hits_a, hits_b = a.sum(axis=0) * len(b), b.sum(axis=0) * len(a)
    counts = int((hits_a > hits_b).sum()), int((hits_b > hits_a).sum())
    return McNemar(*counts, sign_flip(hits_a, hits_b, n_seeds), "sign_flip_exact")


def compare_with(
    pairs: PairTests, outcomes: Outcomes, against: str, role: Role, *, n_resamples: int, t: Translator
) -> list[dict[str, Any]]:
    """Return choice.json's rows that compare every tested candidate with one of them, best first.

    Which candidate is the baseline is known before any result, so its comparisons are a family of their own; which is
    the best is not, so those keep the p-values adjusted for all pairs.

    Args:
        pairs: tests of all pairs, `against` among them.
        outcomes: of every candidate.
        against: the baseline or the best.
        role: which of the two it is.
        n_resamples: of the test products, for the intervals.
        t: says it in the reader's language.
    """
    others = [name for name in pairs.names if name != against]
    adjusted = {name: pairs.between(name, against)[1] for name in others}
    if role == "baseline" and others:
        own = holm(np.array([pairs.between(name, against)[0].p_value for name in others]))
        adjusted = dict(zip(others, own.tolist(), strict=True))
    family = len(others) if role == "baseline" else pairs.n_pairs
    draws = _Draws(outcomes, n_resamples)
    rows = []
    for name in others:
        test = pairs.between(name, against)[0]
        difference, interval = draws.accuracy(name, against)
        f1, f1_interval = draws.macro_f1(name, against)
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
            "p_holm": adjusted[name],
            "n_tests": family,
            "verdict": _verdict(difference, adjusted[name]),
            "n_right": int(outcomes.correct(name).all(axis=0).sum()),
            "n_needed": needed_range(test, interval, outcomes.n, alpha=ALPHA / family),
        }
        rows.append(row | {"sentence": pair_sentence(row, t)})
    return rows


def _verdict(difference: float, p_value: float) -> str:
    if p_value >= ALPHA:
        return "undecided"
    return "better" if difference > 0 else "worse"


class _Draws:
    """Differences of accuracy and macro F1 with their intervals; several trainings enter by their mean."""

    def __init__(self, outcomes: Outcomes, n_resamples: int) -> None:
        self._outcomes = outcomes
        self._n_resamples = bounded_resamples(n_resamples, outcomes.n)
        self._cache: dict[tuple[str, str], tuple[np.ndarray, float]] = {}

    def accuracy(self, first: str, second: str) -> tuple[float, Interval]:
        if self._single(first, second):
            a, b = self._outcomes.correct(first)[0], self._outcomes.correct(second)[0]
            return paired_difference(a, b, n_resamples=self._n_resamples, seed=0)
        return self._of_means("accuracy", first, second)

    def macro_f1(self, first: str, second: str) -> tuple[float, Interval]:
        if self._single(first, second):
            a, b = self._outcomes.predicted[first][0], self._outcomes.predicted[second][0]
            true, n_labels = self._outcomes.label_ids, self._outcomes.n_labels
            return paired_macro_f1(true, a, b, n_labels, n_resamples=self._n_resamples, seed=0)
        return self._of_means("macro_f1", first, second)

    def _single(self, first: str, second: str) -> bool:
        return len(self._outcomes.predicted[first]) == len(self._outcomes.predicted[second]) == 1

    def _of_means(self, metric: str, first: str, second: str) -> tuple[float, Interval]:
        (draws_a, value_a), (draws_b, value_b) = self._metric(metric, first), self._metric(metric, second)
        estimate = value_a - value_b
        low, high = bias_corrected(draws_a - draws_b, estimate, 0.95)
        return estimate, Interval(estimate, low, high, "bootstrap_products", self._n_resamples)

    def _metric(self, metric: str, candidate: str) -> tuple[np.ndarray, float]:
        """Return (n_resamples,) draws, of the same products for every candidate, and the value itself."""
        key = (metric, candidate)
        if key not in self._cache:
            chunks = resamples(self._outcomes.label_ids, self._n_resamples, 0)
            draws = np.concatenate([resampled_metric(metric, self._outcomes, candidate, chunk) for chunk in chunks])
            whole = np.ones((1, self._outcomes.n), dtype=np.float32)
            self._cache[key] = draws, float(resampled_metric(metric, self._outcomes, candidate, whole)[0])
        return self._cache[key]


def pair_sentence(row: dict[str, Any], t: Translator) -> str:
    """Return a comparison in plain words, numbers included."""
    against = t.gettext("the baseline") if row["role"] == "baseline" else row["against"]
    values = {
        "candidate": row["candidate"],
        "against": against,
        "points": t.number(abs(row["difference_points"])),
        "low": t.number(row["low_points"]),
        "high": t.number(row["high_points"]),
        "p": p_in_words(row["p_holm"], t),
        "n": t.number(row["n"], ",d"),
    }
    if row["verdict"] == "worse":  # the sentence speaks of how far it is behind, so the interval changes sign
        values |= {"low": t.number(-row["high_points"]), "high": t.number(-row["low_points"])}
        return t.gettext(
            "{candidate} is {points} points behind {against} (95% CI {low} to {high}, corrected {p})", **values
        )
    if row["verdict"] == "better":
        return t.gettext(
            "{candidate} beats {against} by {points} points (95% CI {low} to {high}, corrected {p})", **values
        )
    values |= {"points": t.number(row["difference_points"], "+.1f"), "b": t.number(row["b"], ",d")}
    values["right"] = t.number(row["n_right"], ",d")
    if row["b"] == row["c"] == 0:
        if row["n_right"] == row["n"]:
            return t.gettext("{candidate} and {against} are both right on all {n} test photos", **values)
        return t.gettext("{candidate} and {against} are right on the same {right} of {n} test photos", **values)
    if row["b"] == row["c"]:
        return t.gettext(
            "{candidate} and {against} cannot be told apart by accuracy with {n} test photos: each is ahead on {b} of "
            "them (corrected {p})",
            **values,
        )
    told = t.gettext(
        "{candidate} and {against} cannot be told apart by accuracy with {n} test photos ({points} points, 95% CI "
        "{low} to {high}, corrected {p})",
        **values,
    )
    needed = needed_in_words(row["n_needed"], t)
    return t.gettext("{told}; {needed} would be needed", told=told, needed=needed) if needed else told


def lead_over(outcomes: Outcomes, name: str, against: str, n_resamples: int) -> tuple[float, Interval] | None:
    """Return a candidate's lead in accuracy (a share) and its interval; None over itself or over one without result."""
    if name == against or against not in outcomes.predicted:
        return None
    return _Draws(outcomes, n_resamples).accuracy(name, against)


def groups_sentence(groups: Sequence[Sequence[str]], pairs: PairTests, outcomes: Outcomes, *, t: Translator) -> str:
    """Return who cannot be told apart, first group by group, and how many photos would tell the first from the last."""
    if len(pairs.names) < 2:
        return t.gettext("Fewer than two candidates can be compared.")
    if not groups:
        return t.gettext(
            "Each of the {k} candidates compared can be told apart from the next in the ranking with {n} test photos.",
            k=_counted(len(pairs.names), t),
            n=t.number(outcomes.n, ",d"),
        )
    return " ".join(_group_sentence(group, pairs, outcomes, t) for group in groups)


def _group_sentence(group: Sequence[str], pairs: PairTests, outcomes: Outcomes, t: Translator) -> str:
    test = pairs.between(group[0], group[-1])[0]
    interval = _Draws(outcomes, _GROUP_RESAMPLES).accuracy(group[0], group[-1])[1]
    needed = needed_in_words(needed_range(test, interval, outcomes.n, alpha=ALPHA / pairs.n_pairs), t)
    gaps = {"k": _counted(len(group), t), "n": t.number(outcomes.n, ",d"), "names": t.join(group)}
    if len(group) == 2:
        told = t.gettext("{names}: these two cannot be told apart with {n} test photos", **gaps)
        tail = t.gettext("{needed} would be needed", needed=needed)
    else:
        told = t.gettext("{names}: these {k} cannot be told apart with {n} test photos", **gaps)
        if len(group) > _MAX_NAMED:
            gaps |= {"first": group[0], "last": group[-1]}
            told = t.gettext(
                "The {k} candidates from {first} to {last} cannot be told apart with {n} test photos", **gaps
            )
        tail = t.gettext("{needed} would be needed for the first and the last of them", needed=needed)
    return f"{told}; {tail}." if needed else f"{told}."


def _counted(n: int, t: Translator) -> str:
    """Return `two` to `ten` in words, more in digits."""
    return t.gettext(_NUMBERS[n]) if n in _NUMBERS else t.number(n, ",d")


def p_in_words(p_value: float, t: Translator) -> str:
    """Return `p = 0.02`, `p < 0.001`."""
    if p_value < 0.001:
        return f"p < {t.number(0.001, '.3f')}"
    return f"p = {t.number(p_value, '.3f' if p_value < 0.01 else '.2f')}"


def needed_in_words(needed: Sequence[int] | None, t: Translator) -> str:
    """Return a range of numbers of photos, two digits each, such as `between 60 and 910`; empty without one."""
    if needed is None:
        return ""
    low, high = (t.number(round(n, 2 - len(str(n))), ",d") for n in needed)
    return t.gettext("between {low} and {high}", low=low, high=high) if low != high else low
