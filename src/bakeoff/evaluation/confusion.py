"""The confusion matrix as files: confusion.csv, and scikit-learn's text report."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import classification_report

from bakeoff.evaluation.metrics import UNDEFINED


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
