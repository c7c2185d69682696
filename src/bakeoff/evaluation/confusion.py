"""The confusion matrix as files: confusion.csv, and scikit-learn's text report."""

import csv
from pathlib import Path

import numpy as np
from sklearn.metrics import classification_report

from bakeoff.evaluation.metrics import UNDEFINED


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
