from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.special import softmax

from bakeoff.core.errors import EvaluationError
from bakeoff.data.predictions import Predictions
from bakeoff.evaluation.calibration import (
    THRESHOLDS,
    apply_temperature,
    calibration_record,
    coverage_table,
    fit_temperature,
)
from bakeoff.evaluation.figures import draw_calibration
from bakeoff.evaluation.params import AutomationParams, EvaluateParams
from bakeoff.evaluation.reliability import (
    calibration_error_interval,
    equal_mass_error,
    equal_width_bins,
    expected_calibration_error,
    reliability_bins,
)
from bakeoff.records.evaluation import CalibrationRecord
from bakeoff.statistics.interval import wilson_interval

PROMISE = AutomationParams(precision=0.9)
PARAMS = EvaluateParams(top_k=[3], n_bootstrap=100, n_bootstrap_ece=100, calibration_bins=5, automation=PROMISE)
CONFIDENCE = np.array([0.95, 0.85, 0.55, 0.45])
CORRECT = np.array([True, False, True, True])


def _softmaxes(n: int, *, temperature: float, n_labels: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return labels drawn from calibrated probabilities, and those probabilities sharpened by `temperature`."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 1.5, (n, n_labels))
    label_ids = (generator.random((n, 1)) > softmax(logits, axis=1).cumsum(axis=1)).sum(axis=1)
    return np.minimum(label_ids, n_labels - 1), softmax(logits * temperature, axis=1).astype(np.float32)


def _predictions(n_validation: int, *, n_test: int = 200, temperature: float = 2.0) -> Predictions:
    label_ids, probabilities = _softmaxes(n_validation + n_test, temperature=temperature)
    split = ["validation"] * n_validation + ["test"] * n_test
    ids = [f"p{number}" for number in range(len(split))]
    table = pd.DataFrame({"product_id": ids, "split": split, "label_id": label_ids})
    return Predictions(table, probabilities, [f"class {number}" for number in range(4)])


def test_equal_width_error_by_hand():
    # five bins of 0.2: {0.95, 0.85} and {0.55, 0.45}: |1.8 - 1| / 4 + |1.0 - 2| / 4
    assert expected_calibration_error(CONFIDENCE, CORRECT, n_bins=5) == pytest.approx(0.45)


def test_equal_mass_error_by_hand():
    # two bins of two: {0.45, 0.55} and {0.85, 0.95}
    assert equal_mass_error(CONFIDENCE, CORRECT, n_bins=2) == pytest.approx((1.0 + 0.8) / 4)
    assert equal_mass_error(CONFIDENCE[:1], CORRECT[:1], n_bins=15) == pytest.approx(0.05)


def test_a_constant_confidence_that_is_right_as_often_as_it_says_has_no_equal_mass_error():
    correct = np.random.default_rng(0).permutation(np.arange(200) < 140)
    assert equal_mass_error(np.full(200, 0.7), correct, n_bins=10) == pytest.approx(0, abs=1e-12)
    assert equal_mass_error(np.full(200, 0.9), correct, n_bins=10) == pytest.approx(0.2)


def test_bins_are_open_below_and_closed_above():
    assert equal_width_bins(np.array([0.0, 0.2, 0.21, 1.0]), 5).tolist() == [0, 0, 1, 4]


def test_reliability_bins_hold_every_product():
    rows = reliability_bins(CONFIDENCE, CORRECT, n_bins=5)
    assert [row["n"] for row in rows] == [0, 0, 2, 0, 2]
    assert rows[0] == {"low": 0.0, "high": 0.2, "n": 0} | dict.fromkeys(
        ("confidence", "accuracy", "accuracy_low", "accuracy_high")
    )
    assert rows[4]["confidence"] == pytest.approx(0.9)
    assert rows[4]["accuracy"] == 0.5
    assert rows[4]["accuracy_low"] == pytest.approx(0.0945, abs=1e-4)  # Wilson, 1 of 2


@given(st.integers(1, 60), st.integers(2, 20), st.integers(0, 1000))
def test_interval_holds_the_error(n, n_bins, seed):
    generator = np.random.default_rng(seed)
    confidence, correct = generator.random(n), generator.random(n) < 0.5
    wanted = {"n_bins": n_bins, "n_resamples": 100}
    strata = generator.integers(0, 3, n)
    interval = calibration_error_interval(confidence, correct, strata, **wanted)
    error = expected_calibration_error(confidence, correct, n_bins=n_bins)
    assert 0 <= interval.low <= error + 1e-12
    assert error - 1e-12 <= interval.high <= 1
    assert interval == calibration_error_interval(confidence, correct, strata, **wanted)
    assert 0 <= equal_mass_error(confidence, correct, n_bins=n_bins) <= 1


def test_interval_covers_the_true_error():
    hits = 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        confidence = generator.uniform(0.5, 1, 400)
        correct = generator.random(400) < confidence - 0.1  # the true error is 0.1
        interval = calibration_error_interval(confidence, correct, correct * 0, n_bins=5, n_resamples=200)
        hits += interval.low <= 0.1 <= interval.high
    assert hits >= 53


def test_interval_of_a_calibrated_model_starts_at_0():
    held = 0
    for seed in range(40):
        generator = np.random.default_rng(seed)
        confidence = generator.uniform(0.5, 1, 105)
        correct = generator.random(105) < confidence
        held += calibration_error_interval(confidence, correct, correct * 0, n_bins=15, n_resamples=200).low == 0
    assert held >= 36  # without the comparison with chance about 21


def test_copies_of_products_narrow_nothing():
    assert coverage_table(CONFIDENCE, CORRECT, copies=2)[0]["accuracy_low"] == pytest.approx(
        wilson_interval(0.75, 2)[0]
    )
    row = reliability_bins(CONFIDENCE, CORRECT, n_bins=5, copies=2)[4]
    assert row["accuracy_low"] == pytest.approx(wilson_interval(0.5, 1)[0])


def test_temperature_divides_logits():
    logits = np.random.default_rng(0).normal(0, 3, (20, 5))
    np.testing.assert_allclose(
        apply_temperature(softmax(logits, axis=1), 2.5), softmax(logits / 2.5, axis=1), atol=1e-12
    )


@given(st.integers(1, 20), st.integers(2, 9), st.floats(0.05, 40), st.integers(0, 1000))
def test_temperature_keeps_rows_and_order(n, n_labels, temperature, seed):
    probabilities = np.random.default_rng(seed).dirichlet(np.full(n_labels, 0.2), n).astype(np.float32)
    scaled = apply_temperature(probabilities, temperature)
    np.testing.assert_allclose(scaled.sum(axis=1), 1)
    best = probabilities.argmax(axis=1)
    np.testing.assert_allclose(scaled[np.arange(n), best], scaled.max(axis=1))


def test_a_zero_stays_finite_and_one_changes_nothing():
    probabilities = np.array([[1.0, 0.0], [0.25, 0.75]], np.float32)
    np.testing.assert_allclose(apply_temperature(probabilities, 1.0), probabilities, atol=1e-12)
    assert np.isfinite(apply_temperature(probabilities, 0.02)).all()


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
def test_no_temperature(temperature):
    with pytest.raises(EvaluationError, match="a temperature is a number above 0"):
        apply_temperature(np.array([[0.5, 0.5]]), temperature)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_fit_finds_the_temperature(temperature):
    label_ids, probabilities = _softmaxes(20_000, temperature=temperature)
    fitted, warning = fit_temperature(label_ids, probabilities)
    assert fitted == pytest.approx(temperature, rel=0.05)
    assert warning is None


@pytest.mark.parametrize("right", [True, False])
def test_no_minimum_means_no_temperature(right):
    label_ids, probabilities = np.array([0, 0, 0]), np.array([[0.8, 0.2]] * 3)
    assert fit_temperature(label_ids if right else 1 - label_ids, probabilities) == (1.0, "temperature_at_bound")


def test_one_class_needs_no_temperature():
    assert fit_temperature(np.zeros(3, np.int64), np.ones((3, 1))) == (1.0, None)


def test_coverage_by_hand():
    table = coverage_table(CONFIDENCE, CORRECT)
    assert tuple(row["threshold"] for row in table) == THRESHOLDS
    rows = {row["threshold"]: row for row in table}
    assert (rows[0.0]["coverage"], rows[0.0]["accuracy"], rows[0.0]["n"]) == (1.0, 0.75, 4)
    assert (rows[0.5]["coverage"], rows[0.5]["accuracy"], rows[0.5]["n"]) == (0.75, pytest.approx(2 / 3), 3)
    assert (rows[0.9]["coverage"], rows[0.9]["accuracy"], rows[0.9]["n"]) == (0.25, 1.0, 1)
    assert (rows[0.99]["coverage"], rows[0.99]["n"]) == (0.0, 0)
    assert rows[0.99]["accuracy"] is rows[0.99]["accuracy_low"] is rows[0.99]["accuracy_high"] is None


def test_record_calibrates_on_validation_alone():
    predictions = _predictions(600, n_test=2000)
    record = calibration_record(predictions, PARAMS)
    before, after = record["test"]["before"], record["test"]["after"]
    assert record["temperature"] == pytest.approx(2, rel=0.2)
    assert after["ece_equal_width"] < before["ece_equal_width"] / 2
    assert after["ece_equal_mass"] < before["ece_equal_mass"]
    assert after["log_loss"] < before["log_loss"]
    assert after["brier"] < before["brier"]
    assert (record["warning"], record["n_validation"], record["bins"]) == (None, 600, 5)
    wrong_test = predictions.products.copy()
    wrong_test.loc[wrong_test["split"] == "test", "label_id"] = 0
    again = calibration_record(Predictions(wrong_test, predictions.probabilities, predictions.labels), PARAMS)
    assert again["temperature"] == record["temperature"]
    json.dumps(record, allow_nan=False)


def test_a_small_validation_split_is_said():
    assert calibration_record(_predictions(49), PARAMS)["warning"] == "validation_small"
    assert calibration_record(_predictions(50), PARAMS)["warning"] is None


def test_an_empty_split_cannot_be_calibrated():
    with pytest.raises(EvaluationError, match="calibration needs products in validation and test"):
        calibration_record(_predictions(0), PARAMS)


def test_figure(tmp_path):
    path = tmp_path / "figures" / "calibration.png"
    draw_calibration(CalibrationRecord(key="k", **calibration_record(_predictions(60), PARAMS)), path, title="t")
    with Image.open(path) as image:
        assert image.width > 1000
        assert np.asarray(image.convert("L")).std() > 5
