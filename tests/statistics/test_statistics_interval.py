"""Every interval holds its estimate, exactly: all shares of up to 2,000 products, and matrices that break formulas."""

from __future__ import annotations

import numpy as np
import pytest

from bakeoff.data.predictions import Predictions
from bakeoff.evaluation.calibration import calibration_record
from bakeoff.evaluation.metrics import metric_intervals, per_class_metrics, predicted_classes, split_metrics
from bakeoff.evaluation.params import AutomationParams, EvaluateParams
from bakeoff.statistics.interval import Interval, hold, wilson_interval, wilson_intervals
from bakeoff.statistics.matrix import METRICS, Margins
from bakeoff.statistics.paired import paired_difference, paired_macro_f1
from bakeoff.statistics.resample import resampled_margins
from bakeoff.statistics.two_sample import difference_of_shares

pytest.importorskip("jinja2", reason="random studies are told, which .venv-torch alone can")
from random_study import KINDS, draw_probabilities, products_of

PROMISE = AutomationParams(precision=0.9)
PARAMS = EvaluateParams(top_k=[3, 5], n_bootstrap=100, n_bootstrap_ece=100, calibration_bins=15, automation=PROMISE)


def test_an_end_beyond_the_estimate_moves_to_it():
    assert hold(1.0, 0.8, 0.9999999999999998) == (0.8, 1.0)
    assert hold(0.0, 9e-19, 0.2) == (0.0, 0.2)
    found = Interval(0.5, 0.6, 0.4, "any")
    assert (found.low, found.high) == (0.5, 0.5)


def test_wilson_holds_every_share_of_up_to_2000_products():
    for n in range(1, 2001):
        right = np.arange(n + 1)
        shares = right / n
        low, high = wilson_intervals(shares, np.full(n + 1, n))
        assert (low <= shares).all(), n
        assert (shares <= high).all(), n
        assert low[0] == 0.0, n
        assert high[-1] == 1.0, n
        assert (low >= 0).all(), n
        assert (high <= 1).all(), n
        assert (np.diff(low) > 0).all(), n
    assert wilson_interval(13 / 13, 13)[1] == 1.0
    assert wilson_interval(0.8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)  # by hand


def test_newcombe_holds_every_difference_of_two_small_samples():
    sizes = [(n, m) for n in (1, 10, 13) for m in (1, 7, 25)]
    for n, m in sizes:
        for a in range(n + 1):
            for b in range(m + 1):
                found = difference_of_shares((a, b), (n, m))
                assert -1 <= found.low <= found.difference <= found.high <= 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_labels", [2, 3, pytest.param(27, marks=pytest.mark.slow), 196])
def test_every_interval_of_an_evaluation_holds_its_estimate(kind, n_labels):
    for seed in range(12 if n_labels < 100 else 2):
        rng = np.random.default_rng([seed, n_labels, KINDS.index(kind)])
        n = int(rng.integers(1, 120))
        label_ids = rng.integers(rng.integers(1, n_labels + 1), size=n)  # often without most of the classes
        probabilities = draw_probabilities(kind, label_ids, n_labels, rng)
        metrics = split_metrics(label_ids, probabilities, top_k=PARAMS.top_k, n_bins=15)
        found = metric_intervals(label_ids, probabilities, params=PARAMS, metrics=metrics)
        assert {"accuracy", "macro_f1", "log_loss", "ece"} <= set(found)
        for name, interval in found.items():
            assert interval["low"] <= metrics[name] <= interval["high"], (name, seed)
        labels = [f"class {i}" for i in range(n_labels)]
        for values in per_class_metrics(label_ids, probabilities, labels).values():
            for name in ("precision", "recall", "f1"):
                if values[name] is not None:
                    assert 0 <= values[f"{name}_low"] <= values[name] <= values[f"{name}_high"] <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_interval_of_a_calibration_holds_its_estimate(kind):
    rng = np.random.default_rng(KINDS.index(kind))
    for n_labels in (2, 5, 27):
        products = products_of(rng, n_labels, 60)
        label_ids = products["label_id"].to_numpy()
        probabilities = draw_probabilities(kind, label_ids, n_labels, rng)
        record = calibration_record(Predictions(products, probabilities, [str(i) for i in range(n_labels)]), PARAMS)
        for stage in ("before", "after"):
            test = record["test"][stage]
            assert test["ece_low"] <= test["ece_equal_width"] <= test["ece_high"]
            for row in (*test["reliability"], *record["coverage"]):
                if row["accuracy"] is not None:
                    assert row["accuracy_low"] <= row["accuracy"] <= row["accuracy_high"]


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
def test_every_paired_difference_is_held(first, second):
    rng = np.random.default_rng([KINDS.index(first), KINDS.index(second)])
    for n_labels in (2, 9):
        label_ids = rng.integers(n_labels, size=int(rng.integers(1, 80)))
        a, b = (predicted_classes(draw_probabilities(kind, label_ids, n_labels, rng)) for kind in (first, second))
        for found in (
            paired_difference(a == label_ids, b == label_ids, n_resamples=100),
            paired_macro_f1(label_ids, a, b, n_labels, n_resamples=100),
        ):
            assert -1 <= found[1].low <= found[0] <= found[1].high <= 1


def test_resamples_of_a_candidate_that_predicts_one_class_have_no_root_of_a_negative():
    """Resampled counts are scaled: n² less the square of their sum is -1e-10 here, or 1e-10, where it should be 0."""
    for size in range(2, 60):
        counts = np.zeros((4, 4), dtype=np.int64)
        counts[:, 1] = [size, 2 * size + 1, 3, 1]
        for margins in resampled_margins(counts, 200, seed=size):
            with np.errstate(all="raise"):
                values = {name: METRICS[name](margins) for name in ("matthews", "cohen_kappa")}
            only_one = (margins.predicted > 0).sum(axis=1) == 1
            assert only_one.any()
            assert (values["matthews"][only_one] == 0).all()
            assert np.abs(values["cohen_kappa"]).max() <= 1
    mixed = Margins.of(np.array([[3, 1], [0, 1]]))
    assert METRICS["matthews"](mixed)[0] == pytest.approx(0.6123724)  # (4 * 5 - 4 * 3 - 1 * 2) / sqrt(8 * 12)
    assert METRICS["cohen_kappa"](mixed)[0] == pytest.approx(6 / 11)
