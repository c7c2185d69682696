from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from bakeoff.statistics.matrix import METRICS, Margins, f1, precision, recall

COUNTS = np.array([[3, 1, 0], [0, 2, 2], [0, 0, 2]])


def value(name, counts):
    return float(METRICS[name](Margins.of(counts))[0])


def test_by_hand():
    # recalls 3/4, 1/2, 1; precisions 1, 2/3, 1/2; F1 6/7, 4/7, 2/3
    assert recall(Margins.of(COUNTS))[0] == pytest.approx([3 / 4, 1 / 2, 1])
    assert precision(Margins.of(COUNTS))[0] == pytest.approx([1, 2 / 3, 1 / 2])
    assert f1(Margins.of(COUNTS))[0] == pytest.approx([6 / 7, 4 / 7, 2 / 3])
    assert value("accuracy", COUNTS) == pytest.approx(0.7)
    assert value("balanced_accuracy", COUNTS) == pytest.approx(0.75)
    assert value("weighted_f1", COUNTS) == pytest.approx((4 * 6 / 7 + 4 * 4 / 7 + 2 * 2 / 3) / 10)
    # true 4 4 2, predicted 3 3 4: by chance 4*3 + 4*3 + 2*4 = 32; kappa (70 - 32) / (100 - 32)
    assert value("cohen_kappa", COUNTS) == pytest.approx(38 / 68)
    assert value("matthews", COUNTS) == pytest.approx(38 / np.sqrt((100 - 36) * (100 - 34)))


def test_a_class_that_nobody_has_or_predicts_costs_a_macro_mean_nothing():
    counts = np.array([[2, 0, 0], [0, 1, 0], [0, 0, 0]])
    assert value("macro_f1", counts) == 1
    assert value("balanced_accuracy", counts) == 1


@settings(max_examples=25)
@given(st.integers(2, 6), st.integers(0, 40), st.integers(0, 10_000))
def test_equals_scikit_learn(n_labels, n, seed):
    rng = np.random.default_rng(seed)
    true, predicted = rng.integers(n_labels, size=(2, n + 1))
    predicted[0] = (true[0] + 1) % n_labels  # scikit-learn warns of a single label
    counts = sk.confusion_matrix(true, predicted, labels=np.arange(n_labels))
    expected = {"accuracy": sk.accuracy_score(true, predicted), "matthews": sk.matthews_corrcoef(true, predicted)}
    for average in ("macro", "weighted"):
        for name, function in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
            expected[f"{average}_{name}"] = function(true, predicted, average=average, zero_division=0)
    for name, wanted in expected.items():
        assert value(name, counts) == pytest.approx(wanted, abs=1e-12), name
    expected_recalls = sk.recall_score(true, predicted, average=None, labels=np.unique(true), zero_division=0)
    assert value("balanced_accuracy", counts) == pytest.approx(np.mean(expected_recalls), abs=1e-12)
    assert value("cohen_kappa", counts) == pytest.approx(sk.cohen_kappa_score(true, predicted), abs=1e-12)


def test_many_matrices_at_once_are_each_for_itself():
    other = np.array([[1, 3, 0], [1, 2, 1], [0, 2, 0]])
    both = [Margins.of(COUNTS), Margins.of(other)]
    together = Margins(
        np.concatenate([m.right for m in both]), both[0].true, np.concatenate([m.predicted for m in both])
    )
    for name, metric in METRICS.items():
        assert metric(together) == pytest.approx([value(name, COUNTS), value(name, other)]), name
