"""The rules that baseline and candidates share: early stopping, the best epoch, the clock, the training weights."""

from __future__ import annotations

import csv
import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest

from bakeoff.core.errors import EvaluationError, TrainingError
from bakeoff.data.predictions import read_predictions
from bakeoff.records.training import CostRecord

pytestmark = pytest.mark.tf


def history(folder):
    with (folder / "history.csv").open() as file:
        return list(csv.DictReader(file))


def validation_loss(folder, catalogue):
    return read_predictions(folder / "predictions.parquet", catalogue=catalogue).mean_losses()["validation"]


@pytest.mark.usefixtures("three_layers", "no_rendering")
def test_patience_ends_a_training_and_the_best_epochs_weights_stay(train, tmp_path, colours):
    still = {"epochs": 50, "learning_rate": 1e-12, "max_steps": None}
    record = train(tmp_path, frozen=still, early_stop_patience_epochs=2)
    assert record.stopped_early is True
    assert record.epochs_run == record.best_epoch + 2 < 50
    assert record.training["early_stop_patience_epochs"] == 2
    best = history(tmp_path)[record.best_epoch - 1]
    assert validation_loss(tmp_path, colours) == pytest.approx(float(best["validation_loss"]), rel=1e-5)


@pytest.mark.usefixtures("three_layers", "no_rendering")
def test_a_rate_that_overshoots_keeps_the_best_epoch(train, tmp_path, colours):
    wild = {"epochs": 12, "learning_rate": 5.0, "max_steps": None}
    record = train(tmp_path, pretrained="random", frozen=wild, early_stop_patience_epochs=3)
    rows = history(tmp_path)
    order = [(float(row["validation_accuracy"]), -float(row["validation_loss"])) for row in rows]
    assert record.best_epoch == order.index(max(order)) + 1
    assert record.stopped_early is (record.epochs_run < 12)
    assert validation_loss(tmp_path, colours) == pytest.approx(-max(order)[1], rel=1e-4, abs=1e-6)


@pytest.mark.usefixtures("three_layers", "no_rendering")
def test_a_schedule_that_ends_with_the_patience_did_not_stop_early(train, tmp_path):
    still = {"epochs": 50, "learning_rate": 1e-12, "max_steps": None}
    options = {"pretrained": "random", "early_stop_patience_epochs": 2}
    first = train(tmp_path / "a", frozen=still, **options)
    again = train(tmp_path / "b", frozen=still | {"epochs": first.epochs_run}, **options)
    assert (again.epochs_run, again.stopped_early) == (first.epochs_run, False)
    assert again.key != first.key


def test_the_clock_holds_epochs_and_features_alone(frozen_dir):
    cost = CostRecord.read(frozen_dir / "cost.json")
    epochs_s = sum(float(row["seconds"]) for row in history(frozen_dir))
    assert cost.feature_time_s > 0 < cost.predict_time_s
    assert cost.train_time_s == pytest.approx(epochs_s + cost.feature_time_s)


def test_a_weighted_batch_is_divided_by_the_sum_of_its_weights(colours, params):
    from bakeoff.baseline_tf.runtime import keras
    from bakeoff.baseline_tf.sequence import Batches
    from bakeoff.baseline_tf.train import _fit
    from bakeoff.core.progress import progress_bar

    rows = colours.rows("train")[:3]  # blue, green, red: 0, 1, 2
    weight = colours.products["weight"].to_numpy().copy()
    weight[rows] = [3, 1, 1]
    uneven = dataclasses.replace(colours, products=colours.products.assign(weight=weight))
    learner = keras.Sequential([keras.Input((1,)), keras.layers.Dense(3, use_bias=False)])
    learner.set_weights([np.log([[1.0, 3.0, 4.0]]).astype(np.float32)])  # softmax (1, 3, 4) / 8
    ones = np.ones((3, 1), np.float32)
    sequences = (
        Batches(uneven, rows, ones.__getitem__, batch_size=2, seed=0),  # 2 + 1: one batch
        Batches(uneven, rows, ones.__getitem__, batch_size=8),
    )
    schedule = {"epochs": 1, "learning_rate": 1e-7, "max_steps": None}
    with progress_bar() as progress:
        run = SimpleNamespace(params=params(frozen=schedule, batch_size=2))
        fitted = _fit(run, learner, sequences, lambda row: None, progress)  # type: ignore[arg-type]
    losses = [-math.log(share) for share in (1 / 8, 3 / 8, 4 / 8)]
    (row,) = fitted.rows
    assert row["train_loss"] == pytest.approx((3 * losses[0] + losses[1] + losses[2]) / 5, rel=1e-5)
    assert fitted.step_losses == [pytest.approx(row["train_loss"])]
    assert row["validation_loss"] == pytest.approx(sum(losses) / 3, rel=1e-5)  # weights are for learning alone


@pytest.mark.usefixtures("three_layers")
def test_training_and_predicting_without_memory(train, frozen_dir, colours, tmp_path, monkeypatch):
    from bakeoff.baseline_tf import forward
    from bakeoff.baseline_tf import train as trainer
    from bakeoff.baseline_tf.runtime import tf
    from bakeoff.predictors.keras_predictor import load_keras_predictor

    def exhausted(model):
        def call(images):
            raise tf.errors.ResourceExhaustedError(None, None, "failed to allocate memory")

        return call

    monkeypatch.setattr(trainer, "compile_forward", exhausted)
    monkeypatch.setattr(forward, "compile_forward", exhausted)
    words = r"^baseline_tf seed 0: frozen on cpu with 8 photos of 32 x 32 px: out of memory; lower baseline\.batch_size"
    with pytest.raises(TrainingError, match=words):
        train(tmp_path, pretrained="random")
    predictor = load_keras_predictor(frozen_dir, device="cpu", threads=1)
    with pytest.raises(
        EvaluationError, match=r"predicting 20 photos of 32 x 32 px on cpu: .* lower baseline\.image_size, or set comp"
    ):
        predictor.predict(colours.at(range(20)))
