"""Which classes get mixed up: confusions.json (order, groups, pairs, never predicted), confusion.csv, a text report."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
from scipy.spatial.distance import squareform
from sklearn.metrics import classification_report

from bakeoff.data.predictions import Predictions
from bakeoff.evaluation.metrics import UNDEFINED, predicted_classes
from bakeoff.statistics.matrix import count_confusions

MIN_MUTUAL_RATE = 0.05
MIN_CONFUSED = 2
MAX_PAIRS = 12
MAX_PHOTOS = 6


def confusion_rates(counts: np.ndarray) -> np.ndarray:
    """Return (K, K) float64 in [0, 1]: the mean of the two shares in which i is taken for j and j for i; diagonal 0.

    From counts (K, K) int64, rows true and columns predicted, as in all functions here.
    """
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    rates = (shares + shares.T) / 2
    np.fill_diagonal(rates, 0)
    return rates


def cluster(counts: np.ndarray) -> tuple[list[int], list[list[int]]]:
    """Return the classes in an order that puts confused ones side by side, and the groups of confusable classes.

    Average linkage on 1 - the mutual rate; a group is what is joined while two parts are confused in 5 % of their
    products on average, and holds two mistakes or more, so that one stray product makes none.

    Source:
        Z. Bar-Joseph, D. K. Gifford and T. S. Jaakkola, Fast optimal leaf ordering for hierarchical clustering,
        Bioinformatics 17 (2001) S22-S29, DOI 10.1093/bioinformatics/17.suppl_1.S22.
    """
    rates = confusion_rates(counts)
    if not rates.any():
        return list(range(len(counts))), []
    tree = linkage(squareform(1 - rates, checks=False), method="average", optimal_ordering=True)
    order = leaves_list(tree).tolist()
    numbers = fcluster(tree, 1 - MIN_MUTUAL_RATE + 1e-9, criterion="distance")
    members = [[label for label in order if numbers[label] == number] for number in dict.fromkeys(numbers[order])]
    return order, [group for group in members if len(group) > 1 and confused_within(counts, group) >= MIN_CONFUSED]


def confused_within(counts: np.ndarray, group: list[int]) -> int:
    """Return how many products of the group's classes were taken for another class of the group."""
    inside = counts[np.ix_(group, group)]
    return int(inside.sum() - np.trace(inside))


def describe_groups(counts: np.ndarray, groups: list[list[int]]) -> list[dict[str, Any]]:
    """Return each group's classes, its mistakes and their share of all mistakes; most mistakes first."""
    mistakes, found = counts.sum() - np.trace(counts), [(confused_within(counts, group), group) for group in groups]
    found.sort(key=lambda one: -one[0])
    return [{"label_ids": group, "n_confused": n, "share": float(n / mistakes)} for n, group in found]


def confused_pairs(predictions: Predictions, counts: np.ndarray) -> list[dict[str, Any]]:
    """Return the pairs (true, predicted) with most products, then the highest share; the surest mistakes first in each.

    `counts` are those of the test split; `picture` is where a strip of their photos is drawn within the evaluation.
    """
    totals = counts.sum(axis=1)
    cells = [(int(true), int(taken)) for true, taken in np.argwhere(counts > 0) if true != taken]
    cells.sort(key=lambda cell: (-counts[cell], -counts[cell] / totals[cell[0]], cell))
    label_ids, probabilities = predictions.split("test")
    product_ids = predictions.products.loc[predictions.products["split"] == "test", "product_id"].to_numpy()
    predicted, confidence = predicted_classes(probabilities), probabilities.max(axis=1)
    pairs = []
    for number, (true, taken) in enumerate(cells[:MAX_PAIRS]):
        rows = np.flatnonzero((label_ids == true) & (predicted == taken))
        surest = rows[np.argsort(-confidence[rows], kind="stable")][:MAX_PHOTOS]
        pair = {"true": true, "predicted": taken, "count": int(counts[true, taken]), "total": int(totals[true])}
        shown = {"product_ids": product_ids[surest].tolist(), "confidences": confidence[surest].tolist()}
        pairs.append(pair | shown | {"picture": f"figures/pairs/{number:02d}.jpg"})
    return pairs


def confusions_record(predictions: Predictions) -> dict[str, Any]:
    """Return confusions.json of the test split less its key."""
    label_ids, probabilities = predictions.split("test")
    counts = count_confusions(label_ids, predicted_classes(probabilities), len(predictions.labels))
    order, groups = cluster(counts)
    return {
        "order": order,
        "groups": describe_groups(counts, groups),
        "group_rule": f"average linkage on the mutual confusion rate, cut at {MIN_MUTUAL_RATE:g}; "
        f"at least {MIN_CONFUSED} mistakes within",
        "pairs": confused_pairs(predictions, counts),
        "never_predicted": np.flatnonzero(counts.sum(axis=0) == 0).tolist(),
        "n_test": len(label_ids),
    }


def write_confusion_csv(counts: np.ndarray, labels: list[str], path: Path) -> None:
    """Write the counts with a header of labels; the first column names each row's true label."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(counts, index=labels, columns=labels)
    table.to_csv(path, index_label="true", encoding="utf-8", lineterminator="\r\n")


def write_report(label_ids: np.ndarray, predicted: np.ndarray, labels: list[str], path: Path) -> None:
    """Write scikit-learn's classification report over all K labels as text."""
    numbers = np.arange(len(labels))
    text = classification_report(
        label_ids, predicted, labels=numbers, target_names=labels, digits=3, zero_division=UNDEFINED
    )
    path.write_text(str(text), encoding="utf-8")
