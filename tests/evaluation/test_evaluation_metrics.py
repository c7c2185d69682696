from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as scores

from bakeoff.core.errors import EvaluationError
from bakeoff.data.predictions import make_predictions
from bakeoff.evaluation.metrics import (
    all_split_metrics,
    brier_scores,
    exact_probabilities,
    per_class_metrics,
    split_metrics,
    top_k_hits,
)
from numpy_predictor import NumpyPredictor, make_catalogue, predict_catalogue

# 4 photos, classes 0 0 1 1, predicted 0 1 1 1; a third class occurs nowhere
TRUE = np.array([0, 0, 1, 1])
PROBABILITIES = np.array([[0.8, 0.1, 0.1], [0.25, 0.5, 0.25], [0.25, 0.5, 0.25], [0.0, 1.0, 0.0]], dtype=np.float32)


def _random(n_labels: int, n_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    true = generator.integers(0, n_labels, n_rows)
    true[:2] = 0, 1
    return true, generator.dirichlet(np.ones(n_labels), n_rows).astype(np.float32)


def test_hand_computed_metrics():
    values = split_metrics(TRUE, PROBABILITIES, top_k=(2, 3))
    # class 0: precision 1, recall 1/2, F1 2/3; class 1: precision 2/3, recall 1, F1 4/5
    assert values["n"] == 4
    assert values["accuracy"] == values["balanced_accuracy"] == 0.75
    assert values["macro_precision"] == pytest.approx(5 / 6)
    assert values["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert values["weighted_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert values["log_loss"] == pytest.approx(-(math.log(0.8) + math.log(0.25) + math.log(0.5)) / 4, rel=1e-6)
    # squared errors 0.04 + 0.01 + 0.01, 0.5625 + 0.25 + 0.0625, 0.0625 + 0.25 + 0.0625, 0
    assert values["brier"] == pytest.approx((0.06 + 0.875 + 0.375) / 4, rel=1e-6)
    assert values["matthews"] == pytest.approx(1 / math.sqrt(3))
    assert values["cohen_kappa"] == 0.5
    # class 0: 0.8 above 0.25 and 0; 0.25 ties 0.25 and beats 0: 3.5 of 4; class 1: 0.1 below both, 0.5 ties 0.5: 3.5
    assert values["roc_auc"] == pytest.approx(3.5 / 4)
    # class 0: (1 + 2/3) / 2; class 1: (1 + 2/3) / 2
    assert values["pr_auc"] == pytest.approx(5 / 6)
    assert values["top_2_accuracy"] == 1.0  # the second photo ties 0 and 2 behind 1: the lower index wins
    assert "top_3_accuracy" not in values  # K = 3: it would be 1 whatever the candidate says


def test_weighted_f1_weighs_by_support():
    true, probabilities = np.array([0, 0, 0, 1]), np.eye(2, dtype=np.float32)[[0, 0, 0, 0]]
    values = split_metrics(true, probabilities)
    assert values["weighted_f1"] == pytest.approx(3 / 4 * (6 / 7))
    assert values["macro_f1"] == pytest.approx((6 / 7) / 2)
    assert values["matthews"] == 0.0  # one class predicted: no better than chance, as scikit-learn


def test_certain_and_wrong_is_finite():
    assert 30 < split_metrics(np.array([0, 1]), np.array([[0, 1], [0, 1]], np.float32))["log_loss"] * 2 < 40


@pytest.mark.parametrize("n_labels", [1, 3])
def test_one_class_alone_leaves_four_metrics_undefined(n_labels):
    probabilities = np.full((5, n_labels), 1 / n_labels, np.float32)
    values = split_metrics(np.zeros(5, np.int64), probabilities)
    undefined = {name for name, value in values.items() if value is None}
    assert undefined == {"matthews", "cohen_kappa", "roc_auc", "pr_auc"}
    assert values["accuracy"] == 1.0
    assert values["log_loss"] == pytest.approx(math.log(n_labels))
    assert values["brier"] == pytest.approx(1 - 1 / n_labels)


def test_per_class_with_an_absent_class():
    found = per_class_metrics(TRUE, PROBABILITIES, ["a", "b", "c"])
    common = {"roc_auc": pytest.approx(3.5 / 4), "average_precision": pytest.approx(5 / 6), "support": 2}
    a = {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3)} | common
    b = {"precision": pytest.approx(2 / 3), "recall": 1.0, "f1": pytest.approx(0.8)} | common
    assert (found["a"] | a, found["b"] | b) == (found["a"], found["b"])
    assert found["c"] == dict.fromkeys(found["a"]) | {"support": 0}


def test_a_class_never_predicted_has_no_precision_but_an_f1():
    found = per_class_metrics(np.array([0, 1]), np.array([[1, 0], [1, 0]], np.float32), ["a", "b"])["b"]
    assert (found["precision"], found["recall"], found["f1"]) == (None, 0.0, 0.0)


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
    assert all(0 <= values[name] <= 1 for name in ("accuracy", "macro_f1", "weighted_f1", "ece"))
    assert 0 <= values["brier"] <= 2
    assert not any(isinstance(value, float) and math.isnan(value) for value in values.values())
    assert shuffled == {name: pytest.approx(value) for name, value in values.items()}


@settings(max_examples=30)
@given(st.integers(3, 7), st.integers(2, 40), st.integers(0, 10_000))
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_equal_to_scikit_learn(n_labels, n_rows, seed):
    true, probabilities = _random(n_labels, n_rows, seed)
    predicted, exact, labels = probabilities.argmax(axis=1), exact_probabilities(probabilities), np.arange(n_labels)
    values = split_metrics(true, probabilities, top_k=(2,))
    expected = {
        "accuracy": scores.accuracy_score(true, predicted),
        "balanced_accuracy": scores.balanced_accuracy_score(true, predicted),
        "matthews": scores.matthews_corrcoef(true, predicted),
        "cohen_kappa": scores.cohen_kappa_score(true, predicted),
        "log_loss": scores.log_loss(true, exact, labels=labels),
        "brier": scores.brier_score_loss(true, exact, labels=labels, scale_by_half=False),
        "top_2_accuracy": scores.top_k_accuracy_score(true, exact, k=2, labels=labels),
    }
    for average in ("macro", "weighted"):
        found = scores.precision_recall_fscore_support(true, predicted, average=average, zero_division=0)
        expected |= {f"{average}_{name}": found[i] for i, name in enumerate(("precision", "recall", "f1"))}
    assert {name: values[name] for name in expected} == {
        name: pytest.approx(float(value), abs=1e-12) for name, value in expected.items()
    }


@given(st.integers(2, 7), st.integers(2, 40), st.integers(0, 10_000))
def test_the_areas_are_scikit_learns(n_labels, n_rows, seed):
    true, probabilities = _random(n_labels, n_rows, seed)
    exact, present = exact_probabilities(probabilities), np.unique(true)
    values, onehot = split_metrics(true, probabilities), true[:, None] == present[None, :]
    assert values["roc_auc"] == pytest.approx(
        scores.roc_auc_score(onehot, exact[:, present], average="macro"), abs=1e-12
    )
    average = scores.average_precision_score(onehot, exact[:, present], average="macro")
    assert values["pr_auc"] == pytest.approx(average, abs=1e-12)


@given(st.integers(2, 7), st.integers(1, 40), st.integers(0, 10_000))
def test_top_one_is_accuracy_and_top_all_is_one(n_labels, n_rows, seed):
    generator = np.random.default_rng(seed)
    true = generator.integers(0, n_labels, n_rows)
    probabilities = (generator.integers(0, 3, (n_rows, n_labels)) / 2).astype(np.float32)  # full of ties
    np.testing.assert_array_equal(top_k_hits(true, probabilities, 1), probabilities.argmax(axis=1) == true)
    assert top_k_hits(true, probabilities, n_labels).all()


def test_brier_of_two_classes_is_twice_the_binary_score():
    true, probabilities = np.array([1, 0]), np.array([[0.3, 0.7], [0.6, 0.4]])
    np.testing.assert_allclose(brier_scores(true, probabilities), [2 * 0.09, 2 * 0.16])


def test_side_by_side_and_training_losses(tmp_path):
    catalogue = make_catalogue(tmp_path)
    predictions = predict_catalogue(NumpyPredictor(catalogue.labels), catalogue)
    splits = all_split_metrics(predictions, top_k=[2, 3], n_bins=15)
    assert list(splits) == ["train", "validation", "test"]
    assert [split["n"] for split in splits.values()] == [18, 6, 6]
    assert splits["test"]["training_loss"] == pytest.approx(splits["test"]["log_loss"], rel=1e-6)


def test_a_split_without_products_has_no_training_loss(tmp_path):
    catalogue = make_catalogue(tmp_path)
    catalogue.products["split"] = "train"
    predictions = predict_catalogue(NumpyPredictor(catalogue.labels), catalogue)
    with pytest.raises(EvaluationError, match=r"no product is in .*; check section `split` of params.yaml"):
        all_split_metrics(predictions, top_k=[2], n_bins=15)


def test_the_training_loss_is_the_trainers_own_and_not_the_log_loss(tmp_path):
    """Normalised sigmoids do not determine the binary cross-entropy they were trained with."""
    catalogue = make_catalogue(tmp_path)
    found = predict_catalogue(NumpyPredictor(catalogue.labels), catalogue)
    own = {"train": 3.0, "validation": 2.0, "test": 1.0}
    losses = catalogue.products["split"].map(own).to_numpy()
    splits = all_split_metrics(make_predictions(catalogue, found.probabilities, losses), top_k=[2], n_bins=15)
    assert {name: split["training_loss"] for name, split in splits.items()} == own
