from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.errors import EvaluationError
from bakeoff.evaluation.metrics import all_metrics, per_class_metrics, split_metrics, training_losses
from bakeoff.evaluation.predictions import predict_catalogue
from numpy_predictor import NumpyPredictor, make_catalogue

# 4 photos, classes 0 0 1 1, predicted 0 1 1 1; a third class occurs nowhere
TRUE = np.array([0, 0, 1, 1])
PROBABILITIES = np.array([[0.8, 0.1, 0.1], [0.25, 0.5, 0.25], [0.25, 0.5, 0.25], [0.0, 1.0, 0.0]], dtype=np.float32)


def test_hand_computed_metrics():
    values = split_metrics(TRUE, PROBABILITIES)
    # class 0: precision 1, recall 1/2, F1 2/3; class 1: precision 2/3, recall 1, F1 4/5
    assert values["n"] == 4
    assert values["accuracy"] == 0.75
    assert values["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert values["weighted_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert values["log_loss"] == pytest.approx(-(math.log(0.8) + math.log(0.25) + math.log(0.5)) / 4, rel=1e-6)


def test_weighted_f1_weighs_by_support():
    true, probabilities = np.array([0, 0, 0, 1]), np.eye(2, dtype=np.float32)[[0, 0, 0, 0]]
    values = split_metrics(true, probabilities)
    assert values["weighted_f1"] == pytest.approx(3 / 4 * (6 / 7))
    assert values["macro_f1"] == pytest.approx((6 / 7) / 2)


def test_certain_and_wrong_is_finite():
    assert 30 < split_metrics(np.array([0, 1]), np.array([[0, 1], [0, 1]], np.float32))["log_loss"] * 2 < 40


def test_per_class_with_an_absent_class():
    scores = per_class_metrics(TRUE, PROBABILITIES.argmax(axis=1), ["a", "b", "c"])
    assert scores["a"] == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2}
    assert scores["b"] == {"precision": pytest.approx(2 / 3), "recall": 1.0, "f1": pytest.approx(0.8), "support": 2}
    assert scores["c"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}


def test_empty_split_is_refused():
    with pytest.raises(EvaluationError, match="a split without products has no metrics"):
        split_metrics(np.zeros(0, np.int64), np.zeros((0, 3), np.float32))


@given(st.integers(2, 6), st.integers(1, 30), st.integers(0, 10_000))
def test_invariants(n_labels, n_rows, seed):
    generator = np.random.default_rng(seed)
    true = generator.integers(0, n_labels, n_rows)
    probabilities = generator.dirichlet(np.ones(n_labels), n_rows).astype(np.float32)
    values = split_metrics(true, probabilities)
    order = generator.permutation(n_rows)
    shuffled = split_metrics(true[order], probabilities[order])
    assert values["log_loss"] >= 0
    assert all(0 <= values[name] <= 1 for name in ("accuracy", "macro_f1", "weighted_f1"))
    assert shuffled == {name: pytest.approx(value) for name, value in values.items()}


def test_side_by_side_and_training_losses(tmp_path):
    catalogue = make_catalogue(tmp_path)
    predictor = NumpyPredictor(catalogue)
    predictions = predict_catalogue(predictor, catalogue)
    passes = predictor.n_predicted
    losses = training_losses(predictor, predictions, catalogue)
    assert predictor.n_predicted == passes  # softmax cross-entropy costs no second pass
    record = all_metrics(predictions, losses)
    assert list(record["splits"]) == ["train", "validation", "test"]
    assert [split["n"] for split in record["splits"].values()] == [18, 6, 6]
    assert record["splits"]["test"]["training_loss"] == record["splits"]["test"]["log_loss"]
    assert list(record["per_class"]) == catalogue.labels


def test_bce_is_asked_of_the_predictor(tmp_path):
    catalogue = make_catalogue(tmp_path)
    predictor = NumpyPredictor(catalogue, probability_kind="sigmoid_normalised")
    losses = training_losses(predictor, predict_catalogue(predictor, catalogue), catalogue)
    assert losses == {"train": 18.0, "validation": 6.0, "test": 6.0}
