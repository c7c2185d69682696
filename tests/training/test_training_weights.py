"""`products.weight` in the loss: sum of weight times loss over the sum of the weights, in training alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.core.errors import DataError
from bakeoff.data.table import Catalogue
from bakeoff.records.training import TrainingRecord
from training.conftest import recipe

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


@pytest.fixture
def learn() -> Callable[..., Any]:
    """Return a trainer of one linear layer from one feature of 1 to two classes, logits (0, log 3) at the start."""
    from bakeoff.training.data import ArrayBatches, LoaderOptions
    from bakeoff.training.loop import LoopOptions, train_module
    from bakeoff.training.losses import cross_entropy

    def train(labels: list[int], weights: list[float], *, epochs: int = 1) -> tuple[Any, Any]:
        module = torch.nn.Linear(1, 2, bias=False)
        module.weight.data = torch.tensor([[0.0], [math.log(3)]])
        options = LoopOptions(
            recipe(epochs=epochs, learning_rate=0.1), torch.device("cpu"), loss=cross_entropy, judge=cross_entropy
        )
        loader = LoaderOptions(len(labels), seed=0)
        ones, classes = np.ones((len(labels), 1), dtype=np.float32), np.array(labels)
        train = ArrayBatches([ones], classes, loader, np.array(weights, dtype=np.float32))
        heavy = np.array([1000.0, 1.0], dtype=np.float32)
        validation = ArrayBatches([ones[:2]], np.array([1, 0]), LoaderOptions(2, 0), heavy)
        return train_module(module, train=train, validation=validation, options=options), module

    return train


def test_the_loop_divides_by_the_sum_of_the_weights(learn: Callable[..., Any]) -> None:
    result, _ = learn([1, 0], [3.0, 1.0])
    assert result.rows[0]["train_loss"] == pytest.approx((3 * -math.log(3 / 4) + -math.log(1 / 4)) / 4)
    # validation ignores weights: the mean of both losses after the step, near the start's
    assert result.rows[0]["validation_loss"] == pytest.approx((-math.log(3 / 4) - math.log(1 / 4)) / 2, abs=0.1)
    assert result.rows[0]["train_accuracy"] == 0.5  # of rows, not of weights


def test_a_weight_of_two_is_the_row_twice(learn: Callable[..., Any]) -> None:
    weighted, left = learn([1, 0], [2.0, 1.0], epochs=5)
    doubled, right = learn([1, 0, 1], [1.0, 1.0, 1.0], epochs=5)
    torch.testing.assert_close(left.weight, right.weight)
    assert weighted.rows[-1]["train_loss"] == pytest.approx(doubled.rows[-1]["train_loss"])


def test_weights_that_are_no_positive_numbers_are_refused(catalogue: Catalogue) -> None:
    assert catalogue.weights([0, 1]).tolist() == [1.0, 1.0]
    for wrong in (0.0, -1.0, math.nan, math.inf):
        catalogue.products["weight"] = np.float32(1)
        catalogue.products.loc[3, "weight"] = np.float32(wrong)
        with pytest.raises(DataError, match=r"weight of 1 products is not a positive number .* first p3: "):
            catalogue.weights(np.arange(5))


@pytest.mark.slow
@pytest.mark.parametrize("augment", ["none", "flip"])
def test_weights_change_the_training_and_its_key(
    augment: str, catalogue: Catalogue, weights_dir: Path, make_request: Callable[..., Any], tmp_path: Path
) -> None:
    from bakeoff.training.plan import plan_training
    from bakeoff.training.run import train_candidate

    def train(name: str) -> TrainingRecord:
        plan = plan_training(make_request(augment=augment), catalogue, weights_dir=weights_dir)
        return train_candidate(plan, tmp_path / name)

    alike = train("alike")
    catalogue.products["weight"] = np.where(catalogue.products["label_id"] == 0, 9, 1).astype(np.float32)
    uneven = train("uneven")
    assert alike.key != uneven.key
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("alike", "uneven")]
    assert files[0] != files[1]
