"""Which classes are taken for which: confusion.csv, its figure, and scikit-learn's text report."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from sklearn.metrics import classification_report, confusion_matrix

from bakeoff.evaluation.metrics import UNDEFINED

_MAX_LABEL_CHARS = 30
_MAX_CLASSES_WITH_NUMBERS = 60


def count_confusions(label_ids: np.ndarray, predicted: np.ndarray, n_labels: int) -> np.ndarray:
    """Return (K, K) int64 counts, rows true and columns predicted, also for classes that never occur."""
    return confusion_matrix(label_ids, predicted, labels=np.arange(n_labels)).astype(np.int64)


def write_confusion_csv(counts: np.ndarray, labels: list[str], path: Path) -> None:
    """Write the counts with a header of labels; the first column names each row's true label."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["true", *labels])
        writer.writerows([label, *row] for label, row in zip(labels, counts.tolist(), strict=True))


def write_report(label_ids: np.ndarray, predicted: np.ndarray, labels: list[str], path: Path) -> None:
    """Write scikit-learn's classification report over all K labels as text."""
    numbers = np.arange(len(labels))
    text = classification_report(
        label_ids, predicted, labels=numbers, target_names=labels, digits=3, zero_division=UNDEFINED
    )
    path.write_text(str(text), encoding="utf-8")


def draw_confusion(counts: np.ndarray, labels: list[str], path: Path, *, title: str) -> None:
    """Draw the matrix: colour is the share of the true class (row), the number in a cell is the count.

    Args:
        counts: (K, K) int64, rows true, columns predicted.
        labels: K names.
        path: PNG to write.
        title: first line above the matrix.
    """
    n_labels = len(labels)
    cell_in = 0.62 if n_labels <= 12 else 0.36 if n_labels <= _MAX_CLASSES_WITH_NUMBERS else 0.16
    side = max(cell_in * n_labels, 2.4)
    figure = Figure(figsize=(side + 3.4, side + 2.6), layout="constrained")
    axes = figure.add_subplot()
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.6, 0, 1))  # lifts the small shares: errors
    names = [_shorten(label) for label in labels]
    size = 10 if n_labels <= 12 else 8 if n_labels <= _MAX_CLASSES_WITH_NUMBERS else 5
    axes.set_xticks(range(n_labels), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=size)
    counted = [f"{name} ({total})" for name, total in zip(names, totals.ravel().tolist(), strict=True)]
    axes.set_yticks(range(n_labels), counted, fontsize=size)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true (number of photos)")
    axes.set_title(title, fontsize=11)
    if n_labels <= _MAX_CLASSES_WITH_NUMBERS:
        _write_counts(axes, counts, shares, size=size)
    figure.colorbar(image, ax=axes, shrink=0.6, label="share of the true class")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


def _write_counts(axes, counts: np.ndarray, shares: np.ndarray, *, size: int) -> None:
    """Write each non-zero count into its cell, dark on light and light on dark."""
    for row, column in np.argwhere(counts > 0):
        colour = "white" if shares[row, column] > 0.4 else "#202020"
        weight = "bold" if row == column else "normal"
        text = str(counts[row, column])
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=size, fontweight=weight)


def _shorten(label: str) -> str:
    return label if len(label) <= _MAX_LABEL_CHARS else label[: _MAX_LABEL_CHARS - 1] + "…"
