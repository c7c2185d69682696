from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from bakeoff.statistics.paired import holm, mcnemar, n_needed, paired_class_f1, paired_difference, paired_macro_f1


def pair(b, c, both=5, neither=4):
    first = np.repeat([True, False, True, False], [b, c, both, neither])
    second = np.repeat([False, True, True, False], [b, c, both, neither])
    return first, second


def test_mcnemar_by_hand():
    # 1 against 7: 2 (1 + 8) / 2^8
    found = mcnemar(*pair(7, 1))
    assert (found.b, found.c, found.test) == (7, 1, "mcnemar_exact")
    assert found.p_value == pytest.approx(18 / 256)


@given(st.integers(0, 24), st.integers(0, 24))
def test_few_discordant_products_equal_scipys_sign_test(b, c):
    if b + c >= 25 or b + c == 0:
        return
    assert mcnemar(*pair(b, c)).p_value == pytest.approx(binomtest(b, b + c).pvalue)


def test_many_take_mid_p_which_counts_the_observed_outcome_half():
    found = mcnemar(*pair(20, 10))
    exact = binomtest(10, 30).pvalue
    observed = 30045015 / 2**30  # 30 choose 10
    assert found.test == "mcnemar_mid_p"
    assert found.p_value == pytest.approx(exact - observed)
    assert mcnemar(*pair(13, 12)).test == "mcnemar_mid_p"
    assert mcnemar(*pair(12, 12)).test == "mcnemar_exact"


@pytest.mark.parametrize(("b", "c"), [(0, 0), (9, 9), (40, 40)])
def test_equal_candidates_are_not_told_apart(b, c):
    assert mcnemar(*pair(b, c)).p_value == pytest.approx(1.0)


@given(st.integers(0, 60), st.integers(0, 60))
def test_exchanging_the_candidates_keeps_the_p_value(b, c):
    first, second = mcnemar(*pair(b, c)), mcnemar(*pair(c, b))
    assert first.p_value == pytest.approx(second.p_value)
    assert 0 <= first.p_value <= 1


def test_difference_by_the_normal_formula():
    found, interval = paired_difference(*pair(120, 80, 500, 300))
    assert found == pytest.approx(0.04)
    half = 1.96 * np.sqrt((0.2 - 0.04**2) / 1000)
    assert (interval.low, interval.high) == pytest.approx((0.04 - half, 0.04 + half), abs=0.002)


def test_candidates_right_on_the_same_products_may_still_differ():
    found, interval = paired_difference(*pair(0, 0, 90, 10))
    # no discordant one in 100: an exact test leaves 1 - 0.025^(1/100) possible
    assert found == 0
    assert (interval.low, interval.high) == pytest.approx((-0.036217, 0.036217), abs=1e-6)
    assert interval.method == "clopper_pearson"


@settings(max_examples=50)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 20))
def test_difference_is_held_and_turns_round(b, c, both):
    found, interval = paired_difference(*pair(b, c, both), n_resamples=2000)
    turned, other = paired_difference(*pair(c, b, both), n_resamples=2000)
    assert -1 <= interval.low <= found <= interval.high <= 1
    assert turned == -found
    assert (other.low, other.high) == pytest.approx((-interval.high, -interval.low), abs=0.15)


def predictions(n_labels, n, seed):
    rng = np.random.default_rng(seed)
    true = rng.integers(n_labels, size=n)
    first = np.where(rng.random(n) < 0.6, true, rng.integers(n_labels, size=n))
    return true, first, np.where(rng.random(n) < 0.6, first, rng.integers(n_labels, size=n))


@settings(max_examples=50)
@given(st.integers(1, 6), st.integers(1, 50), st.integers(0, 10_000))
def test_macro_f1_difference_is_scikit_learns_and_held(n_labels, n, seed):
    true, first, second = predictions(n_labels, n, seed)
    found, interval = paired_macro_f1(true, first, second, n_labels, n_resamples=100, seed=seed)
    expected = [f1_score(true, answers, average="macro", zero_division=0) for answers in (first, second)]
    assert found == pytest.approx(expected[0] - expected[1], abs=1e-12)
    assert -1 <= interval.low <= found <= interval.high <= 1


def test_f1_of_a_class_is_scikit_learns_each_less_sure_than_the_mean():
    true, first, second = predictions(5, 300, 4)
    found = paired_class_f1(true, first, second, 6, n_resamples=400)
    expected = f1_score(true, first, average=None) - f1_score(true, second, average=None)
    assert list(found) == [0, 1, 2, 3, 4], "the sixth class has no product"
    np.testing.assert_allclose([one.estimate for one in found.values()], expected)
    assert all(one.low <= one.estimate <= one.high for one in found.values())
    widths = np.array([one.high - one.low for one in found.values()])
    macro = paired_macro_f1(true, first, second, 6, n_resamples=400)[1]
    assert (widths > macro.high - macro.low).all(), "a class has fewer products than all"
    grouped = paired_class_f1(true, first, second, 6, groups=np.arange(300) // 4 * 1000 + true, n_resamples=400)
    assert all(one.high - one.low >= found[label].high - found[label].low for label, one in grouped.items())
    same = paired_class_f1(true, first, first, 6, n_resamples=100)[0]
    n = (true == 0).sum()
    assert (same.estimate, same.high) == (0, pytest.approx(1 - 0.025 ** (1 / n)))


def test_macro_f1_knows_that_the_products_are_the_same():
    # B repeats most of A's answers: the difference is surer than two macro F1 of different products would be
    true, first, second = predictions(5, 500, 0)
    second = np.where(np.arange(500) % 10 == 0, second, first)
    _, joint = paired_macro_f1(true, first, second, 5)
    _, apart = paired_macro_f1(true, first, second[np.random.default_rng(0).permutation(500)], 5)
    assert joint.high - joint.low < 0.5 * (apart.high - apart.low)


def test_macro_f1_order_of_products_changes_nothing_but_the_draws():
    true, first, second = predictions(4, 300, 1)
    order = np.random.default_rng(0).permutation(300)
    found, interval = paired_macro_f1(true, first, second, 4)
    again, other = paired_macro_f1(true[order], first[order], second[order], 4)
    assert found == pytest.approx(again)
    assert (interval.low, interval.high) == pytest.approx((other.low, other.high), abs=0.005)


def test_macro_f1_of_the_same_answers_may_still_differ():
    true, first, _ = predictions(4, 100, 1)
    found, interval = paired_macro_f1(true, first, first, 4)
    assert (found, interval.method) == (0, "clopper_pearson")
    assert interval.high == -interval.low == pytest.approx(0.036217, abs=1e-6)


def test_several_trainings_of_the_same_answers_may_still_differ():
    true, first, _ = predictions(4, 100, 1)
    both = np.stack([first, np.roll(first, 1)])
    for found in (paired_macro_f1(true, both, both[::-1], 4), paired_difference(both == true, both[::-1] == true)):
        assert found[0] == 0
        assert found[1].high == -found[1].low == pytest.approx(0.036217, abs=1e-6)
    assert mcnemar(both == true, both == true).p_value == pytest.approx(1)


def test_a_training_repeated_changes_nothing():
    true, first, second = predictions(4, 100, 1)
    twice = np.stack([first, first])
    once, again = paired_macro_f1(true, first, second, 4), paired_macro_f1(true, twice, second, 4)
    assert once[0] == pytest.approx(again[0])
    assert (once[1].low, once[1].high) == pytest.approx((again[1].low, again[1].high))
    first_hits, hits = (
        paired_difference(first == true, second == true),
        paired_difference(twice == true, second == true),
    )
    assert first_hits == hits


def test_several_trainings_enter_by_their_mean():
    true, first, second = predictions(4, 100, 1)
    trainings = np.stack([first, second])
    found, interval = paired_difference(trainings == true, second[None] == true)
    assert found == pytest.approx(((first == true).mean() - (second == true).mean()) / 2)
    assert interval.low < found < interval.high
    macro, _ = paired_macro_f1(true, trainings, second, 4, n_resamples=100)
    expected = [f1_score(true, answers, average="macro") for answers in (first, second)]
    assert macro == pytest.approx((expected[0] - expected[1]) / 2)


def test_one_product():
    found, interval = paired_macro_f1(np.array([0]), np.array([0]), np.array([1]), 2, n_resamples=100)
    assert found == 1
    assert interval.low <= 1 <= interval.high
    assert mcnemar(np.array([True]), np.array([False])).p_value == 1


def test_holm_by_hand():
    # sorted .01 .02 .03 .04 times 4 3 2 1: .04 .06 .06 .06, never falling
    assert holm(np.array([0.03, 0.01, 0.04, 0.02])) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm(np.array([0.5, 0.6])) == pytest.approx([1, 1])
    assert len(holm(np.array([]))) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_the_p_value_and_bonferronis(p_values):
    raw = np.array(p_values)
    adjusted = holm(raw)
    assert (adjusted >= raw).all()
    assert (adjusted <= np.minimum(1, raw * len(raw)) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(raw, kind="stable")]) >= 0).all()


@pytest.mark.parametrize(("b", "c", "expected"), [(45, 5, 23), (5, 45, 23), (30, 15, 155)])
def test_n_needed_of_published_calculators(b, c, expected):
    # Connor's formula: rates .45 and .05 -> 23 pairs; .30 and .15 -> 155 (80 % power, 5 %)
    assert n_needed(b, c, 100) == expected


def test_n_needed_of_equals_is_none_and_falls_with_the_difference():
    assert n_needed(7, 7, 100) is None
    needed = [n_needed(10 + d, 10, 100) for d in (1, 3, 8)]
    assert needed == sorted(needed, reverse=True)
    assert n_needed(12, 10, 100, power=0.95) > n_needed(12, 10, 100)


@pytest.mark.slow
def test_n_needed_has_the_power_it_says():
    n, rng = n_needed(16, 8, 100), np.random.default_rng(0)
    drawn = rng.multinomial(n, [0.16, 0.08, 0.76], size=1500)
    found = np.mean([mcnemar(*pair(b, c, both)).p_value <= 0.05 for b, c, both in drawn])
    assert found == pytest.approx(0.8, abs=0.04)


@pytest.mark.slow
def test_equal_candidates_are_told_apart_at_most_as_often_as_said():
    rng, wrong = np.random.default_rng(0), np.zeros(2)
    true = np.repeat(np.arange(9), [1, 2, 3, 5, 9, 15, 20, 25, 25])
    for seed in range(300):
        first, second = (np.where(rng.random(105) < 0.7, true, rng.integers(9, size=105)) for _ in range(2))
        _, interval = paired_macro_f1(true, first, second, 9, n_resamples=400, seed=seed)
        wrong += (interval.low > 0 or interval.high < 0, mcnemar(first == true, second == true).p_value <= 0.05)
    assert (wrong / 300 <= 0.085).all()
