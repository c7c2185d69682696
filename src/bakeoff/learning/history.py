"""What happened, epoch by epoch: the rows of history.csv, and the verdict whether a run learned at all."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

COLUMNS = (
    "epoch",
    "step",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
    "seconds",
)
Row = dict[str, Any]


def write_history(rows: Sequence[Row], path: Path) -> None:
    """Write history.csv, one row per epoch, in the order of `COLUMNS`."""
    pd.DataFrame(list(rows), columns=list(COLUMNS)).to_csv(path, index=False)


def is_better(row: Row, best: Row | None) -> bool:
    """Return whether an epoch beats the best: higher validation accuracy, or the same at a lower validation loss."""
    if best is None:
        return True
    return (row["validation_accuracy"], -row["validation_loss"]) > (
        best["validation_accuracy"],
        -best["validation_loss"],
    )


def best_row(rows: Sequence[Row]) -> Row | None:
    """Return the best epoch's row, the earliest of equals; None where there is no row."""
    best: Row | None = None
    for row in rows:
        if is_better(row, best):
            best = row
    return best


def epochs_since_best(rows: Sequence[Row]) -> int:
    """Return how many epochs have passed since the best one."""
    best = best_row(rows)
    return rows[-1]["epoch"] - best["epoch"] if best is not None else 0


def majority_share(train_labels: np.ndarray, validation_labels: np.ndarray) -> float:
    """Return the validation accuracy of always answering with the most frequent training class.

    Args:
        train_labels: (N,) int64.
        validation_labels: (M,) int64, M > 0.
    """
    return float(np.mean(validation_labels == np.bincount(train_labels).argmax()))


def why_not_learned(best_accuracy: float, majority: float, step_losses: Sequence[float]) -> str | None:
    """Return in words why a run did not learn, or None where it did.

    Args:
        best_accuracy: best validation accuracy, in [0, 1].
        majority: validation accuracy of the majority class, in [0, 1].
        step_losses: training loss of every step; its first and last quarters are compared.
    """
    if best_accuracy <= majority:
        return f"its best validation accuracy {best_accuracy:.3f} is not above the majority class's {majority:.3f}"
    quarter = len(step_losses) // 4
    if quarter:
        first, last = float(np.mean(step_losses[:quarter])), float(np.mean(step_losses[-quarter:]))
        if last >= first:
            return f"its training loss did not fall ({first:.4f} in the first quarter of steps, {last:.4f} in the last)"
    return None
