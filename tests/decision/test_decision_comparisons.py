"""Paired comparisons, groups and what having been chosen does to a winner, against numbers made by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn.metrics import f1_score, roc_auc_score

from bakeoff.core.errors import EvaluationError
from bakeoff.decision import choice as choices
from bakeoff.decision.comparisons import (
    PairTests,
    compare_with,
    groups_sentence,
    lead_over,
    needed_in_words,
    p_in_words,
    pair_sentence,
    pair_tests,
)
from bakeoff.decision.outcomes import Outcomes
from bakeoff.decision.resampling import bounded_resamples, resampled_metric, resamples
from bakeoff.decision.rules import Rule, pick
from bakeoff.decision.winner import correct, redraw, review, share_in_words
from bakeoff.statistics.interval import wilson_interval
from decision.fake_study import ENGLISH, FRENCH, NO_LIMITS, summary


def outcomes(rows: Mapping[str, Any], *, labels: list[int] | None = None, n_labels: int = 2) -> Outcomes:
    """Candidates by which products each of their trainings is right on; a wrong one says the next class."""
    n = np.atleast_2d(np.array(next(iter(rows.values())))).shape[1]
    true = np.array(labels if labels is not None else [0] * n)
    predicted = {
        name: np.where(np.atleast_2d(np.array(right, dtype=bool)), true, (true + 1) % n_labels)
        for name, right in rows.items()
    }
    sure = {name: [0.8 * np.eye(n_labels)[each] + 0.2 / n_labels for each in said] for name, said in predicted.items()}
    return Outcomes(true, n_labels, predicted, sure)


def right(*spans: tuple[int, int], n: int = 40) -> list[bool]:
    return [any(a <= i < b for a, b in spans) for i in range(n)]


ONE_SIDED = outcomes({"baseline_tf": right((0, 24)), "good": right((0, 36)), "same": right((0, 23), (24, 25))})


def test_the_comparison_with_the_baseline_by_hand():
    pairs = pair_tests(ONE_SIDED, ["good", "baseline_tf", "same"])
    rows = compare_with(pairs, ONE_SIDED, "baseline_tf", "baseline", n_resamples=2000, t=ENGLISH)
    good, same = rows
    assert (good["candidate"], good["b"], good["c"], good["n"], good["test"]) == ("good", 12, 0, 40, "mcnemar_exact")
    assert good["difference_points"] == pytest.approx(30.0)
    assert good["p_value"] == pytest.approx(2 / 4096)
    assert good["p_holm"] == pytest.approx(4 / 4096)  # the smaller of two
    assert good["low_points"] < 30 < good["high_points"]
    assert (good["verdict"], good["n_tests"]) == ("better", 2)
    low, high = good["low_points"], good["high_points"]
    assert (
        good["sentence"]
        == f"good beats the baseline by 30.0 points (95% CI {low:.1f} to {high:.1f}, corrected p < 0.001)"
    )
    assert (same["b"], same["c"], same["p_holm"], same["verdict"], same["n_needed"]) == (1, 1, 1.0, "undecided", None)
    assert same["sentence"] == (
        "same and the baseline cannot be told apart by accuracy with 40 test products: each is ahead on 1 of them "
        "(corrected p = 1.00)"
    )


def test_the_best_keeps_the_p_values_adjusted_for_all_pairs():
    pairs = pair_tests(ONE_SIDED, ["good", "baseline_tf", "same"])
    rows = compare_with(pairs, ONE_SIDED, "good", "best", n_resamples=500, t=FRENCH)
    behind = next(row for row in rows if row["candidate"] == "baseline_tf")
    assert behind["p_holm"] == pytest.approx(3 * 2 / 4096)  # the smallest of three pairs
    assert (behind["b"], behind["c"], behind["verdict"], behind["n_tests"]) == (0, 12, "worse", 3)
    assert behind["sentence"].startswith("baseline_tf est 30,0 points derrière good (IC à 95\u202f%\u202f: ")
    assert 0 < -behind["high_points"] < -behind["low_points"]


def test_an_undecided_pair_says_how_many_photos_it_takes_where_that_is_known():
    few = outcomes({"a": right((0, 32)), "b": right((0, 28), (32, 33))})  # 4 against 1: the interval holds 0
    row = compare_with(pair_tests(few, ["a", "b"]), few, "b", "best", n_resamples=500, t=ENGLISH)[0]
    assert row["p_holm"] == pytest.approx(2 * binom.cdf(1, 5, 0.5))  # 0.375
    assert row["low_points"] <= 0
    assert row["n_needed"] is None
    assert row["sentence"].startswith(
        "a and b cannot be told apart by accuracy with 40 test products (+7.5 points, 95% CI "
    )
    assert row["sentence"].endswith(", corrected p = 0.38)")
    known = row | {"n_needed": (62, 913)}
    assert pair_sentence(known, ENGLISH).endswith(", corrected p = 0.38); between 62 and 910 would be needed")


def test_equals_are_told_as_equals():
    def sentence(first, second):
        study = outcomes({"a": first, "b": second})
        return compare_with(pair_tests(study, ["a", "b"]), study, "b", "best", n_resamples=500, t=ENGLISH)[0][
            "sentence"
        ]

    perfect, most = [True] * 20, [True] * 18 + [False] * 2
    assert sentence(perfect, perfect) == "a and b are both right on all 20 test products"
    assert sentence(most, most) == "a and b are right on the same 18 of 20 test products"


def test_groups_and_their_sentence():
    three = outcomes({"a": right((0, 36)), "b": right((0, 35)), "c": right((0, 10))})
    pairs = pair_tests(three, ["a", "b", "c"])
    assert pairs.groups() == [["a", "b"]]
    assert groups_sentence(pairs.groups(), pairs, three, n_resamples=2000, t=ENGLISH) == (
        "a and b: these two cannot be told apart with 40 test products."
    )
    # 12 against 2 of 200: the interval leaves 0 out, three tests do not
    wide = outcomes({"a": right((0, 150), n=200), "b": right((0, 138), (150, 152), n=200), "c": right((0, 9), n=200)})
    pairs = pair_tests(wide, ["a", "b", "c"])
    told = groups_sentence([["a", "b"]], pairs, wide, n_resamples=2000, t=ENGLISH)
    assert re.fullmatch(r"a and b: these two .* 200 test products; between \d+ and [\d,]+ would be needed\.", told), (
        told
    )
    alike = outcomes({name: right((0, 30)) for name in "abcdefg"})
    pairs = pair_tests(alike, list("abcdefg"))
    assert groups_sentence(pairs.groups(), pairs, alike, n_resamples=2000, t=ENGLISH) == (
        "The seven candidates from a to g cannot be told apart with 40 test products."
    )
    assert "ces quatre candidats ne peuvent être départagés" in groups_sentence(
        [list("abcd")], pairs, alike, n_resamples=2000, t=FRENCH
    )
    assert groups_sentence([], pairs, alike, n_resamples=2000, t=FRENCH) == (
        "Chacun des sept candidats comparés se distingue du suivant au classement avec 40 produits de test."
    )
    assert groups_sentence([], pair_tests(alike, ["a"]), alike, n_resamples=2000, t=ENGLISH).startswith(
        "Fewer than two candidates"
    )


def pairs_apart(n, apart):
    names = tuple("ABCDEFG"[:n])
    p_holm = dict.fromkeys(combinations(names, 2), 1.0) | {(names[i], names[j]): 0.05 for i, j in apart}
    return PairTests(names, {}, p_holm)


def test_groups_may_share_a_candidate():
    # A is told from C and D, B from D
    assert pairs_apart(4, [(0, 2), (0, 3), (1, 3)]).groups() == [["A", "B"], ["B", "C"], ["C", "D"]]


def test_all_alike_is_one_group_and_none_alike_is_no_group():
    assert pairs_apart(3, []).groups() == [["A", "B", "C"]]
    assert pairs_apart(3, [(0, 1), (0, 2), (1, 2)]).groups() == []
    assert pairs_apart(1, []).groups() == []
    assert pairs_apart(0, []).groups() == []


@given(st.integers(1, 7), st.integers(0, 10_000))
def test_groups_are_alike_maximal_and_complete(n, seed):
    upper = np.triu(np.random.default_rng(seed).random((n, n)) < 0.4, 1)
    groups = pairs_apart(n, np.argwhere(upper).tolist()).groups()
    runs = [set(range(i, j)) for i in range(n) for j in range(i + 2, n + 1) if not upper[i:j, i:j].any()]
    assert [{"ABCDEFG".index(name) for name in group} for group in groups] == [
        run for run in runs if not any(run < other for other in runs)
    ]


def test_several_seeds_are_compared_by_their_mean():
    # a: 30 and 34 of 40 right, b: 24 and 24; the four products 30..33 count half
    several = outcomes({"a": [right((0, 30)), right((0, 34))], "b": [right((0, 24)), right((0, 24))]})
    row = compare_with(pair_tests(several, ["a", "b"]), several, "b", "best", n_resamples=2000, t=ENGLISH)[0]
    assert row["difference_points"] == pytest.approx(100 * (32 - 24) / 40)
    assert (row["b"], row["c"], row["test"]) == (10, 0, "sign_flip_exact")
    assert row["p_value"] == pytest.approx(2 / 2**10)  # ten differences of one sign
    assert row["low_points"] < 20 < row["high_points"]


def test_resamples_draw_as_many_products_as_there_are():
    drawn = np.concatenate(list(resamples(6, 500, 0)))
    assert drawn.shape == (500, 6)
    assert (drawn.sum(axis=1) == 6).all()
    assert drawn.mean(axis=0) == pytest.approx(np.ones(6), abs=0.15)
    assert (drawn == 0).mean() == pytest.approx((5 / 6) ** 6, abs=0.03)
    assert (drawn == np.concatenate(list(resamples(6, 500, 0)))).all()


def test_equals_are_not_said_to_be_chosen_again():
    same = winners({"a": right((0, 37)), "b": right((0, 37)), "c": right((0, 9))}, {"a": 10.0})
    assert same["best"]["candidate"] == "a"
    assert same["stability"]["winner_share"] is None
    assert "These products do not tell a and b apart" in same["stability"]["sentence"]


def test_a_resample_without_an_area_does_not_count():
    labels = [0] * 18 + [1] * 2  # one resample in seven holds the first class alone
    study = outcomes({"a": [True] * 20, "b": [True] * 17 + [False] * 3}, labels=labels)
    items = [summary("a", roc_auc=1.0, n_test=20), summary("b", roc_auc=0.5, n_test=20)]
    rule = Rule.of(NO_LIMITS.model_copy(update={"maximise": "roc_auc"}))
    redrawn = redraw(items, rule, study, n_resamples=500)
    assert 350 < len(redrawn.objective) < 480
    assert np.isfinite(redrawn.objective).all()


def test_groups_are_drawn_whole():
    labels, groups = np.array([0, 1, 0, 1, 1]), np.array([7, 3, 7, 3, 9])
    drawn = np.concatenate(list(resamples(5, 300, 0, groups)))
    assert (drawn[:, 0] == drawn[:, 2]).all()
    assert (drawn[:, 1] == drawn[:, 3]).all()
    assert (drawn[:, [0, 1, 4]].sum(axis=1) == 3).all()  # three groups, three draws
    study = Outcomes(labels, 2, {"a": np.array([[0, 0, 0, 1, 1]])}, {}, groups=groups)
    by_hand = [np.average([1, 0, 1, 1, 1], weights=weights) for weights in drawn]
    assert resampled_metric("accuracy", study, "a", drawn) == pytest.approx(by_hand)
    both = drawn[(drawn[:, 0] > 0) & (drawn[:, 4] > 0)][:20]
    f1 = [f1_score(labels, [0, 0, 0, 1, 1], sample_weight=weights, average="macro") for weights in both]
    assert resampled_metric("macro_f1", study, "a", both) == pytest.approx(f1)


def test_resampled_metrics_equal_scikit_learn_s():
    rng = np.random.default_rng(3)
    labels = np.repeat(np.arange(3), 15)
    seeds = [rng.random(45) < share for share in (0.7, 0.8)]
    study = outcomes({"a": seeds}, labels=labels.tolist(), n_labels=3)
    noisy = [each + rng.random((45, 3)) / 3 for each in study.probabilities["a"]]
    study = Outcomes(labels, 3, study.predicted, {"a": noisy})
    weights = next(resamples(45, 4, 1))
    for name, expected in (
        ("accuracy", lambda s, w: np.average(study.correct("a")[s], weights=w)),
        ("macro_f1", lambda s, w: f1_score(labels, study.predicted["a"][s], sample_weight=w, average="macro")),
        (
            "roc_auc",
            lambda s, w: roc_auc_score(np.eye(3)[labels], noisy[s], sample_weight=w, average="macro"),
        ),
    ):
        by_hand = [np.mean([expected(s, w) for s in (0, 1)]) for w in weights]
        assert resampled_metric(name, study, "a", weights) == pytest.approx(by_hand, abs=1e-6), name


def test_pick_takes_the_cheapest_within_the_tolerance():
    objective = np.array([[0.90, 0.89, 0.80], [0.80, 0.90, 0.70], [0.9, 0.9, 0.9]])
    assert pick(objective, np.array([30.0, 10.0, 1.0]), 0.0101).tolist() == [1, 1, 2]
    assert pick(objective, np.array([5.0, 5.0, 5.0]), 0.2).tolist() == [0, 1, 0]  # equal costs: value, then name
    with pytest.raises(EvaluationError, match="nothing to pick from"):
        pick(np.zeros((2, 0)), np.zeros(0), 0.1)


def winners(rows: dict[str, list], latencies: dict[str, float], **changes):
    study = outcomes(rows)
    items = [
        summary(name, accuracy=study.correct(name).mean(), latency_ms=latencies.get(name, 20), n_test=study.n)
        for name in rows
    ]
    params = NO_LIMITS.model_copy(update=changes)
    return choices.choose(items, params, t=ENGLISH, outcomes=study)


def test_a_clear_winner_is_chosen_again_and_as_good_as_measured():
    sure = winners({"a": right((0, 38)), "b": right((0, 5))}, {})
    assert sure["stability"]["shares"] == {"a": 1.0}
    assert sure["stability"]["sentence"] == (
        "Tested on 40 other products, the same rule would choose a again in more than 95% of cases."
    )
    values = sure["corrected"]["a"]["accuracy"]
    assert values["estimate"] == pytest.approx(values["measured"], abs=1e-12)  # it wins every resample: no luck in that
    assert values["low"] == pytest.approx(wilson_interval(38 / 40, 40)[0])


def test_a_winner_by_chance_is_corrected_by_hand():
    # each alone right on ten: which of the two wins is a fair coin, and the loser takes the other's ten products
    study = outcomes({"a": right((0, 10), (20, 30)), "b": right((10, 20), (20, 30))})
    items = [summary(name, accuracy=0.5, latency_ms=ms, n_test=40) for name, ms in (("a", 10.0), ("b", 20.0))]
    rule = Rule.of(NO_LIMITS)
    redrawn = redraw(items, rule, study, n_resamples=4000)
    # a wins a resample unless b leads by two products or more: its shares on the products left out, one by one
    weights = np.concatenate(list(resamples(40, 4000, 0)))
    lead = weights[:, 10:20].sum(axis=1) - weights[:, 0:10].sum(axis=1)
    b_wins, out = lead >= 2, weights == 0
    by_b = (out & b_wins[:, None]).sum(axis=0) / out.sum(axis=0)
    left_out = np.where(np.arange(40) < 10, 1 - by_b, np.where(np.arange(40) < 20, by_b, np.arange(40) < 30)).mean()
    assert redrawn.shifts["accuracy"].left_out == pytest.approx(left_out - 0.5)
    assert redrawn.shifts["accuracy"].left_out < -0.04
    own = np.where(b_wins, weights[:, 10:30].sum(axis=1), weights[:, 0:10].sum(axis=1) + weights[:, 20:30].sum(axis=1))
    always_a = (weights[:, 0:10].sum(axis=1) + weights[:, 20:30].sum(axis=1)) / 40
    assert redrawn.shifts["accuracy"].optimism == pytest.approx((own / 40 - always_a).mean())
    study.predicted["baseline_tf"] = study.predicted["b"]
    found = correct(items[0], redrawn, study, 4000, ENGLISH)
    lead = lead_over(study, "a", "baseline_tf", 4000)
    shift = redrawn.shifts["accuracy"]
    assert found.accuracy.estimate == pytest.approx(0.5 + 0.75 * shift.left_out - 0.25 * shift.optimism)
    assert found.accuracy.low == pytest.approx(wilson_interval(0.5 + shift.left_out, 40)[0])
    assert found.accuracy.high == pytest.approx(wilson_interval(0.5 - shift.optimism, 40)[1])
    assert found.lead is not None
    assert found.lead.estimate == pytest.approx(found.accuracy.estimate - 0.5)
    assert found.lead.low == pytest.approx(lead[1].low + shift.left_out)
    assert "a was chosen partly because these 40 products happen to suit it: expect an accuracy of" in found.sentence
    assert "rather than the 0.500 measured" in found.sentence


def test_shares_read_as_exactly_as_they_are_known():
    shares = (0.0, 0.0404, 0.17, 0.83, 0.9996, 1.0)
    texts = ("less than 5%", "less than 5%", "about 15%", "about 85%", "more than 95%", "more than 95%")
    assert tuple(share_in_words(share, ENGLISH) for share in shares) == texts


def test_where_nothing_is_resampled_the_values_stay_as_measured():
    study = outcomes({"a": right((0, 30)), "b": right((0, 31))})
    a, b = summary("a", n_test=40), summary("b", n_test=40)

    def found(items, maximise, given=study):
        rule = Rule.of(NO_LIMITS.model_copy(update={"maximise": maximise}))
        return review(items, rule, given, n_resamples=500, t=ENGLISH)

    assert found([], "accuracy")[0].winner_share is None
    (alone, kept), (by_speed, _) = found([a], "accuracy"), found([a, b], "images_per_s")
    assert "only eligible candidate: there was nothing to choose between" in alone.sentence
    assert "a is chosen by throughput: what other test products would change" in by_speed.sentence
    assert (alone.winner_share, by_speed.winner_share) == (None, None)  # nothing was resampled: not 100 % sure
    assert (kept.n_resamples, kept.lead) == (0, None)
    assert kept.sentence == (
        f"Expect an accuracy of {a.accuracy:.3f} on new products (95% interval {kept.accuracy.low:.3f} to "
        f"{kept.accuracy.high:.3f})."
    )
    assert (kept.accuracy.estimate, kept.accuracy.low) == (
        a.accuracy,
        pytest.approx(wilson_interval(a.accuracy, 40)[0]),
    )
    many = outcomes({"a": [True] * 1001, "b": [True] * 1001})
    assert "ROC-AUC on 1,001 test products takes too long" in found([a, b], "roc_auc", many)[0].sentence
    few = outcomes({"a": [1, 0] * 20, "b": [0, 1] * 20}, labels=[0, 1] * 20)
    assert found([a, b], "roc_auc", few)[0].n_resamples == 500


def test_the_matrix_total_moves_with_the_accuracy():
    study = outcomes({"a": right((0, 30)), "b": right((0, 20))})
    a = summary("a", accuracy=0.75, matrix_total=7.0, n_test=40)
    b = summary("b", accuracy=0.5, matrix_total=6.9, n_test=40)
    rule = Rule.of(NO_LIMITS.model_copy(update={"maximise": "matrix_total"}))
    fixed, _ = review([a, b], replace(rule, accuracy_points=0.0), study, n_resamples=500, t=ENGLISH)
    assert (fixed.shares, fixed.winner_share) == ({}, None)
    assert fixed.sentence.startswith("These products do not tell a and b apart: in every resample")
    moving, _ = review([a, b], rule, study, n_resamples=2000, t=ENGLISH)
    assert 0.2 < moving.shares["a"] < 0.95


def test_ten_thousand_resamples_of_fifteen_equals_know_that_the_choice_is_chance():
    rng = np.random.default_rng(0)
    labels = (np.arange(105) % 7).tolist()
    study = outcomes({f"m{i:02d}": rng.random(105) < 0.9 for i in range(15)}, labels=labels, n_labels=7)
    items = [
        summary(name, accuracy=float(study.correct(name).mean()), latency_ms=20.0 + i)
        for i, name in enumerate(study.predicted)
    ]
    for maximise in ("accuracy", "macro_f1"):
        rule = Rule.of(NO_LIMITS.model_copy(update={"maximise": maximise}))
        ranked = sorted(items, key=lambda item: -item.accuracy)
        found, corrected = review(ranked, rule, study, n_resamples=10_000, t=ENGLISH)
        assert sum(found.shares.values()) == pytest.approx(1)
        assert found.winner_share < 0.3
        assert corrected.accuracy.estimate < corrected.accuracy.measured - 0.02


@pytest.mark.slow
def test_macro_f1_of_a_hundred_thousand_products_is_resampled_less_often():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 27, 100_000)
    said = {f"m{i:02d}": np.where(rng.random((1, 100_000)) < 0.9, labels, 0) for i in range(15)}
    items = [summary(name, accuracy=0.9, n_test=100_000, latency_ms=20.0 + i) for i, name in enumerate(said)]
    rule = Rule.of(NO_LIMITS.model_copy(update={"maximise": "macro_f1"}))
    found, _ = review(items, rule, Outcomes(labels, 27, said, {}), n_resamples=10_000, t=ENGLISH)
    assert found.n_resamples == 600


def test_the_number_of_resamples_is_bounded_by_the_products():
    assert bounded_resamples(10_000, 105) == 10_000
    assert bounded_resamples(10_000, 100_000) == 600
    assert bounded_resamples(10_000, 1_000, work=2_000_000) == 5_000
    assert bounded_resamples(10_000, 100_000, work=81_000_000) == 200


def test_numbers_of_photos_have_two_digits():
    assert needed_in_words((7, 913), ENGLISH) == "between 7 and 910"
    assert needed_in_words((12_345, 61_000), FRENCH) == "entre 12\u202f000 et 61\u202f000"
    assert needed_in_words(None, ENGLISH) == ""


def test_p_values_in_words():
    assert [p_in_words(p, ENGLISH) for p in (0.2, 0.0234, 0.0049, 0.0004)] == [
        "p = 0.20",
        "p = 0.02",
        "p = 0.005",
        "p < 0.001",
    ]
    assert p_in_words(0.0234, FRENCH) == "p = 0,02"


def test_who_is_excluded_takes_no_part_and_the_baseline_always_does():
    study = outcomes({"baseline_tf": right((0, 20)), "a": right((0, 30)), "r": right((0, 39)), "d": right((0, 1))})
    items = [
        summary("r", accuracy=39 / 40, pretrained=False, n_test=40),
        summary("a", accuracy=30 / 40, n_test=40),
        summary("baseline_tf", accuracy=20 / 40, pretrained=False, n_test=40),
        summary("d", accuracy=1 / 40, learned=False, n_test=40),
    ]
    choice = choices.choose(items, NO_LIMITS, t=ENGLISH, outcomes=study)
    assert [(row["candidate"], row["against"], row["role"]) for row in choice["comparisons"]] == [
        ("a", "baseline_tf", "baseline"),
        ("baseline_tf", "a", "best"),
    ]
    assert choice["notes"] == ["baseline_tf itself is excluded (random start): a lead over it says little."]
    everyone = NO_LIMITS.model_copy(update={"allow_random_weights": True, "allow_not_learned": True})
    open_to_all = choices.choose(items, everyone, t=ENGLISH, outcomes=study)
    rows = open_to_all["comparisons"]
    assert (len(rows), open_to_all["notes"]) == (6, [])
    assert {row["against"] for row in rows} == {"baseline_tf", "r"}


def test_the_reason_tells_what_the_paired_test_says_of_the_runner_up():
    study = outcomes({"a": right((0, 36)), "b": right((0, 20)), "c": right((0, 35))})
    a, b, c = (summary(name, accuracy=hits / 40, n_test=40) for name, hits in (("a", 36), ("b", 20), ("c", 35)))

    def reason(items, t=ENGLISH):
        return choices.choose(items, NO_LIMITS, t=t, outcomes=study)["best_reason"]

    # the Wilson intervals of a (0.77 to 0.96) and b (0.35 to 0.65) say nothing of the pair; 16 against 0 products does
    assert "Runner-up: b is 40.0 points behind a (95% CI " in reason([a, b])
    assert "Runner-up: c and a cannot be told apart by accuracy with 40 test products" in reason([a, c, b])
    assert "Deuxième\u202f: b est 40,0 points derrière a (IC à 95\u202f%\u202f: " in reason([a, b], FRENCH)
