"""Two real classifiers that each tell half of the classes, with out-of-fold answers on train."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from bakeoff.data.predictions import Predictions
from bakeoff.fusion.params import (
    BoostingParams,
    EarlyLinearParams,
    EarlyMlpParams,
    FuseParams,
    LinearParams,
    WeightedMeanParams,
)

N_CLASSES = 20
PER_CLASS = {"train": 40, "validation": 8, "test": 52}
LINEAR = LinearParams(c=1.0, max_rows=None)
BOOSTING = BoostingParams(
    library="scikit-learn", max_iter=8, learning_rate=0.2, max_leaf_nodes=4, l2_regularization=10.0, max_rows=None
)
FUSE = FuseParams(
    first=[],
    second=[],
    methods=[],
    weighted_mean=WeightedMeanParams(best_for="log_loss"),
    stacking_logistic=LINEAR,
    stacking_svm=LINEAR,
    stacking_boosting=BOOSTING,
    voting_stacking=LINEAR,
    early_linear=EarlyLinearParams(c=0.1, dropout=1.0, max_rows=None),
    early_mlp=EarlyMlpParams(hidden=[32], alpha=1.0, max_iter=60, dropout=1.0, max_rows=None),
)


def predictions(probabilities, label_ids, splits, origins) -> Predictions:
    table = pd.DataFrame({"product_id": [f"p{row}" for row in range(len(label_ids))], "split": splits})
    table["label_id"] = np.asarray(label_ids, dtype=np.int64)
    table["loss"] = np.float32(0)
    table["origin"] = origins
    probabilities = np.asarray(probabilities, dtype=np.float32)
    return Predictions(table, probabilities, [f"class {number}" for number in range(probabilities.shape[1])])


def half_told(told: range, *, out_of_fold: bool = True) -> Predictions:
    """What a logistic regression on features says that are telling for the classes `told` and are noise for others."""
    features, label_ids, splits = _features(told)
    train, model = splits == "train", LogisticRegression(max_iter=500)
    probabilities = model.fit(features[train], label_ids[train]).predict_proba(features)
    if out_of_fold:
        probabilities[train] = cross_val_predict(model, features[train], label_ids[train], method="predict_proba")
    origins = np.where(train, "out_of_fold" if out_of_fold else "in_sample", "held_out")
    return predictions(probabilities, label_ids, splits, origins)


def half_told_features(told: range) -> Predictions:
    """Those features in the place of answers, as early methods get them."""
    features, label_ids, splits = _features(told)
    held_out = ["held_out"] * len(splits)
    labels = predictions(np.zeros((len(splits), N_CLASSES)), label_ids, splits, held_out).labels
    return replace(predictions(features, label_ids, splits, held_out), labels=labels)


def _features(told: range):
    splits = np.repeat(list(PER_CLASS), np.array(list(PER_CLASS.values())) * N_CLASSES)
    label_ids = np.arange(len(splits)) % N_CLASSES
    generator = np.random.default_rng(told.start)
    means = np.where(np.isin(np.arange(N_CLASSES), told)[:, None], 6 * np.eye(N_CLASSES), 0)
    return means[label_ids] + generator.normal(size=(len(splits), N_CLASSES)), label_ids, splits


def with_labels(given: Predictions, label_ids) -> Predictions:
    return replace(given, products=given.products.assign(label_id=label_ids))


def with_probabilities(given: Predictions, probabilities) -> Predictions:
    return replace(given, probabilities=np.asarray(probabilities, dtype=np.float32))


def accuracy(given: Predictions, probabilities, split: str = "test") -> float:
    own = (given.products["split"] == split).to_numpy()
    return float((probabilities[own].argmax(axis=1) == given.products["label_id"].to_numpy()[own]).mean())


def applied(fusion, first: Predictions, second: Predictions) -> np.ndarray:
    every = np.ones(len(first.products), dtype=bool)
    return fusion.apply(first.probabilities, second.probabilities, every, every)
