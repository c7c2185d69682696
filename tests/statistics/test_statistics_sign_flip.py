"""The exact sign-flip test agrees with McNemar's exact test and with every assignment of signs counted."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from bakeoff.statistics.paired import sign_flip


def test_one_training_each_is_mcnemar_s_exact_test():
    a, b = np.repeat([1, 0, 1], [9, 2, 30]), np.repeat([0, 1, 1], [9, 2, 30])
    assert sign_flip(a, b, 1) == pytest.approx(2 * binom.cdf(2, 11, 0.5), abs=1e-12)  # 134 / 2048


def test_by_hand():
    # differences 2, 1, 0: sums are 3, 1, -1, -3, each 1/4; at least as far as 3 from 0: two of four
    assert sign_flip(np.array([2, 2, 1]), np.array([0, 1, 1]), 2) == pytest.approx(0.5)
    assert sign_flip(np.array([1, 1]), np.array([1, 1]), 2) == pytest.approx(1.0)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=9))
def test_is_the_share_of_all_sign_assignments(hits):
    a, b = np.array(hits).T
    differences = a - b
    sums = [abs(int((np.array(signs) * differences).sum())) for signs in product((1, -1), repeat=len(hits))]
    expected = np.mean([value >= abs(int(differences.sum())) for value in sums])
    assert sign_flip(a, b, 3) == pytest.approx(expected, abs=1e-9)


def test_many_products_take_no_time_and_stay_a_probability():
    rng = np.random.default_rng(0)
    a, b = rng.binomial(3, 0.9, 100_000), rng.binomial(3, 0.9, 100_000)
    assert 0 < sign_flip(a, b, 3) <= 1
