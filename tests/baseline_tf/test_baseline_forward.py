from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.tf

LOGITS = np.array([[0.0, np.log(3.0)]], dtype=np.float32)


def test_softmax_of_0_and_log_3_is_a_quarter_and_three():
    from bakeoff.baseline_tf.forward import to_probabilities

    np.testing.assert_allclose(to_probabilities(LOGITS, score="logits", kind="softmax"), [[0.25, 0.75]], rtol=1e-6)


def test_sigmoids_are_divided_by_their_sum():
    from bakeoff.baseline_tf.forward import to_probabilities

    # sigmoid(0) = 0.5, sigmoid(log 3) = 0.75, their sum 1.25
    values = to_probabilities(LOGITS, score="logits", kind="sigmoid_normalised")
    np.testing.assert_allclose(values, [[0.4, 0.6]], rtol=1e-6)


def test_sigmoids_that_are_all_zero_prefer_no_class():
    from bakeoff.baseline_tf.forward import to_probabilities

    values = to_probabilities(np.zeros((1, 4), np.float32), score="sigmoid", kind="sigmoid_normalised")
    np.testing.assert_array_equal(values, [[0.25] * 4])


def test_cross_entropy_and_bce_by_hand():
    from bakeoff.baseline_tf.forward import row_losses

    target = np.array([1])
    assert row_losses(LOGITS, target, score="logits", loss="cross_entropy") == pytest.approx(-np.log(0.75))
    both = row_losses(np.repeat(LOGITS, 2, axis=0), np.array([0, 1]), score="logits", loss="cross_entropy")
    assert both == pytest.approx([-np.log(0.25), -np.log(0.75)])
    assert row_losses(LOGITS, target, score="logits", loss="bce") == pytest.approx(-(np.log(0.5) + np.log(0.75)) / 2)
    shares = np.array([[0.25, 0.75]])
    assert row_losses(shares, target, score="softmax", loss="cross_entropy") == pytest.approx(-np.log(0.75))
    assert row_losses(shares, target, score="sigmoid", loss="bce") == pytest.approx(-np.log(0.75))


def test_the_losses_are_keras_own():
    from bakeoff.baseline_tf.forward import row_losses
    from bakeoff.baseline_tf.runtime import keras

    rng = np.random.default_rng(0)
    scores, targets = rng.normal(0, 3, (20, 5)).astype(np.float32), rng.integers(0, 5, 20)
    one_hot = np.eye(5, dtype=np.float32)[targets]
    losses = {"cross_entropy": keras.losses.CategoricalCrossentropy, "bce": keras.losses.BinaryCrossentropy}
    for name, loss in losses.items():
        theirs = loss(from_logits=True, reduction=None)(one_hot, scores).numpy()
        assert row_losses(scores, targets, score="logits", loss=name) == pytest.approx(theirs, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(
    ("score", "loss", "kind"),
    [
        ("softmax", "bce", "as_is"),
        ("sigmoid", "bce", "sigmoid_normalised"),
        ("logits", "bce", "sigmoid_normalised"),
        ("logits", "cross_entropy", "softmax"),
    ],
)
def test_what_the_probabilities_are_called(score, loss, kind):
    from bakeoff.baseline_tf.forward import probability_kind

    assert probability_kind(score, loss) == kind
