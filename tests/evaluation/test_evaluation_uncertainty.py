from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from bakeoff.evaluation.metrics import N_STEPS, metric_intervals, overfitting, per_class_metrics, split_metrics
from bakeoff.evaluation.params import AutomationParams, EvaluateParams
from bakeoff.statistics.auc import average_precision_influence, macro_average_precision_interval
from bakeoff.statistics.interval import wilson_interval

PROMISE = AutomationParams(precision=0.9)
PARAMS = EvaluateParams(top_k=[2, 5], n_bootstrap=200, n_bootstrap_ece=100, calibration_bins=15, automation=PROMISE)


def _skilled(n: int, n_labels: int, seed: int, skill: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    label_ids = generator.integers(0, n_labels, n)
    logits = generator.normal(0, 1, (n, n_labels))
    logits[np.arange(n), label_ids] += skill
    exps = np.exp(logits)
    return label_ids, (exps / exps.sum(axis=1, keepdims=True)).astype(np.float32)


def _intervals(label_ids, probabilities, params=PARAMS, **kwargs):
    values = split_metrics(label_ids, probabilities, top_k=params.top_k, n_bins=params.calibration_bins)
    return values, metric_intervals(label_ids, probabilities, params=params, metrics=values, **kwargs)


@settings(max_examples=12)
@given(st.integers(1, 6), st.integers(1, 40), st.integers(0, 1000))
def test_each_defined_metric_lies_in_its_interval(n_labels, n, seed):
    values, intervals = _intervals(*_skilled(n, n_labels, seed))
    assert set(intervals) | {"pr_auc"} == {name for name, value in values.items() if value is not None} - {"n"} | {
        "pr_auc"
    }
    for name, interval in intervals.items():
        assert interval["low"] - 1e-9 <= values[name] <= interval["high"] + 1e-9, name
        assert interval["level"] == 0.95
    json.dumps(intervals, allow_nan=False)


def test_methods_are_named_and_steps_counted():
    steps = []
    label_ids, probabilities = _skilled(60, 7, 0)
    _, intervals = _intervals(label_ids, probabilities, advance=lambda: steps.append(1))
    methods = {name: (interval["method"], interval["n_resamples"]) for name, interval in intervals.items()}
    assert methods["accuracy"] == methods["top_2_accuracy"] == methods["top_5_accuracy"] == ("wilson", None)
    assert methods["macro_f1"] == methods["cohen_kappa"] == ("bootstrap_confusion", 200)
    assert methods["log_loss"] == methods["brier"] == ("bootstrap_products", 200)
    assert methods["roc_auc"] == ("delong", None)
    assert "pr_auc" not in methods  # 60 products of seven classes are fewer than 20 of each
    assert methods["ece"] == ("bootstrap_basic_approximate", 100)
    assert len(steps) == N_STEPS


def test_a_test_split_given_twice_is_no_surer_where_the_groups_say_so():
    label_ids, probabilities = _skilled(120, 3, 0)
    twice, groups = (np.repeat(label_ids, 2), np.repeat(probabilities, 2, axis=0)), np.repeat(np.arange(120), 2)
    once, doubled = _intervals(label_ids, probabilities)[1], _intervals(*twice, groups=groups)[1]
    assert doubled["accuracy"] == doubled["weighted_recall"] == once["accuracy"]
    assert doubled["top_2_accuracy"] == once["top_2_accuracy"]
    assert set(doubled) == set(once)
    for name, interval in once.items():
        spread = interval["high"] - interval["low"]
        assert doubled[name]["high"] - doubled[name]["low"] == pytest.approx(spread, rel=0.25), name
    alone = per_class_metrics(label_ids, probabilities, ["a", "b", "c"])
    found = per_class_metrics(*twice, ["a", "b", "c"], groups)
    assert found["a"] == pytest.approx(alone["a"] | {"support": 2 * alone["a"]["support"]})


def test_per_class_ends_are_wilsons():
    probabilities = np.eye(3, dtype=np.float32)[[0, 0, 1, 1]]
    label_ids = np.array([0, 1, 1, 1])
    found = per_class_metrics(label_ids, probabilities, ["a", "b", "c"])
    low, high = wilson_interval(2 / 3, 3)
    assert (found["b"]["recall_low"], found["b"]["recall_high"]) == pytest.approx((low, high))
    assert found["b"]["f1_low"] < found["b"]["f1"] < found["b"]["f1_high"]
    assert found["c"]["f1_low"] is found["c"]["f1_high"] is found["c"]["recall_low"] is None


@pytest.mark.parametrize(
    ("train", "test", "high", "overfits"),
    [(1.0, 0.8, 0.9, True), (0.89, 0.8, 0.85, False), (0.95, 0.8, 0.96, False), (0.7, 0.8, 0.9, False)],
)
def test_overfitting_needs_a_gap_and_to_leave_the_interval(train, test, high, overfits):
    splits = {"train": {"accuracy": train, "log_loss": 0.1}, "test": {"accuracy": test, "log_loss": 0.5}}
    record = overfitting(splits, {"high": high})
    assert record["overfits"] is overfits
    assert record["accuracy_gap"] == pytest.approx(train - test)
    assert record["log_loss_gap"] == pytest.approx(0.4)
    assert "more than 0.1" in record["rule"]


@given(st.integers(2, 30), st.integers(0, 1000))
def test_influence_is_the_derivative_and_the_area_scikit_learns(n, seed):
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, 6, n) / 5  # with ties
    positive = generator.random(n) < 0.5
    positive[0] = True
    area, influence, _ = average_precision_influence(scores, positive)
    assert area == pytest.approx(average_precision_score(positive, scores), abs=1e-12)
    step = 1e-6
    for product in range(min(n, 5)):
        ends = []
        for sign in (1, -1):
            weights = np.ones(n)
            weights[product] += sign * step
            ends.append(average_precision_score(positive, scores, sample_weight=weights))
        assert influence[product] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-6)


def test_average_precision_covers():
    truth = macro_average_precision_interval(*_skilled(100_000, 4, 99)[::-1])[0]
    hits = 0
    for seed in range(100):
        label_ids, probabilities = _skilled(300, 4, seed)
        _, interval = macro_average_precision_interval(probabilities, label_ids)
        hits += interval.low <= truth <= interval.high
    assert 89 <= hits <= 100


def test_average_precision_of_a_class_with_fewer_than_20_products_has_no_interval():
    label_ids = np.repeat([0, 1, 2], [200, 60, 20])
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), 280)
    area, interval = macro_average_precision_interval(probabilities, label_ids)
    assert interval.method == "infinitesimal_jackknife"
    assert 0 < interval.low < area < interval.high < 1
    assert macro_average_precision_interval(probabilities[:-1], label_ids[:-1])[1] is None
    assert macro_average_precision_interval(probabilities, label_ids, copies=1.1)[1] is None  # worth 18 products


def test_bias_of_average_precision_by_hand():
    # positives at ranks 1 and 3: precision 1 and 2/3, recall (1 - 1/2) / 2 and (2 - 1/2) / 2
    _, _, bias = average_precision_influence(np.array([0.9, 0.8, 0.7, 0.1]), np.array([True, False, True, False]))
    assert bias == pytest.approx((0 + (1 / 3) * (1 / 4 + 3 / 4 * 2 / 3) / 3) / 2)


def test_perfect_ranking_gets_wilsons():
    label_ids = np.repeat([0, 1], 20)
    area, interval = macro_average_precision_interval(np.eye(2)[label_ids], label_ids)
    assert area == 1.0
    assert (interval.method, interval.low) == ("wilson", pytest.approx(wilson_interval(1.0, 40)[0]))
