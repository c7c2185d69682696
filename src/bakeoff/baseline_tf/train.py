"""How the baseline learns: frozen (a head on cached features), finetune (every weight), or not at all (as_is)."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from bakeoff.baseline_tf import model
from bakeoff.baseline_tf.callbacks import EpochRecorder
from bakeoff.baseline_tf.forward import compile_forward, probability_kind, row_losses, to_probabilities
from bakeoff.baseline_tf.initial import fetched_class_names, fetched_file, initial_backbone, load_earlier_model
from bakeoff.baseline_tf.record import MODEL_FILE, BaselineRun
from bakeoff.baseline_tf.runtime import keras, peak_memory_mib, start
from bakeoff.baseline_tf.sequence import Batches, Preprocessing
from bakeoff.core.errors import EvaluationError, TrainingError
from bakeoff.core.machine import ComputeParams
from bakeoff.core.progress import progress_bar
from bakeoff.data.batching import PREDICT_BATCH
from bakeoff.data.predictions import Predictions, make_predictions
from bakeoff.data.table import Catalogue
from bakeoff.data.transforms import read_pixels
from bakeoff.learning.history import History, OnEpoch
from bakeoff.learning.key import now_utc
from bakeoff.learning.out_of_memory import inputs_in_words, out_of_memory_in_words
from bakeoff.learning.outputs import Outcome, size_mib
from bakeoff.learning.params import BaselineParams
from bakeoff.records.training import TrainingRecord
from bakeoff.records.weights import read_record

_REMEDIES = "lower baseline.batch_size or baseline.image_size"


@dataclass(frozen=True)
class Trained:
    """A model and how it came about."""

    model: Any
    image_size: int
    history: History
    feature_time_s: float = 0.0  # what computing the cached features took


def prepare_run(
    params: BaselineParams, *, catalogue: Catalogue, weights_dir: Path, seed: int, compute: ComputeParams
) -> BaselineRun:
    """Return a training ready to start, with device, threads, determinism and seeds set.

    A SetupError where the device is not there, a WeightsError where weights/baseline_tf has no record, a TrainingError
    where the train or the validation split is empty.
    """
    for split in ("train", "validation"):
        if not len(catalogue.rows(split)):
            raise TrainingError(f"the {split} split has no product; run `dvc repro split` or add products.")
    device = start(device=compute.device, threads=compute.threads)
    keras.utils.set_random_seed(seed)
    return BaselineRun(params, catalogue, seed, device, weights_dir, read_record(weights_dir))


def train_baseline(
    run: BaselineRun, out_dir: Path, *, on_epoch: OnEpoch = lambda row: None, cache_features: bool = True
) -> TrainingRecord:
    """Train (or, `as_is`, take over) the baseline, predict every product, write the training folder, last figures/.

    `on_epoch` is told each history row. In frozen mode the backbone's features are computed once; without
    `cache_features` it runs at every step, with the same result. training.json's content comes back.

    A WeightsError where a weights file is missing or foreign, a DataError where the earlier model's classes are not the
    catalogue's, a TrainingError where the loss is no number any more or the device's memory does not suffice, an
    EvaluationError where the network's scores are no numbers.
    """
    params, started_at = run.params, now_utc()
    batch = inputs_in_words((params.batch_size, 3, params.image_size, params.image_size))
    doing = f"{run.header.title}: {params.mode} on {run.device.kind} with {batch}"
    with progress_bar() as progress, out_of_memory_in_words(TrainingError, doing, remedies=_REMEDIES):
        trained = (
            _take_over(run, progress) if params.mode == "as_is" else _train(run, on_epoch, progress, cache_features)
        )
        predict_start = time.perf_counter()
        predictions = _predict(run, trained, progress)
        predict_time_s = time.perf_counter() - predict_start
    out_dir.mkdir(parents=True, exist_ok=True)
    trained.model.save(out_dir / MODEL_FILE)
    peak_mib = round(peak_memory_mib(run.device), 1)
    cost = {"started_at": started_at, "feature_time_s": trained.feature_time_s, "predict_time_s": predict_time_s}
    cost |= {"train_memory_mib": peak_mib, "train_resident_mib": peak_mib}
    outcome = Outcome(run.header, run.catalogue, trained.history, predictions)
    used = Preprocessing(image_size=trained.image_size)
    values = outcome.write(out_dir, network=_network(run, trained), cost=cost, used=used)
    if values.not_learned:
        sys.stderr.write(f"bakeoff: WARNING: baseline_tf DID NOT LEARN: {values.not_learned}.\n")
    return values


def _predict(run: BaselineRun, trained: Trained, progress: Progress) -> Predictions:
    """Return what the network in memory says of every product."""
    network, score = model.score_model(trained.model)
    rows = np.arange(len(run.catalogue.products))
    scores = _forward_with_bar(run, network, rows, progress, "predictions", batch_size=PREDICT_BATCH)
    if not np.isfinite(scores).all():
        raise EvaluationError("baseline_tf gives scores that are no numbers; train it at a lower learning rate.")
    return make_predictions(
        run.catalogue,
        to_probabilities(scores, score=score, kind=probability_kind(score, run.params.loss)),
        row_losses(scores, run.catalogue.label_ids(rows), score=score, loss=run.params.loss),
        learnt_from=None if run.params.mode == "as_is" else "train",
    )


def _train(run: BaselineRun, on_epoch: OnEpoch, progress: Progress, cache: bool) -> Trained:
    """Return the classifier trained in frozen or finetune mode, with its best epoch's weights."""
    params = run.params
    backbone = initial_backbone(params, weights_dir=run.weights_dir, record=run.weights)
    if params.mode == "frozen":
        model.freeze(backbone)
    classifier = model.build_classifier(
        backbone, n_classes=len(run.catalogue.labels), loss=params.loss, dropout=params.dropout, seed=run.seed
    )
    features, feature_time_s, learner = None, 0.0, model.logits_model(classifier)
    if params.mode == "frozen" and cache:
        started_s, learner = time.perf_counter(), model.build_head(classifier)
        rows = np.concatenate([run.catalogue.rows("train"), run.catalogue.rows("validation")])
        features = _forward_with_bar(run, backbone, rows, progress, "features of the backbone")
        feature_time_s = time.perf_counter() - started_s
    history = _fit(run, learner, _sequences(run, features), on_epoch, progress)
    return Trained(classifier, params.image_size, history, feature_time_s)


def _fit(
    run: BaselineRun, learner: Any, sequences: tuple[Batches, Batches], on_epoch: OnEpoch, progress: Progress
) -> History:
    """Train `learner` (inputs to logits), leave it with its best epoch's weights and return how it went."""
    schedule = run.params.frozen if run.params.mode == "frozen" else run.params.finetune
    losses = {"cross_entropy": keras.losses.CategoricalCrossentropy, "bce": keras.losses.BinaryCrossentropy}
    learner.compile(
        optimizer=keras.optimizers.AdamW(schedule.learning_rate, weight_decay=run.params.optimizer.weight_decay),
        # Keras' default divides a weighted batch by its rows; the candidates divide by the sum of the weights
        loss=losses[run.params.loss](from_logits=True, reduction="mean_with_sample_weight"),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    train, validation = sequences
    history = History(schedule, len(train), run.params.early_stop_patience_epochs)
    recorder = EpochRecorder(sequences, history, on_epoch=on_epoch, progress=progress)
    learner.fit(
        train, validation_data=validation, epochs=schedule.epochs, shuffle=False, verbose=0, callbacks=[recorder]
    )
    return history


def _sequences(run: BaselineRun, features: np.ndarray | None) -> tuple[Batches, Batches]:
    """Return both splits: their photos, or the pooled features (N, D) of train and validation where there are some."""
    train, validation = run.catalogue.rows("train"), run.catalogue.rows("validation")
    preprocessing, size = Preprocessing(image_size=run.params.image_size), run.params.batch_size

    def photos_at(positions: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        return lambda chosen: read_pixels(run.catalogue.at(positions[chosen]), preprocessing).astype(np.float32)

    inputs = [photos_at(train), photos_at(validation)]
    if features is not None:
        inputs = [part.__getitem__ for part in np.split(features, [len(train)])]
    return (
        Batches(run.catalogue, train, inputs[0], batch_size=size, seed=run.seed),
        Batches(run.catalogue, validation, inputs[1], batch_size=size),
    )


def _forward_with_bar(
    run: BaselineRun, net: Any, positions: np.ndarray, progress: Progress, title: str, *, batch_size: int | None = None
) -> np.ndarray:
    """Return the outputs of `net` for products, (N, …) float32, `batch_size` (None = the training's) at a time."""
    preprocessing = Preprocessing(image_size=net.input_shape[1] or run.params.image_size)
    task = progress.add_task(title, total=len(positions))
    parts = []
    forward = compile_forward(net)
    size = batch_size or run.params.batch_size
    for start_row in range(0, len(positions), size):
        pixels = read_pixels(run.catalogue.at(positions[start_row : start_row + size]), preprocessing)
        parts.append(forward(pixels.astype(np.float32)))
        progress.advance(task, len(pixels))
    return np.concatenate(parts)


def _take_over(run: BaselineRun, progress: Progress) -> Trained:
    """Return the earlier project's model as it is, with its accuracy on the validation split."""
    earlier = load_earlier_model(
        run.params,
        weights_file=fetched_file(run.params, weights_dir=run.weights_dir, record=run.weights),
        class_names=fetched_class_names(weights_dir=run.weights_dir, record=run.weights),
        labels=run.catalogue.labels,
    )
    rows = run.catalogue.rows("validation")
    scores = _forward_with_bar(run, earlier, rows, progress, "validation by the earlier model")
    accuracy = float(np.mean(scores.argmax(axis=1) == run.catalogue.label_ids(rows)))
    image_size = earlier.input_shape[1] or run.params.image_size
    history = History(run.params.frozen, 0, None, best={"epoch": 0, "validation_accuracy": accuracy})
    return Trained(earlier, image_size, history)


def _network(run: BaselineRun, trained: Trained) -> dict[str, Any]:
    """Return what training.json says of the network."""
    _, score = model.score_model(trained.model)
    n_trainable = 0 if run.params.mode == "as_is" else model.count_parameters(trained.model, trainable_only=True)
    return {
        "n_parameters": model.count_parameters(trained.model),
        "n_trainable": n_trainable,
        "n_features": model.N_FEATURES,
        "size_mib": size_mib(weight.shape for weight in trained.model.weights),
        "score": score,
        "probabilities": probability_kind(score, run.params.loss),
        "preprocessing": Preprocessing(image_size=trained.image_size).recorded(),
    }
