"""Paired comparisons, groups and stability against numbers made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.metrics import f1_score, roc_auc_score

from bakeoff.core.errors import EvaluationError
from bakeoff.decision import choice as choices
from bakeoff.decision.comparisons import about, compare_with, groups_sentence, p_in_words, pair_tests
from bakeoff.decision.outcomes import Outcomes
from bakeoff.decision.rules import Rule, pick
from bakeoff.decision.stability import bounded_resamples, resampled_metric, resamples, share_in_words, stability
from bakeoff.statistics.paired import n_needed
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
    assert "each is right where the other is wrong equally often (corrected p = 1.00)" in same["sentence"]


def test_the_best_keeps_the_p_values_adjusted_for_all_pairs():
    pairs = pair_tests(ONE_SIDED, ["good", "baseline_tf", "same"])
    rows = compare_with(pairs, ONE_SIDED, "good", "best", n_resamples=500, t=FRENCH)
    behind = next(row for row in rows if row["candidate"] == "baseline_tf")
    assert behind["p_holm"] == pytest.approx(3 * 2 / 4096)  # the smallest of three pairs
    assert (behind["b"], behind["c"], behind["verdict"], behind["n_tests"]) == (0, 12, "worse", 3)
    assert behind["sentence"].startswith("baseline_tf est 30,0 points derrière good (IC à 95\u202f%\u202f: ")
    assert 0 < -behind["high_points"] < -behind["low_points"]


def test_an_undecided_pair_says_how_many_photos_it_takes():
    few = outcomes({"a": right((0, 32)), "b": right((0, 28), (32, 33))})  # 4 against 1
    row = compare_with(pair_tests(few, ["a", "b"]), few, "b", "best", n_resamples=500, t=ENGLISH)[0]
    assert row["p_holm"] == pytest.approx(2 * binom.cdf(1, 5, 0.5))  # 0.375
    assert row["n_needed"] == n_needed(4, 1, 40)
    assert "a and b cannot be told apart with 40 test photos (+7.5 points, 95% CI " in row["sentence"]
    assert f"corrected p = 0.38); about {about(row['n_needed'], ENGLISH)} would be needed" in row["sentence"]


def test_groups_and_their_sentence():
    three = outcomes({"a": right((0, 36)), "b": right((0, 35)), "c": right((0, 10))})
    pairs = pair_tests(three, ["a", "b", "c"])
    assert pairs.groups() == [["a", "b"]]
    needed = about(n_needed(1, 0, 40, alpha=0.05 / 3), ENGLISH)
    assert groups_sentence(pairs.groups(), pairs, 40, t=ENGLISH) == (
        f"a and b: these two cannot be told apart with 40 test photos; about {needed} would be needed."
    )
    alike = outcomes({name: right((0, 30)) for name in "abcdefg"})
    pairs = pair_tests(alike, list("abcdefg"))
    assert groups_sentence(pairs.groups(), pairs, 40, t=ENGLISH) == (
        "The seven candidates from a to g cannot be told apart with 40 test photos; the first and the last are right "
        "equally often, so more photos need not help."
    )
    assert "ces quatre candidats ne peuvent être départagés" in groups_sentence([list("abcd")], pairs, 40, t=FRENCH)
    assert groups_sentence([], pairs, 1200, t=FRENCH) == (
        "Chacun des sept candidats comparés se distingue du suivant au classement avec 1\u202f200 photos de test."
    )
    assert groups_sentence([], pair_tests(alike, ["a"]), 40, t=ENGLISH).startswith("Fewer than two candidates")


def test_several_seeds_are_compared_by_their_mean():
    # a: 30 and 34 of 40 right, b: 24 and 24; the four products 30..33 count half
    several = outcomes({"a": [right((0, 30)), right((0, 34))], "b": [right((0, 24)), right((0, 24))]})
    row = compare_with(pair_tests(several, ["a", "b"]), several, "b", "best", n_resamples=2000, t=ENGLISH)[0]
    assert row["difference_points"] == pytest.approx(100 * (32 - 24) / 40)
    assert (row["b"], row["c"], row["test"]) == (10, 0, "sign_flip_exact")
    assert row["p_value"] == pytest.approx(2 / 2**10)  # ten differences of one sign
    assert row["low_points"] < 20 < row["high_points"]


def test_resamples_keep_each_class_s_number_of_products():
    labels = np.array([0, 1, 0, 2, 1, 0])
    drawn = np.concatenate(list(resamples(labels, 500, 0)))
    assert drawn.shape == (500, 6)
    for label, size in ((0, 3), (1, 2), (2, 1)):
        assert (drawn[:, labels == label].sum(axis=1) == size).all()
    assert drawn[:, 0].mean() == pytest.approx(1, abs=0.1)
    assert (drawn == np.concatenate(list(resamples(labels, 500, 0)))).all()


def test_resampled_metrics_equal_scikit_learn_s():
    rng = np.random.default_rng(3)
    labels = np.repeat(np.arange(3), 15)
    seeds = [rng.random(45) < share for share in (0.7, 0.8)]
    study = outcomes({"a": seeds}, labels=labels.tolist(), n_labels=3)
    noisy = [each + rng.random((45, 3)) / 3 for each in study.probabilities["a"]]
    study = Outcomes(labels, 3, study.predicted, {"a": noisy})
    weights = next(resamples(labels, 4, 1))
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
    return choices.choose(items, params, t=ENGLISH, outcomes=study)["stability"]


def test_a_lead_on_all_products_is_certain_and_one_of_chance_is_half():
    sure = winners({"a": right((0, 40)), "b": right((0, 5))}, {})
    assert sure["shares"] == {"a": 1.0}
    assert sure["sentence"] == (
        "Had the test photos been drawn differently (1,000 draws with replacement), a would be chosen in every draw."
    )
    # each alone right on ten: the better of the two is decided by a fair coin, ties go to the faster
    even = winners({"a": right((0, 10), (20, 30)), "b": right((10, 20), (20, 30))}, {"a": 10.0}, n_bootstrap=4000)
    assert even["n_resamples"] == 4000
    # a wins unless b leads by more than one product: P(Binomial difference >= 2) by enumeration over 4 quarters of 40
    drawn = np.random.default_rng(0).multinomial(40, [0.25, 0.25, 0.5], 200_000)
    assert even["winner_share"] == pytest.approx((drawn[:, 1] - drawn[:, 0] <= 1).mean(), abs=0.03)
    assert "a would be chosen" in even["sentence"]
    assert f"of the draws, b in {100 * even['shares']['b']:.0f}%." in even["sentence"]


def test_a_share_that_is_not_quite_all_does_not_read_as_all():
    shares = (0.0, 0.0004, 0.5, 0.9996, 1.0)
    texts = ("0%", "less than 1%", "50%", "more than 99%", "100%")
    assert tuple(share_in_words(share, ENGLISH) for share in shares) == texts


def test_stability_where_the_test_photos_do_not_matter():
    study = outcomes({"a": right((0, 30)), "b": right((0, 31))})
    a, b = summary("a", n_test=40), summary("b", n_test=40)

    def found(items, maximise, given=study):
        rule = Rule.of(NO_LIMITS.model_copy(update={"maximise": maximise}))
        return stability(items, rule, given, n_resamples=500, t=ENGLISH)

    assert found([], "accuracy")["winner_share"] is None
    alone, by_speed = found([a], "accuracy"), found([a, b], "images_per_s")
    assert "only eligible candidate: there was nothing to choose between" in alone["sentence"]
    assert "a is chosen by throughput: what other test photos would change" in by_speed["sentence"]
    assert (alone["winner_share"], by_speed["winner_share"]) == (None, None)  # nothing was resampled: not 100 % sure
    many = outcomes({"a": [True] * 1001, "b": [True] * 1001})
    assert "ROC-AUC on 1,001 test photos takes too long" in found([a, b], "roc_auc", many)["sentence"]
    assert found([a, b], "roc_auc", outcomes({"a": [1, 0] * 20, "b": [0, 1] * 20}, labels=[0, 1] * 20))["n_resamples"]


def test_the_matrix_total_moves_with_the_accuracy():
    study = outcomes({"a": right((0, 30)), "b": right((0, 20))})
    a = summary("a", accuracy=0.75, matrix_total=7.0, n_test=40)
    b = summary("b", accuracy=0.5, matrix_total=6.9, n_test=40)
    rule = Rule.of(NO_LIMITS.model_copy(update={"maximise": "matrix_total"}))
    fixed = stability([a, b], rule, study, n_resamples=500, t=ENGLISH)
    assert fixed["shares"] == {"a": 1.0}
    moving = stability([a, b], rule, study, n_resamples=2000, t=ENGLISH, accuracy_weight=5.0)
    assert 0.5 < moving["shares"]["a"] < 1


def test_ten_thousand_resamples_of_fifteen_candidates_share_out_the_choice():
    rng = np.random.default_rng(0)
    labels = (np.arange(105) % 7).tolist()
    study = outcomes({f"m{i:02d}": rng.random(105) < 0.9 for i in range(15)}, labels=labels, n_labels=7)
    items = [
        summary(name, accuracy=float(study.correct(name).mean()), latency_ms=20.0 + i)
        for i, name in enumerate(study.predicted)
    ]
    for maximise in ("accuracy", "macro_f1"):
        rule = Rule.of(NO_LIMITS.model_copy(update={"maximise": maximise}))
        shares = stability(items, rule, study, n_resamples=10_000, t=ENGLISH)["shares"]
        assert sum(shares.values()) == pytest.approx(1)


@pytest.mark.slow
def test_macro_f1_of_a_hundred_thousand_products_is_resampled_less_often():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 27, 100_000)
    said = {f"m{i:02d}": np.where(rng.random((1, 100_000)) < 0.9, labels, 0) for i in range(15)}
    items = [summary(name, accuracy=0.9, n_test=100_000, latency_ms=20.0 + i) for i, name in enumerate(said)]
    rule = Rule.of(NO_LIMITS.model_copy(update={"maximise": "macro_f1"}))
    found = stability(items, rule, Outcomes(labels, 27, said, {}), n_resamples=10_000, t=ENGLISH)
    assert found["n_resamples"] == 600


def test_the_number_of_resamples_is_bounded_by_the_products():
    assert bounded_resamples(10_000, 105) == 10_000
    assert bounded_resamples(10_000, 100_000) == 600
    assert bounded_resamples(10_000, 1_000, work=2_000_000) == 5_000
    assert bounded_resamples(10_000, 100_000, work=81_000_000) == 200


@pytest.mark.parametrize(("n", "text"), [(7, "7"), (913, "910"), (12_345, "12,000")])
def test_numbers_of_photos_have_two_digits(n, text):
    assert about(n, ENGLISH) == text


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
    assert "Runner-up: c and a cannot be told apart with 40 test photos" in reason([a, c, b])
    assert "Deuxième\u202f: b est 40,0 points derrière a (IC à 95\u202f%\u202f: " in reason([a, b], FRENCH)
