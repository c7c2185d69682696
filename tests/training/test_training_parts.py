"""Losses, order, augmentation, history and keys: numbers by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bakeoff.core.errors import TrainingError
from bakeoff.data.table import Catalogue
from training.conftest import recipe

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def test_losses_by_hand() -> None:
    from bakeoff.training.losses import bce, cross_entropy

    logits = torch.tensor([[0.0, math.log(3)]])
    assert cross_entropy(logits, torch.tensor([1])).tolist() == pytest.approx([-math.log(0.75)])
    # sigmoids 1/2 and 3/4; target (0, 1): mean of -log(1/2) and -log(3/4)
    assert bce(logits, torch.tensor([1])).tolist() == pytest.approx([(-math.log(0.5) - math.log(0.75)) / 2])


def test_probabilities_by_hand_and_where_sigmoids_underflow() -> None:
    from bakeoff.training.losses import probabilities

    logits = torch.tensor([[0.0, math.log(3)]])
    assert probabilities(logits, "softmax")[0].tolist() == pytest.approx([0.25, 0.75])
    assert probabilities(logits, "sigmoid_normalised")[0].tolist() == pytest.approx([0.4, 0.6])  # 1/2, 3/4 by their sum
    low = torch.tensor([[-300.0, -300.0]])
    assert probabilities(low, "sigmoid_normalised")[0].tolist() == pytest.approx([0.5, 0.5])


_KINDS = {"cross_entropy": "softmax", "bce": "sigmoid_normalised", "focal": "softmax"}


@pytest.mark.parametrize(("name", "kind"), _KINDS.items())
def test_every_loss_of_params_has_its_formula_and_its_probabilities(name: str, kind: str) -> None:
    from bakeoff.training import losses

    params = recipe(loss=name).loss
    assert (params.name, params.probabilities) == (name, kind)
    assert losses.LOSSES[params.name] is getattr(losses, name)
    assert recipe(loss={"name": name}).loss == params
    assert set(losses.LOSSES) == set(_KINDS)


def test_unknown_loss_augmentation_and_device_list_the_legal_ones() -> None:
    from bakeoff.training.device import resolve_device

    with pytest.raises(
        ValidationError, match=r"'hinge' found using 'name' does not match .* 'cross_entropy', 'bce', 'focal'"
    ):
        recipe(loss="hinge")
    with pytest.raises(ValidationError, match=r"'rotate' found using 'name' does not match .* 'none', 'flip'"):
        recipe(augment="rotate")
    with pytest.raises(TrainingError, match=r"compute.device is 'tpu', but .* choose one of these or auto"):
        resolve_device("tpu")


def test_batches_cover_every_row_once_and_never_end_in_one() -> None:
    from bakeoff.data.batching import split_batches

    assert split_batches(np.arange(7), 3) == [[0, 1, 2], [3, 4, 5, 6]]
    assert split_batches(np.arange(8), 3) == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert split_batches(np.arange(1), 3) == [[0]]


def test_the_best_epoch_wins_by_accuracy_then_by_loss_then_by_being_first() -> None:
    from bakeoff.learning.history import History
    from bakeoff.records.recipe import ScheduleParams

    history = History(ScheduleParams(epochs=6, learning_rate=0.1, max_steps=None), n_batches=2, patience_epochs=2)
    outcomes = [(0.5, 1.0), (0.7, 0.9), (0.7, 0.8), (0.7, 0.8), (0.6, 0.1)]
    better, over = [], []
    for accuracy, loss in outcomes:
        history.step_losses += [2.0, 1.0]
        better.append(history.add_epoch([3, 1], validation_accuracy=accuracy, validation_loss=loss))
        over.append(history.is_over)
    assert history.best is not None
    assert history.best["epoch"] == 3
    assert better == [True, True, True, False, False]
    assert over == [False, False, False, False, True]  # two epochs after the best one
    assert history.stopped_early
    assert history.rows[-1]["step"] == 10 < history.total_steps == 12
    assert history.rows[-1]["train_loss"] == 1.75  # by the steps' weights 3 and 1


def test_a_run_that_does_not_learn_is_told_so() -> None:
    from bakeoff.learning.history import majority_share, why_not_learned

    train, validation = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
    assert majority_share(train, validation) == 0.5

    def why(accuracy: float, *losses: float, predicted: list[int], labels: list[int] | None = None) -> str | None:
        classes = np.array([0, 0, 1, 1] if labels is None else labels)
        return why_not_learned(accuracy, 0.5, losses, labels=classes, predicted=np.array(predicted))

    assert "0.500 is not above the majority class's 0.500" in str(why(0.5, 2, 0.5, predicted=[0, 0, 1, 1]))
    assert why(0.75, 2, 0.5, predicted=[0, 0, 1, 1]) is None
    assert why(0.75, 0.1, 0.1, 0.2, 0.2, predicted=[0, 0, 1, 1]) is None  # starts low, and its loss rises
    assert why(0.75, 2, math.nan, predicted=[0, 0, 1, 1]) == "its loss is not a number"
    assert why(0.75, math.inf, predicted=[0, 0, 1, 1]) == "its loss is not a number"
    # of 0, 1 and 2 (class 3 is not on validation) 2 is never predicted; of four classes one is less than a third
    three, four = [0, 0, 0, 1, 1, 1, 2, 2, 2], [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    lost = "it never predicts 1 of the 3 classes with 3 or more validation products"
    assert why(0.75, 1, predicted=[0, 0, 0, 0, 0, 0, 1, 1, 3], labels=three) == lost
    assert why(0.75, 1, predicted=[0, 0, 0, 0, 0, 0, 1, 1, 2], labels=three) is None
    assert why(0.75, 1, predicted=[0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2], labels=four) is None
    assert why(0.75, 1, predicted=[0, 0, 0, 0, 0, 0, 1, 1], labels=three[:8]) is None  # two products of 2 tell nothing


@pytest.mark.parametrize(("select", "best", "stopped"), [("accuracy", 2, True), ("loss", 3, False), ("last", 4, False)])
def test_the_best_epoch_is_what_select_says(select: Any, best: int, stopped: bool) -> None:
    from bakeoff.learning.history import History
    from bakeoff.records.recipe import ScheduleParams

    schedule = ScheduleParams(epochs=9, learning_rate=0.1, max_steps=None)
    history = History(schedule, n_batches=1, patience_epochs=2, select=select)
    for accuracy, loss in [(0.5, math.nan), (0.9, 0.8), (0.7, 0.3), (0.6, 0.3)]:
        history.step_losses.append(1.0)
        history.add_epoch([1], validation_accuracy=accuracy, validation_loss=loss)
    assert history.best is not None
    assert history.best["epoch"] == best
    assert history.out_of_patience == stopped


def test_a_tie_goes_to_the_other_measure_and_a_loss_that_is_not_a_number_loses_it() -> None:
    from bakeoff.learning.history import History
    from bakeoff.records.recipe import ScheduleParams

    schedule = ScheduleParams(epochs=9, learning_rate=0.1, max_steps=None)
    for select, outcomes in {
        "accuracy": [(0.5, math.nan), (0.5, 9.0), (0.5, math.nan)],
        "loss": [(0.4, 1.0), (0.5, 1.0), (0.6, math.nan)],
    }.items():
        history = History(schedule, n_batches=1, patience_epochs=None, select=select)  # type: ignore[arg-type]
        for accuracy, loss in outcomes:
            history.step_losses.append(1.0)
            history.add_epoch([1], validation_accuracy=accuracy, validation_loss=loss)
        assert history.best is not None
        assert history.best["epoch"] == 2


def test_tensor_and_photo_batches_agree(catalogue: Catalogue, make_request: Callable[..., Any]) -> None:
    from bakeoff.training.data import ArrayBatches, LoaderOptions, PhotoBatches, PhotoDataset

    rows = catalogue.rows("train")
    dataset = PhotoDataset(catalogue, rows, make_request().settings.preprocessing)
    photos = PhotoBatches(dataset, LoaderOptions(5, seed=3))
    stacked = torch.stack([dataset[2, i][0] for i in range(len(rows))]).numpy()
    tensors = ArrayBatches([stacked], catalogue.label_ids(rows), photos.options)
    assert len(photos) == len(tensors)
    for left_batch, right_batch in zip(photos.shuffled(2), tensors.shuffled(2), strict=True):
        (left, left_labels, left_weights, _), (right, right_labels, right_weights, _) = left_batch, right_batch
        assert torch.equal(left, right)
        assert left_weights.tolist() == right_weights.tolist() == [1.0] * len(left)
        assert left_labels.tolist() == right_labels.tolist()


def test_loader_processes_change_nothing(catalogue: Catalogue, make_request: Callable[..., Any]) -> None:
    from bakeoff.training.data import LoaderOptions, PhotoBatches, PhotoDataset

    dataset = PhotoDataset(catalogue, catalogue.rows("train"), make_request().settings.preprocessing)
    alone, helped = (PhotoBatches(dataset, LoaderOptions(5, seed=3, workers=n)) for n in (0, 2))
    before = torch.get_rng_state()
    for (left, *_), (right, *_) in zip(alone.shuffled(1), helped.shuffled(1), strict=True):
        assert torch.equal(left, right)
    assert torch.equal(before, torch.get_rng_state())  # dropout's numbers do not depend on the loader


def test_without_shared_memory_photos_are_loaded_in_this_process(tmp_path: Path, capsys: Any) -> None:
    from bakeoff.training.data import _loader_workers

    for place in (str(tmp_path), str(tmp_path / "missing")):
        assert _loader_workers(2, 2**60, shared=place) == 0
        assert "is too small for 2 loader processes; photos are loaded in this one" in capsys.readouterr().err
        assert _loader_workers(0, 2**60, shared=place) == 0
    assert _loader_workers(2, 1, shared=str(tmp_path)) == 2
    assert capsys.readouterr().err == ""


def test_the_key_follows_what_determines_the_result(
    catalogue: Catalogue, weights_dir: Path, make_request: Callable[..., Any]
) -> None:
    from bakeoff.training.plan import plan_training

    def key(**changes: Any) -> str:
        return plan_training(make_request(**changes), catalogue, weights_dir=weights_dir).header.key

    assert key() == key() == key(workers=2)
    changed = {key(seed=1), key(mode="finetune"), key(loss="bce"), key(epochs=9), key(batch_size=5)}
    assert len(changed | {key()}) == 6


@pytest.mark.parametrize(
    ("losses", "patience", "expected"),
    [
        ([9.0] * 6 + [0.5, 0.3, 0.2, 0.5], None, True),  # means of two epochs: 0.4 and 0.35
        ([9.0] * 6 + [0.5, 0.3, 0.2, 0.59], None, False),  # 1.25 % of 0.4
        ([9.0] * 5 + [4.0, 3.0, 2.0, 1.0], None, False),  # fewer than ten epochs say nothing
        ([0.5] * 6 + [0.9, 0.8, 0.7, 0.6], 4, False),  # patience has seen no better epoch
        ([9.0] * 6 + [0.5, 0.3, 0.2, math.nan], None, False),
    ],
)
def test_a_loss_that_falls_at_the_end_is_still_improving(
    losses: list[float], patience: int | None, expected: bool
) -> None:
    from bakeoff.learning.history import History
    from bakeoff.records.recipe import ScheduleParams

    schedule = ScheduleParams(epochs=len(losses), learning_rate=0.1, max_steps=None)
    history = History(schedule, n_batches=1, patience_epochs=patience, select="loss")
    for loss in losses:
        history.step_losses.append(1.0)
        history.add_epoch([1], validation_accuracy=0.5, validation_loss=loss)
    assert history.still_improving is expected
