"""What happened, epoch by epoch: the rows of history.csv, when a training ends, and whether it learned at all."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from bakeoff.records.recipe import ScheduleParams

COLUMNS = (
    *("epoch", "step", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy"),
    *("learning_rate", "seconds"),
)
"""Of history.csv, one row per epoch."""
Row = dict[str, Any]
OnEpoch = Callable[[Row], None]  # called with the row of each epoch that has ended
Select = Literal["accuracy", "loss", "last"]


def _rank(row: Row, select: Select) -> tuple[float, ...]:
    """Return what epochs are compared by, of equals by the other measure; a loss that is not a number is the worst."""
    accuracy, loss = row["validation_accuracy"], row["validation_loss"]
    low_loss = -math.inf if math.isnan(loss) else -loss
    return {"accuracy": (accuracy, low_loss), "loss": (low_loss, accuracy), "last": (row["epoch"],)}[select]


@dataclass
class History:
    """A training so far, in either framework: its epochs and steps, which epoch is the best, and when it is over."""

    schedule: ScheduleParams
    n_batches: int  # steps of an epoch
    patience_epochs: int | None
    rows: list[Row] = field(default_factory=list)
    step_losses: list[float] = field(default_factory=list)
    best: Row | None = None
    select: Select = "accuracy"
    """What makes an epoch the best; with `last` each is the best so far, and patience never ends a training."""

    @property
    def total_steps(self) -> int:
        """Steps that the schedule has at most."""
        steps = self.schedule.epochs * self.n_batches
        return min(steps, self.schedule.max_steps or steps)

    @property
    def out_of_patience(self) -> bool:
        """Whether too many epochs have passed since the best one."""
        if self.patience_epochs is None or self.best is None:
            return False
        return len(self.rows) - self.best["epoch"] >= self.patience_epochs

    @property
    def is_over(self) -> bool:
        """Whether the schedule, its step cap or the patience has ended the training."""
        return len(self.step_losses) >= self.total_steps or self.out_of_patience

    @property
    def stopped_early(self) -> bool:
        """Whether the patience ended the training before its schedule did."""
        return self.out_of_patience and len(self.step_losses) < self.total_steps

    @property
    def still_improving(self) -> bool:
        """Whether the schedule ended while validation's loss was falling, by more than 2 % from fifth to fifth.

        Not of fewer than ten epochs, whose fifths are single epochs.
        """
        losses, n = [row.get("validation_loss", math.nan) for row in self.rows], len(self.rows) // 5
        return n > 1 and not self.out_of_patience and bool(np.mean(losses[-n:]) < 0.98 * np.mean(losses[-2 * n : -n]))

    def add_epoch(self, weight_sums: Sequence[float], **measured: float) -> bool:
        """Add the row of an epoch and return whether it is the best so far.

        `weight_sums` are of the training weights of each step, `measured` the columns train_accuracy, validation_loss,
        validation_accuracy and seconds.
        """
        row: Row = {
            "epoch": len(self.rows) + 1,
            "step": len(self.step_losses),
            "train_loss": float(np.average(self.step_losses[-len(weight_sums) :], weights=weight_sums)),
            "learning_rate": self.schedule.learning_rate,
            **measured,
        }
        self.rows.append(row)
        better = self.best is None or _rank(row, self.select) > _rank(self.best, self.select)
        if better:
            self.best = row
        return better


def majority_share(train_labels: np.ndarray, validation_labels: np.ndarray) -> float:
    """Return the validation accuracy, of labels (N,) and (M,), of always answering the most frequent training class."""
    return float(np.mean(validation_labels == np.bincount(train_labels).argmax()))


def why_not_learned(
    accuracy: float, majority: float, losses: Sequence[float], *, labels: np.ndarray, predicted: np.ndarray
) -> str | None:
    """Return in words why a run did not learn, or None where it did.

    The kept epoch's validation accuracy is compared with the majority class's, both in [0, 1]; `losses` are those of
    all steps and the kept epoch's on validation, `labels` and `predicted` (M,) int64 the validation products' classes.
    """
    if not np.isfinite(losses).all():
        return "its loss is not a number"
    if accuracy <= majority:
        return f"its best validation accuracy {accuracy:.3f} is not above the majority class's {majority:.3f}"
    classes, counts = np.unique(labels, return_counts=True)
    classes = classes[counts >= 3]  # all of one or two products are missed by chance: at an accuracy of 0.4 by a third
    n_missing = len(np.setdiff1d(classes, predicted))
    if n_missing and 3 * n_missing >= len(classes):
        return f"it never predicts {n_missing} of the {len(classes)} classes with 3 or more validation products"
    return None
