"""Two-sample tests: numbers worked out by hand, the libraries' own, and the levels they must keep."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, chi2_contingency, fisher_exact, ks_2samp

from bakeoff.core.errors import EvaluationError
from bakeoff.statistics.two_sample import (
    calibration_shift,
    detectable_drop,
    difference_of_shares,
    kolmogorov_smirnov,
    mmd_test,
    population_stability,
    shares_test,
)


def test_kolmogorov_smirnov_by_hand_and_on_large_samples():
    found = kolmogorov_smirnov(np.array([1.0, 2, 3]), np.array([4.0, 5, 6]))
    assert found.statistic == 1
    assert found.p_value == pytest.approx(0.1)  # 2 of the 20 orders of three and three
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=700), rng.normal(0.3, size=600)
    assert kolmogorov_smirnov(first, second).p_value == pytest.approx(ks_2samp(first, second, method="asymp").pvalue)


def test_chi_square_is_pearsons_and_its_p_value_near_the_asymptotic_one():
    first = np.repeat([0, 1, 2], [30, 50, 20])
    second = np.repeat([0, 1, 2], [45, 40, 35])
    expected = chi2_contingency([[30, 50, 20], [45, 40, 35]])
    found = shares_test(first, second, 3)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue, abs=0.01)
    assert shares_test(first, first, 4).p_value == 1, "a class that nobody has does no harm"


def test_population_stability_by_hand():
    assert population_stability(np.array([0, 1]), np.array([0, 1]), 2) == 0
    # counts 1, 3 and 3, 1, each + 0.5: shares 0.3, 0.7 and 0.7, 0.3
    value = population_stability(np.array([0, 1, 1, 1]), np.array([0, 0, 0, 1]), 2)
    assert value == pytest.approx(2 * 0.4 * np.log(0.7 / 0.3))


def test_mmd_by_hand_and_its_power():
    # standardised to -1, -1, 1, 1: squared distances 0 and 4, median 4, kernel 1 and 1/e
    found = mmd_test(np.array([[0.0], [0]]), np.array([[1.0], [1]]))
    assert found.statistic == pytest.approx(2 * (1 - np.exp(-1)))
    rng = np.random.default_rng(11)
    first = rng.normal(size=(80, 5))
    assert mmd_test(first, rng.normal(size=(60, 5))).p_value > 0.05
    assert mmd_test(first, rng.normal(0.8, size=(60, 5))).p_value == pytest.approx(0.001)
    same = np.ones((4, 2))
    assert mmd_test(same, same).p_value == 1


def test_difference_of_shares_is_newcombes():
    found = difference_of_shares((48, 56), (80, 70))  # his table II, example (a) the other way round
    assert found.difference == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=1e-4)
    assert difference_of_shares((10, 10), (10, 10)).p_value == 1


def power(hits: int, sizes: tuple[int, int], drop: float, alpha: float) -> float:
    """How often a drop is found, from every pair of counts."""
    share, found = (hits + 0.5) / (sizes[0] + 1), 0.0
    for first in range(sizes[0] + 1):
        for second in range(sizes[1] + 1):
            table = [[first, sizes[0] - first], [second, sizes[1] - second]]
            if second / sizes[1] < first / sizes[0] and fisher_exact(table).pvalue < alpha:
                found += binom.pmf(first, sizes[0], share) * binom.pmf(second, sizes[1], share - drop)
    return found


@pytest.mark.parametrize(("hits", "sizes", "alpha"), [(27, (30, 20), 0.05), (20, (20, 35), 0.05 / 11)])
def test_the_detectable_drop_is_the_smallest_that_fishers_test_finds_four_times_in_five(hits, sizes, alpha):
    drop = detectable_drop(hits, sizes, alpha=alpha)
    assert drop is not None
    assert power(hits, sizes, drop, alpha) >= 0.8 > power(hits, sizes, drop - 0.001, alpha)


def test_detectable_drop_of_large_and_of_hopeless_samples():
    # normal approximation: (1.96 + 0.8416) sqrt(0.9 0.1 / 10000 + 0.891 0.109 / 100000) = 0.0089
    assert detectable_drop(9_000, (10_000, 100_000)) == pytest.approx(0.01), "rounded up to a tenth of a point"
    assert detectable_drop(90, (100, 2), alpha=0.05 / 11) is None
    assert detectable_drop(0, (100, 100)) is None


def test_calibration_shift_finds_overconfidence_alone():
    rng = np.random.default_rng(2)
    confidence = rng.uniform(0.5, 1, size=600)
    honest, same = (rng.uniform(size=600) < confidence for _ in range(2))
    worse = rng.uniform(size=600) < confidence - 0.2
    assert calibration_shift((confidence, honest), (confidence, same)).p_value > 0.05
    assert calibration_shift((confidence, honest), (confidence, worse)).p_value < 0.01


def test_tied_confidences_say_nothing_about_calibration():
    """Both samples are right 7 times in 10; the order of the rows must not matter."""
    correct = np.arange(300) % 10 < 7
    found = calibration_shift((np.full(300, 0.7), np.sort(correct)), (np.full(300, 0.7), correct))
    assert (found.statistic, found.p_value) == (pytest.approx(0), 1)


def test_levels_hold_on_samples_of_one_population():
    """At most 5 in 100 below 0.05, within the error of 200 draws."""
    rng, n = np.random.default_rng(3), 200
    below = np.zeros(4)
    for _ in range(n):
        values, classes = rng.normal(size=(70, 3)), rng.choice(6, p=[0.7, 0.2, 0.04, 0.03, 0.02, 0.01], size=70)
        confidence = rng.uniform(0.3, 1, size=70)
        correct = rng.uniform(size=70) < confidence
        first, second = slice(0, 40), slice(40, 70)
        below += [
            kolmogorov_smirnov(values[first, 0], values[second, 0]).p_value < 0.05,
            shares_test(classes[first], classes[second], 6, n_permutations=199).p_value < 0.05,
            mmd_test(values[first], values[second], n_permutations=99).p_value < 0.05,
            calibration_shift(
                (confidence[first], correct[first]), (confidence[second], correct[second]), n_permutations=199
            ).p_value
            < 0.05,
        ]
    assert (below / n <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / n)).all(), below / n


def test_refuses_empty_samples():
    with pytest.raises(EvaluationError, match="needs 1 or more values a sample, got 0 and 3"):
        kolmogorov_smirnov(np.zeros(0), np.zeros(3))
    with pytest.raises(EvaluationError, match="needs 2 or more values a sample, got 1 and 3"):
        mmd_test(np.zeros((1, 2)), np.zeros((3, 2)))
