from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.statistics.groups import class_copies, group_sizes, group_sums, macro_copies, widen
from bakeoff.statistics.interval import Interval
from bakeoff.statistics.paired import mcnemar, paired_difference, paired_macro_f1, sign_flip

GROUPS = np.array([7, 3, 7, 7, 5])
LABEL_IDS = np.array([0, 0, 0, 2, 2])


def test_sizes_sums_and_copies_by_hand():
    sizes = group_sizes(GROUPS, 5)
    assert sizes.tolist() == [3, 1, 3, 3, 1]
    assert group_sizes(None, 3).tolist() == [1, 1, 1]
    assert group_sums(np.array([1.0, 2, 4, 8, 16]), GROUPS).tolist() == [2, 16, 13]
    assert class_copies(sizes, LABEL_IDS, 4).tolist() == [7 / 3, 1, 2, 1]
    assert macro_copies(sizes, LABEL_IDS) == pytest.approx((7 / 9 + 4 / 4) / (3 / 9 + 2 / 4))


def test_widened_by_hand():
    found = widen(Interval(0.5, 0.4, 0.7, "any"), 4, (0.0, 1.0))
    assert (found.low, found.high) == pytest.approx((0.3, 0.9))
    at_bound = widen(Interval(1.0, 0.9, 1.0, "any"), 4, (0.0, 1.0))
    assert (at_bound.low, at_bound.high) == pytest.approx((0.6, 1.0))
    assert widen(found, 1.0, (0.0, 1.0)) == found


def test_the_sign_of_a_group_flips_as_a_whole():
    # A is right alone on four products, three of them one group: sums 4, 2, -2, -4 of groups 3 and 1; two of four
    a, b = np.array([1, 1, 1, 1, 1]), np.array([0, 0, 0, 0, 1])
    assert sign_flip(a, b, 1) == pytest.approx(2 / 16)
    assert sign_flip(a, b, 1, groups=GROUPS) == pytest.approx(2 / 4)
    found = mcnemar(a, b, groups=GROUPS)
    assert (found.b, found.c, found.p_value, found.test) == (4, 0, pytest.approx(0.5), "sign_flip_exact")


@given(st.integers(2, 60), st.integers(0, 1000))
def test_groups_of_one_product_change_no_bit(n, seed):
    rng = np.random.default_rng(seed)
    true, first, second = rng.integers(3, size=(3, n))
    alone = {"groups": rng.permutation(n)}
    hits = first == true, second == true
    assert mcnemar(*hits) == mcnemar(*hits, **alone)
    assert paired_difference(*hits, n_resamples=100) == paired_difference(*hits, n_resamples=100, **alone)
    given_ = true, first, second, 3
    assert paired_macro_f1(*given_, n_resamples=100) == paired_macro_f1(*given_, n_resamples=100, **alone)


def test_pairs_of_copies_are_worth_half():
    rng = np.random.default_rng(0)
    true = np.repeat([0, 1], 100)
    first, second = (np.where(rng.random(200) < rate, true, 1 - true) for rate in (0.8, 0.7))
    twice, groups = [np.repeat(each, 2) for each in (true, first, second)], np.repeat(np.arange(200), 2)
    hits, double = (first == true, second == true), (twice[1] == twice[0], twice[2] == twice[0])
    assert mcnemar(*double, groups=groups).p_value == pytest.approx(sign_flip(*hits, 1))
    assert paired_difference(*double, groups=groups)[1] == paired_difference(*hits)[1]
    once, doubled = paired_macro_f1(true, first, second, 2)[1], paired_macro_f1(*twice, 2, groups=groups)[1]
    assert (doubled.low, doubled.high) == pytest.approx((once.low, once.high), abs=0.01)
    same = paired_difference(double[0], double[0], groups=groups)[1]
    assert same.high == pytest.approx(1 - 0.025 ** (1 / 200))
