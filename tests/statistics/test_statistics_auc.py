from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from bakeoff.statistics.auc import _placements, logit_interval, macro_auc_interval
from bakeoff.statistics.interval import wilson_interval


def brute_force(scores, positive):
    """DeLong's definition: every positive against every negative."""
    wins = (scores[positive][:, None] > scores[~positive]) + 0.5 * (scores[positive][:, None] == scores[~positive])
    sides = (wins.mean(axis=1), wins.mean(axis=0))
    return wins.mean(), sum(side.var(ddof=1) / len(side) for side in sides if len(side) > 1)


def roc_auc_delong(scores, positive):
    """Area and variance from the placements that the macro mean is made of."""
    placements = _placements(scores, positive)
    sides = (placements[positive], placements[~positive])
    return placements[positive].mean(), sum(side.var(ddof=1) / len(side) for side in sides if len(side) > 1)


def softmax_scores(label_ids, n_labels, rng, lead=2.0):
    logits = rng.standard_normal((len(label_ids), n_labels))
    logits[np.arange(len(label_ids)), label_ids] += lead
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_by_hand():
    # positives 3 1, negatives 2 0: 3 beats both, 1 beats one; shares 1 1/2 and 1/2 1, variances 1/8 each over 2
    auc, variance = roc_auc_delong(np.array([3.0, 1, 2, 0]), np.array([True, True, False, False]))
    assert auc == 0.75
    assert variance == pytest.approx(1 / 8 / 2 + 1 / 8 / 2)


@settings(max_examples=100)
@given(st.integers(2, 60), st.integers(0, 10_000), st.sampled_from([3, 1000]))
def test_equals_every_pair_compared(n, seed, n_values):
    rng = np.random.default_rng(seed)
    scores, positive = rng.integers(n_values, size=n).astype(float), rng.random(n) < 0.5
    positive[:2] = (True, False)
    assert roc_auc_delong(scores, positive) == pytest.approx(brute_force(scores, positive), abs=1e-12)


def test_macro_of_two_classes_is_delongs_and_scikit_learns():
    rng = np.random.default_rng(0)
    label_ids = rng.integers(2, size=80)
    probabilities = softmax_scores(label_ids, 2, rng, 0.5)
    auc, interval = macro_auc_interval(probabilities, label_ids)
    binary, variance = roc_auc_delong(probabilities[:, 1], label_ids == 1)
    assert auc == pytest.approx(binary)
    assert auc == pytest.approx(roc_auc_score(label_ids, probabilities[:, 1]))
    half = 1.959964 * np.sqrt(variance) / (auc * (1 - auc))
    centre = np.log(auc / (1 - auc))
    expected = 1 / (1 + np.exp(-np.array([centre - half, centre + half])))
    assert (interval.low, interval.high) == pytest.approx(expected, abs=1e-6)
    assert (interval.method, interval.n_resamples) == ("delong", None)


@settings(max_examples=40)
@given(st.integers(2, 6), st.integers(12, 80), st.integers(0, 10_000))
def test_macro_equals_scikit_learn_over_the_classes_present(n_labels, n, seed):
    rng = np.random.default_rng(seed)
    label_ids = rng.integers(n_labels, size=n)
    label_ids[:2] = (0, 1)
    probabilities = softmax_scores(label_ids, n_labels + 1, rng)  # the last class has no product
    auc, interval = macro_auc_interval(probabilities, label_ids)
    present = np.unique(label_ids)
    expected = np.mean([roc_auc_score(label_ids == label, probabilities[:, label]) for label in present])
    assert auc == pytest.approx(expected, abs=1e-12)
    assert 0 <= interval.low <= auc <= interval.high <= 1


def test_spread_is_that_of_simulated_test_sets():
    rng, label_ids = np.random.default_rng(0), np.repeat(np.arange(4), 50)
    found = [macro_auc_interval(softmax_scores(label_ids, 4, rng), label_ids) for _ in range(400)]
    spread = np.std([auc for auc, _ in found])
    width = np.mean([interval.high - interval.low for _, interval in found])
    assert width / (2 * 1.959964) == pytest.approx(spread, rel=0.1)


def test_order_of_products_changes_nothing():
    rng = np.random.default_rng(0)
    label_ids = rng.integers(5, size=60)
    probabilities, order = softmax_scores(label_ids, 5, rng), rng.permutation(60)
    first, second = (
        macro_auc_interval(probabilities, label_ids),
        macro_auc_interval(probabilities[order], label_ids[order]),
    )
    assert first[0] == pytest.approx(second[0])
    assert (first[1].low, first[1].high) == pytest.approx((second[1].low, second[1].high))


def test_a_perfect_ranking_still_leaves_doubt():
    label_ids = np.repeat([0, 1, 2], [5, 10, 20])
    auc, interval = macro_auc_interval(np.eye(3)[label_ids], label_ids)
    assert auc == 1
    # as sure as a mean over three classes of 5, 10 and 20 products: 9 / (1/5 + 1/10 + 1/20) = 25.7
    assert (interval.low, interval.high) == pytest.approx(wilson_interval(1.0, 25))
    assert interval.method == "wilson"


def test_classes_with_one_product_do_not_make_it_sure():
    label_ids = np.arange(6)
    auc, interval = macro_auc_interval(softmax_scores(label_ids, 6, np.random.default_rng(3), 0.5), label_ids)
    assert interval.low < auc < interval.high


def test_a_spread_beyond_every_logit_stays_within_bounds():
    interval = logit_interval(1 - 1e-9, 1.0, 10, "delong")
    assert (interval.low, interval.high) == (0.0, 1.0)
