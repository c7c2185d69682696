"""Predictions of candidates that share most of their mistakes, and the real evaluation of them."""

from __future__ import annotations

import atexit
import io
import shutil
import tempfile
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bakeoff.data.predictions import make_predictions, write_predictions
from bakeoff.data.store import ImageStore, StoreWriter
from bakeoff.data.table import Catalogue
from bakeoff.evaluation.params import AutomationParams, EvaluateParams
from bakeoff.evaluation.run import evaluate_candidate
from bakeoff.records.training import TrainingRecord

N_TRAIN, N_VALIDATION = 84, 42
PROMISE = AutomationParams(precision=0.9)
PARAMS = EvaluateParams(top_k=[3], n_bootstrap=100, n_bootstrap_ece=100, calibration_bins=15, automation=PROMISE)
_SHARED = 0.8
"""How much of a product's difficulty all candidates share, in [0, 1]."""


def easiest(name: str, n: int, correct: int, *, seed: int = 0) -> np.ndarray:
    """Return (n,) bool with `correct` true: the products a candidate gets right, most of them shared by all others."""
    shared = np.random.default_rng(7).random(n)
    own = np.random.default_rng(zlib.crc32(f"{name}/{seed}".encode())).random(n)
    order = np.argsort(_SHARED * shared + (1 - _SHARED) * own, kind="stable")
    right = np.zeros(n, dtype=bool)
    right[order[:correct]] = True
    return right


def make_products(n_test: int, labels: list[str], training: TrainingRecord) -> Catalogue:
    """Return a catalogue of 84 train, 42 validation and `n_test` test products, each class in turn, one grey photo."""
    tables = []
    for split, n in (("train", N_TRAIN), ("validation", N_VALIDATION), ("test", n_test)):
        ids = [f"{split}-{i:05d}" for i in range(n)]
        label_ids = (np.arange(n) % len(labels)).astype(np.int64)
        tables.append(pd.DataFrame({"product_id": ids, "split": split, "label_id": label_ids, "image": 0}))
    products = pd.concat(tables, ignore_index=True)
    return Catalogue(products.assign(group_id=np.arange(len(products))), labels, _store(), training.dataset)


@cache
def _store() -> ImageStore:
    buffer, folder = io.BytesIO(), Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    Image.new("RGB", (60, 40), "grey").save(buffer, "PNG")
    with StoreWriter(folder / "images.arrow") as store:
        store.append(buffer.getvalue())
    return ImageStore(folder / "images.arrow")


def write_predicted(
    folder: Path, catalogue: Catalogue, training: TrainingRecord, right: np.ndarray, *, avoided: int | None = None
) -> None:
    """Write training/predictions.parquet; `right` says which test products the candidate classifies rightly.

    A wrong one goes to the next class or, seldom, another.

    Args:
        folder: runs/<candidate>/seed_<seed>.
        catalogue: from `make_products`.
        training: whose candidate and seed decide on the mistakes.
        right: (n_test,) bool.
        avoided: a class that is never predicted: class 0 takes its products.
    """
    name, seed, n_labels = training.candidate, training.seed, len(catalogue.labels)
    generator = np.random.default_rng(zlib.crc32(f"{name}/{seed}/p".encode()))
    share = right.mean() if len(right) else 0.0
    parts = [
        easiest(name, N_TRAIN, N_TRAIN - int(N_TRAIN * (1 - share) / 3)),
        easiest(name, N_VALIDATION, int(N_VALIDATION * share)),
        right,
    ]
    correct, label_ids = np.concatenate(parts), catalogue.products["label_id"].to_numpy()
    n = len(correct)
    step = np.where(generator.random(n) < 0.7, 1, generator.integers(1, n_labels, n))
    predicted = np.where(correct, label_ids, (label_ids + step) % n_labels)
    if avoided is not None:
        predicted[predicted == avoided] = 0
    values = _probabilities(predicted, correct, n_labels, generator)
    losses = -np.log(np.maximum(values[np.arange(n), label_ids], 1e-12))
    predictions = make_predictions(catalogue, values.astype(np.float32), losses)
    write_predictions(predictions, folder / "training" / "predictions.parquet")


def _probabilities(predicted: np.ndarray, correct: np.ndarray, n_labels: int, generator: Any) -> np.ndarray:
    n = len(predicted)
    top = np.where(correct, generator.uniform(0.6, 0.995, n), generator.uniform(0.51, 0.85, n))
    rest = generator.dirichlet(np.ones(n_labels), n)
    rest[np.arange(n), predicted] = 0
    rest *= ((1 - top) / rest.sum(axis=1))[:, None]
    rest[np.arange(n), predicted] = top
    return rest


def evaluate(folder: Path, catalogue: Catalogue, *, drawn: bool = False) -> None:
    """Evaluate a candidate for real; without its pictures, which take most of the time, unless they are wanted."""
    with pytest.MonkeyPatch.context() as patch:
        if not drawn:
            patch.setattr("bakeoff.evaluation.run._draw", lambda *_, **__: None)
        evaluate_candidate(folder / "training", catalogue, folder / "evaluation", params=PARAMS)
