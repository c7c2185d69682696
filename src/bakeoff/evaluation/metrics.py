"""How good a candidate is, from its probabilities alone; train, validation and test side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, f1_score, log_loss, precision_recall_fscore_support

from bakeoff.catalogue.table import SPLITS, Catalogue
from bakeoff.errors import EvaluationError
from bakeoff.evaluation.predictions import Predictions
from bakeoff.evaluation.predictor import Predictor

UNDEFINED: Any = 0
"""Precision, recall and F1 where nothing was predicted or nothing is there; `Any`: scikit-learn's stubs say str."""


def predicted_classes(probabilities: np.ndarray) -> np.ndarray:
    """Return the most probable class of each row, (N,) int64; the lower index wins a tie."""
    return probabilities.argmax(axis=1).astype(np.int64)


def split_metrics(label_ids: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Return n, accuracy, macro_f1, weighted_f1 and log_loss of one split.

    Macro F1 is scikit-learn's: the mean over classes that occur among the true or the predicted ones, so that a class
    absent from a small split costs nothing. log_loss is the mean of -ln p(true class) in float64, the same for all.

    Args:
        label_ids: (N,) int64 below K, the true classes.
        probabilities: (N, K) float32, rows sum to 1.

    Raises:
        EvaluationError: the split is empty.
    """
    if len(label_ids) == 0:
        raise EvaluationError(
            "a split without products has no metrics; check `split` in params.yaml and run `dvc repro`."
        )
    predicted = predicted_classes(probabilities)
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    classes = np.arange(probabilities.shape[1])
    loss = log_loss(label_ids, exact, labels=classes) if len(classes) > 1 else 0.0
    return {
        "n": len(label_ids),
        "accuracy": float(accuracy_score(label_ids, predicted)),
        "macro_f1": float(f1_score(label_ids, predicted, average="macro", zero_division=UNDEFINED)),
        "weighted_f1": float(f1_score(label_ids, predicted, average="weighted", zero_division=UNDEFINED)),
        "log_loss": float(loss),
    }


def per_class_metrics(
    label_ids: np.ndarray, predicted: np.ndarray, labels: list[str]
) -> dict[str, dict[str, float | int]]:
    """Return precision, recall, f1 and support of each of the K labels; 0 where undefined (see its support).

    Args:
        label_ids: (N,) int64, the true classes.
        predicted: (N,) int64, the predicted ones.
        labels: K names.
    """
    scores = precision_recall_fscore_support(
        label_ids, predicted, labels=np.arange(len(labels)), zero_division=UNDEFINED
    )
    columns = [np.asarray(column).tolist() for column in scores]
    return {
        label: {"precision": precision, "recall": recall, "f1": f1, "support": int(support)}
        for label, precision, recall, f1, support in zip(labels, *columns, strict=True)
    }


def all_metrics(predictions: Predictions, training_losses: dict[str, float]) -> dict[str, object]:
    """Return `splits` (each split's metrics and training loss) and `per_class` (test), as metrics.json holds them."""
    splits = {}
    for name in SPLITS:
        label_ids, probabilities = predictions.split(name)
        splits[name] = {**split_metrics(label_ids, probabilities), "training_loss": training_losses[name]}
    label_ids, probabilities = predictions.split("test")
    per_class = per_class_metrics(label_ids, predicted_classes(probabilities), predictions.labels)
    return {"splits": splits, "per_class": per_class}


def training_losses(predictor: Predictor, predictions: Predictions, catalogue: Catalogue) -> dict[str, float]:
    """Return the candidate's own training loss on each split.

    For cross-entropy on a softmax that *is* the log loss, so no second pass over the photos is paid for; normalised
    sigmoids do not determine their BCE, which the predictor then computes.
    """
    if predictor.loss_name == "cross_entropy" and predictor.probability_kind in ("softmax", "as_is"):
        return {name: split_metrics(*predictions.split(name))["log_loss"] for name in SPLITS}
    return {name: float(predictor.training_loss(catalogue.rows(name).tolist())) for name in SPLITS}
