"""What `evaluate` leaves of a fake candidate: real predictions, and the records that follow from them."""

from __future__ import annotations

import json
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import metrics as sk

from bakeoff.data.predictions import Predictions, write_predictions
from bakeoff.statistics.wilson import wilson_interval

N_TRAIN, N_VALIDATION = 84, 42
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


def predictions_of(name: str, right: np.ndarray, labels: list[str], *, seed: int = 0) -> Predictions:
    """Return predictions over 84 train, 42 validation and len(right) test products; `right` says which test ones are.

    Class i % K is product i's, so every class has its share; a wrong one goes to the next class or, seldom, another.
    """
    generator = np.random.default_rng(zlib.crc32(f"{name}/{seed}/p".encode()))
    share = right.mean() if len(right) else 0.0
    parts = [
        ("train", easiest(name, N_TRAIN, N_TRAIN - int(N_TRAIN * (1 - share) / 3))),
        ("validation", easiest(name, N_VALIDATION, int(N_VALIDATION * share))),
        ("test", right),
    ]
    tables, rows = [], []
    for split, correct in parts:
        n = len(correct)
        label_ids = np.arange(n) % len(labels)
        step = np.where(generator.random(n) < 0.7, 1, generator.integers(1, len(labels), n)) if len(labels) > 1 else 0
        predicted = np.where(correct, label_ids, (label_ids + step) % len(labels))
        ids = [f"{split}-{i:05d}" for i in range(n)]
        tables.append(pd.DataFrame({"product_id": ids, "split": split, "label_id": label_ids.astype(np.int64)}))
        rows.append(_probabilities(predicted, correct, len(labels), generator))
    return Predictions(pd.concat(tables, ignore_index=True), np.concatenate(rows).astype(np.float32), labels)


def _probabilities(predicted: np.ndarray, correct: np.ndarray, n_labels: int, generator: Any) -> np.ndarray:
    n = len(predicted)
    top = np.where(correct, generator.uniform(0.6, 0.995, n), generator.uniform(0.51, 0.85, n))
    rest = generator.dirichlet(np.ones(n_labels), n)
    rest[np.arange(n), predicted] = 0
    rest *= ((1 - top) / rest.sum(axis=1))[:, None]
    rest[np.arange(n), predicted] = top
    return rest


def split_record(label_ids: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    """Return one split's metrics, named as metrics.json names them; the tests write the same splits again and again."""
    return dict(_split_record(label_ids.tobytes(), probabilities.tobytes(), probabilities.shape[1]))


@cache
def _split_record(label_bytes: bytes, probability_bytes: bytes, n_labels: int) -> dict[str, Any]:
    label_ids = np.frombuffer(label_bytes, dtype=np.int64)
    probabilities = np.frombuffer(probability_bytes, dtype=np.float32).reshape(-1, n_labels)
    predicted = probabilities.argmax(axis=1)
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    classes = np.arange(exact.shape[1])
    one_hot = np.eye(len(classes))[label_ids]
    record: dict[str, Any] = {
        "n": len(label_ids),
        "accuracy": float((label_ids == predicted).mean()),
        "balanced_accuracy": float(sk.balanced_accuracy_score(label_ids, predicted)),
        "log_loss": float(-np.log(np.maximum(exact[np.arange(len(label_ids)), label_ids], 1e-12)).mean()),
        "brier": float(((exact - one_hot) ** 2).sum(axis=1).mean()),
        "matthews": float(sk.matthews_corrcoef(label_ids, predicted)),
        "cohen_kappa": float(sk.cohen_kappa_score(label_ids, predicted)),
        "roc_auc": float(sk.roc_auc_score(one_hot, exact, average="macro")),
        "pr_auc": float(sk.average_precision_score(one_hot, exact, average="macro")),
        "ece": float(abs(exact.max(axis=1).mean() - (label_ids == predicted).mean())),
        "training_loss": 0.4,
    }
    for k in (3, 5):
        if len(classes) > k:
            record[f"top_{k}_accuracy"] = float(sk.top_k_accuracy_score(label_ids, exact, k=k, labels=classes))
    for average in ("macro", "weighted"):
        values = sk.precision_recall_fscore_support(label_ids, predicted, average=average, zero_division=0)  # type: ignore[arg-type]
        record |= {f"{average}_{kind}": float(values[i]) for i, kind in enumerate(("precision", "recall", "f1"))}
    return record


def write_evaluation(
    folder: Path, predictions: Predictions, *, header: dict[str, Any], speed: dict[str, Any], temperature: float = 1.2
) -> None:
    """Write evaluation/ as the stage leaves it: predictions, metrics, calibration, confusions and throughput."""
    inside = folder / "evaluation"
    write_predictions(predictions, inside / "predictions.parquet")
    splits = {name: split_record(*predictions.split(name)) for name in ("train", "validation", "test")}
    test, train = splits["test"], splits["train"]
    gap = train["accuracy"] - test["accuracy"]
    record = {
        **header,
        "probabilities": "softmax",
        "training_loss_name": "cross_entropy",
        "splits": splits,
        "intervals": {"test": {name: _interval(name, value, test["n"]) for name, value in test.items() if name != "n"}},
        "overfitting": {
            "accuracy_gap": gap,
            "log_loss_gap": test["log_loss"] - train["log_loss"],
            "overfits": gap > 0.1,
            "rule": "train accuracy - test accuracy > 0.1",
        },
        "per_class": _per_class(predictions),
    }
    write_json(inside / "metrics.json", record)
    write_json(inside / "calibration.json", _calibration(predictions, temperature))
    write_json(inside / "confusions.json", _confusions(predictions))
    write_json(inside / "throughput.json", speed)


def write_json(path: Path, values: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")


def _interval(name: str, value: float, n: int) -> dict[str, Any]:
    if name == "accuracy":
        low, high = wilson_interval(value, n)
        return {"low": low, "high": high, "level": 0.95, "method": "wilson", "n_resamples": None}
    low, high = max(0.0, value - 0.07), min(1.0, value + 0.06)
    return {"low": low, "high": high, "level": 0.95, "method": "bootstrap_confusion", "n_resamples": 10000}


def _per_class(predictions: Predictions) -> dict[str, Any]:
    label_ids, probabilities = predictions.split("test")
    scores = sk.precision_recall_fscore_support(
        label_ids, probabilities.argmax(axis=1), labels=np.arange(len(predictions.labels)), zero_division=0
    )
    rows = {}
    for i, label in enumerate(predictions.labels):
        precision, recall, f1, support = (float(column[i]) for column in map(np.asarray, scores))
        ranges = {"f1_low": max(0.0, f1 - 0.2), "f1_high": min(1.0, f1 + 0.1)}
        ranges |= {"recall_low": max(0.0, recall - 0.2), "recall_high": min(1.0, recall + 0.1)}
        known = {"precision": precision, "recall": recall, "f1": f1, "support": int(support)}
        rows[label] = {**known, "roc_auc": 0.97, "average_precision": 0.9, **ranges}
    return rows


def _calibration(predictions: Predictions, temperature: float) -> dict[str, Any]:
    label_ids, probabilities = predictions.split("test")
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == label_ids
    bins = []
    for low in (0.5, 0.6, 0.7, 0.8, 0.9):
        inside = (confidence >= low) & (confidence < low + 0.1)
        if inside.any():
            share = float(right[inside].mean())
            a, b = wilson_interval(share, int(inside.sum()))
            row = {
                "low": low,
                "high": low + 0.1,
                "n": int(inside.sum()),
                "confidence": float(confidence[inside].mean()),
            }
            bins.append({**row, "accuracy": share, "accuracy_low": a, "accuracy_high": b})
    coverage = []
    for threshold in (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99):
        kept = confidence >= threshold
        share = float(right[kept].mean()) if kept.any() else None
        a, b = wilson_interval(share, int(kept.sum())) if share is not None else (None, None)
        row = {"threshold": threshold, "coverage": float(kept.mean()), "accuracy": share, "n": int(kept.sum())}
        coverage.append({**row, "accuracy_low": a, "accuracy_high": b})
    side = {"ece_equal_width": 0.06, "ece_equal_mass": 0.05, "ece_low": 0.03, "ece_high": 0.1, "log_loss": 0.6}
    side |= {"brier": 0.2, "n_resamples": 1000, "reliability": bins}
    test = {"before": side, "after": {**side, "ece_equal_width": 0.03, "ece_low": 0.01, "log_loss": 0.55}}
    head = {
        "key": "c1",
        "temperature": temperature,
        "fitted_on": "validation",
        "n_validation": N_VALIDATION,
        "bins": 15,
    }
    return {**head, "test": test, "coverage": coverage, "warning": None}


def _confusions(predictions: Predictions) -> dict[str, Any]:
    label_ids, probabilities = predictions.split("test")
    predicted = probabilities.argmax(axis=1)
    counts = sk.confusion_matrix(label_ids, predicted, labels=np.arange(len(predictions.labels)))
    ids = predictions.products["product_id"].to_numpy()[(predictions.products["split"] == "test").to_numpy()]
    pairs = []
    for true, other in np.argwhere(counts * (1 - np.eye(len(counts), dtype=int)) > 0).tolist():
        found = ids[(label_ids == true) & (predicted == other)][:6].tolist()
        row = {"true": true, "predicted": other, "count": int(counts[true, other]), "total": int(counts[true].sum())}
        pairs.append({**row, "product_ids": found, "picture": None})
    pairs.sort(key=lambda pair: (-pair["count"], pair["true"], pair["predicted"]))
    never = [i for i in range(len(counts)) if counts[:, i].sum() == 0]
    head = {"key": "f1", "order": list(range(len(counts)))}
    groups = [{"label_ids": [0, 1], "n_confused": int(counts[0, 1] + counts[1, 0]), "share": 0.5}]
    return {**head, "groups": groups, "pairs": pairs, "never_predicted": never, "n_test": len(label_ids)}
