from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import norm

from bakeoff.statistics.bootstrap import (
    bias_corrected,
    confusion_intervals,
    mean_interval,
    per_class_intervals,
    statistic_interval,
)
from bakeoff.statistics.interval import wilson_interval
from bakeoff.statistics.matrix import METRICS, Margins
from bakeoff.statistics.resample import Smoothing, resampled_margins, resampled_means, strata_rows

COUNTS = np.array([[12, 2, 1], [3, 11, 1], [0, 2, 13]])
SHARES = [name for name in METRICS if name not in ("matthews", "cohen_kappa")]


def confusion(seed, n_labels=27, n=100_000):
    rng = np.random.default_rng(seed)
    true = rng.integers(n_labels, size=n)
    predicted = np.where(rng.random(n) < 0.75, true, rng.integers(n_labels, size=n))
    return np.bincount(true * n_labels + predicted, minlength=n_labels**2).reshape(n_labels, n_labels)


def test_accuracy_and_weighted_recall_are_wilsons():
    found = confusion_intervals(COUNTS, n_resamples=200)
    expected = wilson_interval(36 / 45, 45)
    for name in ("accuracy", "weighted_recall"):
        assert (found[name].low, found[name].high) == pytest.approx(expected)
        assert (found[name].method, found[name].n_resamples) == ("wilson", None)
    assert (found["macro_f1"].method, found["macro_f1"].n_resamples) == ("bootstrap_confusion", 200)


def test_width_agrees_with_the_binomial_formula():
    # balanced accuracy of equal classes is a mean of recalls: its variance is known in closed form
    counts = np.array([[400, 100], [200, 300]])
    found = confusion_intervals(counts, ["balanced_accuracy"])["balanced_accuracy"]
    sd = np.sqrt((0.8 * 0.2 + 0.6 * 0.4) / 499 / 4)
    assert found.low == pytest.approx(0.7 - 1.96 * sd, abs=0.002)
    assert found.high == pytest.approx(0.7 + 1.96 * sd, abs=0.002)


@settings(max_examples=80)
@given(st.integers(1, 5), st.integers(0, 10_000), st.sampled_from([1, 3, 30]))
def test_holds_the_estimate_and_stays_in_range(n_labels, seed, most):
    counts = np.random.default_rng(seed).integers(0, most + 1, size=(n_labels, n_labels))
    counts[0, -1] += 1
    for name, found in confusion_intervals(counts, n_resamples=100, seed=seed).items():
        estimate = float(METRICS[name](Margins.of(counts))[0])
        lowest = 0.0 if name in SHARES else -1.0
        assert lowest <= found.low <= estimate <= found.high <= 1 + 1e-12, name


@pytest.mark.parametrize("counts", [[[7]], [[1, 0], [0, 0]], [[5, 0], [0, 9]], [[1, 0, 0], [0, 1, 0], [0, 0, 1]]])
def test_a_faultless_matrix_still_leaves_doubt(counts):
    for name, found in confusion_intervals(np.array(counts), n_resamples=100).items():
        assert found.low < found.high or METRICS[name](Margins.of(counts))[0] == 0, name
        if name in SHARES:
            assert (found.method, found.high) == ("wilson", 1.0)


def test_a_faultless_matrix_by_hand():
    # classes of 5 and 20: a mean of two recalls varies as 2^2 / (1/5 + 1/20) = 16 products would
    found = confusion_intervals(np.array([[5, 0], [0, 20]]), n_resamples=100)
    assert found["macro_f1"].low == pytest.approx(wilson_interval(1.0, 16)[0])
    assert found["weighted_f1"].low == pytest.approx(wilson_interval(1.0, 25)[0])
    by_chance = (5**2 + 20**2) / 25**2
    expected = (wilson_interval(1.0, 25)[0] - by_chance) / (1 - by_chance)
    assert found["cohen_kappa"].low == found["matthews"].low == pytest.approx(expected)


def test_a_class_with_one_product_varies():
    counts = np.array([[30, 10], [0, 1]])
    drawn = next(resampled_margins(counts, 1000, 0))
    assert 0.02 < (drawn.right[:, 1] < 1).mean() < 0.3


def test_resamples_scatter_around_the_smoothed_matrix_and_keep_the_class_sizes():
    drawn = next(resampled_margins(COUNTS, 20_000, 0))
    smooth = Smoothing.of(COUNTS).smooth(COUNTS)
    assert smooth.sum(axis=1) == pytest.approx(COUNTS.sum(axis=1))
    assert drawn.right.mean(axis=0) == pytest.approx(np.diagonal(smooth), abs=0.06)
    assert drawn.predicted.mean(axis=0) == pytest.approx(smooth.sum(axis=0), abs=0.08)
    assert drawn.predicted.sum(axis=1) == pytest.approx(np.full(20_000, 45.0))
    # n - 1 draws scaled back: the unbiased variance, n^2 p (1 - p) / (n - 1)
    p = smooth[0, 0] / 15
    assert drawn.right[:, 0].var() == pytest.approx(15**2 * p * (1 - p) / 14, rel=0.05)


def test_smoothing_by_hand():
    # 3 of 4 right: middle of Wilson's interval (3 + z^2/2) / (4 + z^2); class 2 occurs nowhere and is never borrowed
    smoothing = Smoothing.of(np.array([[2, 0, 0], [1, 1, 0], [0, 0, 0]]))
    square = ndtri(0.975) ** 2
    assert smoothing.right == pytest.approx((3 + square / 2) / (4 + square))
    assert smoothing.columns == pytest.approx([3.5, 1.5, 0])
    assert smoothing.wrong(1) == pytest.approx([1, 0, 0])


def test_the_same_seed_gives_the_same_and_another_seed_nearly():
    first, again, other = (confusion_intervals(COUNTS, ["macro_f1"], seed=seed)["macro_f1"] for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert (first.low, first.high) == pytest.approx((other.low, other.high), abs=0.02)


def test_four_times_the_products_halve_the_interval():
    once, fourfold = (confusion_intervals(30 * k * COUNTS, ["macro_f1"])["macro_f1"] for k in (1, 4))
    assert fourfold.high - fourfold.low == pytest.approx((once.high - once.low) / 2, rel=0.05)


def test_the_order_of_the_classes_changes_nothing_but_the_draws():
    order = [2, 0, 1]
    first = confusion_intervals(COUNTS)
    for name, found in confusion_intervals(COUNTS[np.ix_(order, order)]).items():
        assert (found.low, found.high) == pytest.approx((first[name].low, first[name].high), abs=0.015), name


def test_196_classes_in_bounded_memory():
    chunks = list(resampled_margins(confusion(0, 196, 20_000), 300, 0))
    assert sum(len(chunk.right) for chunk in chunks) == 300
    assert all(chunk.right.size <= 4_000_000 for chunk in chunks)


def test_per_class_by_hand():
    found = per_class_intervals(np.array([[8, 2, 0], [0, 5, 0], [0, 0, 0]]))
    assert (found["recall"][0][0], found["recall"][1][0]) == pytest.approx(wilson_interval(0.8, 10))
    assert (found["precision"][0][1], found["precision"][1][1]) == pytest.approx(wilson_interval(5 / 7, 7))
    low, high = wilson_interval(8 / 10, 10)  # of the products that are or are called class 0, 8 of 10 are both
    assert (found["f1"][0][0], found["f1"][1][0]) == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)))
    for low, high in found.values():
        assert (low[2], high[2]) == (0, 1)


def test_mean_by_the_normal_formula_and_by_stratum():
    rng = np.random.default_rng(0)
    strata = np.repeat([0, 1], 500)
    values = rng.normal(size=1000) + 10 * strata
    found = mean_interval(values, strata)
    sd = np.sqrt(values[:500].var(ddof=1) + values[500:].var(ddof=1)) / np.sqrt(500) / 2
    assert found.low == pytest.approx(values.mean() - 1.96 * sd, abs=0.1 * sd)
    assert found.high == pytest.approx(values.mean() + 1.96 * sd, abs=0.1 * sd)
    whole = mean_interval(values, None)
    assert whole.high - whole.low > 3 * (found.high - found.low)


def test_repeated_values_are_counted_and_give_the_same_distribution():
    values = np.repeat([0.0, 1.0, 5.0], 40)
    groups = [np.arange(120)]
    by_counts = resampled_means(values, groups, 20_000, 0)
    one_by_one = resampled_means(values + 1e-9 * np.arange(120), groups, 20_000, 0)
    assert by_counts.mean() == pytest.approx(one_by_one.mean(), abs=0.01)
    assert by_counts.std() == pytest.approx(one_by_one.std(), rel=0.03)
    assert by_counts.std() == pytest.approx(values.std(ddof=1) / np.sqrt(120), rel=0.03)


def test_a_share_gets_wilsons_interval():
    found = mean_interval(np.array([1.0] * 8 + [0.0] * 2), None)
    assert (found.low, found.high) == pytest.approx(wilson_interval(0.8, 10))
    assert found.method == "wilson"


@settings(max_examples=60)
@example(values=[0.0, 1.5e-147], seed=0)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.integers(0, 1000))
def test_mean_is_held_whatever_the_values(values, seed):
    strata = np.random.default_rng(seed).integers(4, size=len(values))
    found = mean_interval(np.array(values), strata, n_resamples=100, seed=seed)
    assert found.low <= np.mean(values) <= found.high
    assert min(values) - 1e6 <= found.low


def test_order_of_products_changes_nothing_but_the_draws():
    rng = np.random.default_rng(0)
    values, strata = rng.exponential(size=400), rng.integers(3, size=400)
    order = rng.permutation(400)
    first, second = mean_interval(values, strata), mean_interval(values[order], strata[order])
    assert (first.low, first.high) == pytest.approx((second.low, second.high), abs=0.005)


def test_strata_of_one_product_share_one():
    rows = strata_rows(np.array([4, 1, 1, 7, 9, 9, 9]), 7)
    assert sorted(sorted(group.tolist()) for group in rows) == [[0, 3], [1, 2], [4, 5, 6]]
    lonely = strata_rows(np.array([0, 0, 0, 1, 1, 2]), 6)  # one alone joins the smallest
    assert sorted(sorted(group.tolist()) for group in lonely) == [[0, 1, 2], [3, 4, 5]]
    assert [group.tolist() for group in strata_rows(np.array([3]), 1)] == [[0]]


def test_any_statistic_takes_the_bias_off():
    # the mean distance from 0 of two noisy means is biased upwards; the basic interval lies below percentiles
    rng = np.random.default_rng(0)
    values, strata = rng.normal(0.05, 1, size=(200, 2)), np.zeros(200, dtype=int)
    found = statistic_interval(lambda rows: float(np.abs(values[rows].mean(axis=0)).mean()), strata, 400)
    estimate = float(np.abs(values.mean(axis=0)).mean())
    assert 0 <= found.low <= estimate <= found.high
    assert (found.method, found.n_resamples) == ("bootstrap_basic", 400)


def test_any_statistic_of_a_mean_is_the_mean_interval():
    values = np.random.default_rng(1).random(300)
    strata = np.repeat(np.arange(3), 100)
    found = statistic_interval(lambda rows: float(values[rows].mean()), strata, 4000)
    expected = mean_interval(values, strata)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.004)


def test_bias_correction_by_hand():
    # draws at the normal quantiles, centre at their 60 % point: bias z0 = 0.2533, ends at Phi(2 z0 -+ 1.96)
    draws = norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    bias = norm.ppf(0.6)
    low, high = bias_corrected(draws, bias, 0.95)
    assert (low, high) == pytest.approx((2 * bias - 1.959964, 2 * bias + 1.959964), abs=1e-3)
    shift = [bias + z / (1 - 0.1 * z) for z in (bias - 1.959964, bias + 1.959964)]
    assert bias_corrected(draws, bias, 0.95, acceleration=0.1) == pytest.approx(shift, abs=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("n_per_class", [15, 150])
def test_coverage_of_macro_f1(n_per_class):
    rng = np.random.default_rng(0)
    rates = 0.7 * np.eye(5) + 0.3 * rng.dirichlet(np.ones(5), size=5)
    truth = METRICS["macro_f1"](Margins.of(n_per_class * rates))[0]
    held = 0
    for seed in range(400):
        found = confusion_intervals(rng.multinomial(n_per_class, rates), ["macro_f1"], n_resamples=500, seed=seed)[
            "macro_f1"
        ]
        held += found.low <= truth <= found.high
    assert 0.915 <= held / 400 <= 0.985
