"""Losses and class weights: numbers by hand, and PyTorch's own functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from bakeoff.core.errors import ParamsError
from bakeoff.learning.balance import ClassWeightParams, class_weights
from bakeoff.learning.losses import LossParams, check_alpha

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

TRAIN = np.array([0, 0, 0, 1])


def loss_params(value: Any) -> Any:
    return TypeAdapter(LossParams).validate_python(value)


def loss_of(value: Any, *, training: bool = True) -> Any:
    from bakeoff.training.losses import build_loss

    return build_loss(loss_params(value), TRAIN, 2, training=training)


def weights_of(value: Any, labels: np.ndarray, n_classes: int) -> np.ndarray:
    weights = class_weights(labels, n_classes, TypeAdapter(ClassWeightParams).validate_python(value))
    assert weights.dtype == np.float32
    return weights


LOGITS = [[0.0, math.log(3)]]  # softmax 1/4, 3/4; sigmoids 1/2, 3/4


@pytest.mark.parametrize(
    ("params", "soft", "expected"),
    [
        ("cross_entropy", [0.2, 0.8], -0.2 * math.log(1 / 4) - 0.8 * math.log(3 / 4)),
        ({"name": "cross_entropy", "label_smoothing": 0.2}, [0, 1], -0.1 * math.log(1 / 4) - 0.9 * math.log(3 / 4)),
        ("bce", [0.2, 0.8], (-math.log(1 / 2) - 0.8 * math.log(3 / 4) - 0.2 * math.log(1 / 4)) / 2),
        ("focal", [0, 1], (1 / 4) ** 2 * -math.log(3 / 4)),
        ({"name": "focal", "gamma": 1.0}, [0.2, 0.8], -0.2 * 3 / 4 * math.log(1 / 4) - 0.8 / 4 * math.log(3 / 4)),
        ({"name": "focal", "gamma": 0, "alpha": [0.5, 3]}, [0, 1], -3 * math.log(3 / 4)),
        ({"name": "focal", "gamma": 0.0, "alpha": "balanced"}, [0, 1], -2 * math.log(3 / 4)),  # 4 rows / 2 / 1
    ],
)
def test_losses_on_soft_and_hard_targets_by_hand(params: Any, soft: list[float], expected: float) -> None:
    loss, logits = loss_of(params), torch.tensor(LOGITS)
    assert loss(logits, torch.tensor([soft], dtype=torch.float32)).tolist() == pytest.approx([expected])
    if soft == [0, 1]:
        assert loss(logits, torch.tensor([1])).tolist() == pytest.approx([expected])
    half = loss(logits.bfloat16(), torch.tensor([1]))
    assert (half.dtype, half.shape) == (torch.float32, (1,))


def test_without_parameters_losses_are_torchs_to_the_bit() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(64, 7, generator=generator), torch.randint(7, (64,), generator=generator)
    one_hot = torch.nn.functional.one_hot(labels, 7).float()
    plain = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    binary = torch.nn.functional.binary_cross_entropy_with_logits(logits, one_hot, reduction="none").mean(dim=1)
    for training in (True, False):
        assert torch.equal(loss_of("cross_entropy", training=training)(logits, labels), plain)
        assert torch.equal(loss_of("bce", training=training)(logits, labels), binary)
    assert torch.equal(loss_of("bce")(logits, one_hot), binary)
    focal = loss_of({"name": "focal", "gamma": 0})(logits, labels)
    assert torch.allclose(focal, plain, rtol=1e-5, atol=1e-6)


def test_labels_are_smoothed_in_training_alone() -> None:
    smoothed = {"name": "cross_entropy", "label_smoothing": 0.2}
    logits, labels = torch.tensor(LOGITS), torch.tensor([1])
    assert loss_of(smoothed, training=False)(logits, labels).tolist() == pytest.approx([-math.log(3 / 4)])
    alpha = {"name": "focal", "gamma": 0, "alpha": "balanced"}
    assert torch.equal(loss_of(alpha)(logits, labels), loss_of(alpha, training=False)(logits, labels))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_focal_has_a_gradient_where_a_row_is_certain(gamma: float) -> None:
    logits = torch.tensor([[100.0, -100.0], [-100.0, 100.0]], requires_grad=True)
    losses = loss_of({"name": "focal", "gamma": gamma})(logits, torch.tensor([0, 0]))
    assert losses.tolist() == pytest.approx([0, 200], abs=1e-4)
    losses.sum().backward()
    assert logits.grad is not None
    assert logits.grad[1].tolist() == pytest.approx([-1, 1])
    assert torch.isfinite(logits.grad).all()


def test_class_weights_by_hand_with_mean_one_over_rows() -> None:
    labels = np.array([0] * 3 + [2])
    assert weights_of("none", labels, 3).tolist() == [1, 1, 1]
    # 4 rows / 2 classes / 3 rows, and / 1 row; a class without rows takes no part
    assert weights_of("balanced", labels, 3).tolist() == pytest.approx([2 / 3, 1, 2])
    # effective numbers (1 - 0.5^3) / 0.5 = 1.75 and 1: weights 4/7 and 1, whose mean over rows is (12/7 + 1) / 4
    found = weights_of({"name": "effective_number", "beta": 0.5}, labels, 3)
    assert found.tolist() == pytest.approx([16 / 19, 1, 28 / 19])
    assert found[labels].mean() == pytest.approx(1)
    assert weights_of({"name": "effective_number", "beta": 0}, labels, 3).tolist() == [1, 1, 1]
    near = weights_of({"name": "effective_number", "beta": 1 - 1e-9}, labels, 3)
    assert near == pytest.approx(weights_of("balanced", labels, 3), rel=1e-6)
    assert weights_of("effective_number", labels[:0], 2).tolist() == [1, 1]


def test_a_list_of_alphas_has_one_number_per_class() -> None:
    check_alpha(loss_params({"name": "focal", "alpha": [1, 2]}), ["a", "b"])
    check_alpha(loss_params("focal"), ["a", "b"])
    with pytest.raises(
        ParamsError, match=r"loss.alpha holds 2 numbers, but the catalogue has 3 classes; write one per"
    ):
        check_alpha(loss_params({"name": "focal", "alpha": [1, 2]}), ["a", "b", "c"])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"name": "cross_entropy", "label_smoothing": 1}, "less than 1"),
        ({"name": "focal", "gamma": -1}, "greater than or equal to 0"),
        ({"name": "focal", "alpha": [1, 0]}, "greater than 0"),
        ({"name": "focal", "alpha": "even"}, "'balanced'"),
        ({"name": "bce", "gamma": 2}, "Extra inputs are not permitted"),
    ],
)
def test_parameters_out_of_bounds_are_refused(value: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        loss_params(value)
    for beta in (1, -0.1):
        with pytest.raises(ValidationError, match="beta"):
            TypeAdapter(ClassWeightParams).validate_python({"name": "effective_number", "beta": beta})
