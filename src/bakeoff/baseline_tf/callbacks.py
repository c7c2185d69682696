"""What happens around Keras' fit: the epoch's order, history, best weights, step cap, early stop, and a stop at NaN.

Early stopping is the candidates' own rule, not Keras' EarlyStopping: that one watches a single measure, while
`learning.history.is_better` breaks ties of the accuracy by the loss.
"""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.progress import Progress

from bakeoff.baseline_tf.runtime import keras
from bakeoff.baseline_tf.sequence import Batches
from bakeoff.core.errors import TrainingError
from bakeoff.learning.history import epochs_since_best, is_better
from bakeoff.records.recipe import ScheduleParams


class EpochRecorder(keras.callbacks.Callback):
    """Keeps a history row per epoch and the weights of the best epoch (`learning.history.is_better`)."""

    def __init__(
        self,
        sequences: tuple[Batches, Batches],
        schedule: ScheduleParams,
        *,
        patience_epochs: int | None,
        on_epoch: Callable[[dict[str, Any]], None],
        progress: Progress,
    ) -> None:
        super().__init__()
        self.train, validation = sequences
        self.n_validation = len(validation.positions)
        """Keras' float32 14/39 is above the true one: exact accuracies let a tie with the majority be one."""
        self.learning_rate = schedule.learning_rate
        self.total_steps = min(
            schedule.epochs * len(self.train), schedule.max_steps or schedule.epochs * len(self.train)
        )
        self.patience_epochs = patience_epochs
        self.on_epoch = on_epoch
        self.progress = progress
        self.rows: list[dict[str, Any]] = []
        self.steps_run = 0
        self.step_losses: list[float] = []
        self.best: dict[str, Any] | None = None
        self.best_weights: list[np.ndarray] = []

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Start the bar."""
        self._task = self.progress.add_task("training baseline_tf", total=self.total_steps)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Draw the epoch's order."""
        self.train.set_epoch(epoch)
        self._n_rows, self._loss_sum = 0, 0.0
        self._weights: list[float] = []
        self._started_s = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Count the step, refuse a loss that is no number, stop at the cap."""
        self.steps_run += 1
        loss = (logs or {})["loss"]
        self._refuse_nan(loss, "training")
        # Keras hands out the epoch's mean so far, each step's loss counted by its number of rows
        n_rows = self.train.size_of(batch)
        self._n_rows += n_rows
        self.step_losses.append((loss * self._n_rows - self._loss_sum) / n_rows)
        self._loss_sum = loss * self._n_rows
        self._weights.append(self.train.weight_of(batch))
        self.progress.advance(self._task)
        if self.steps_run >= self.total_steps:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the row, keep the best weights, stop after too many epochs without a better one, tell who listens."""
        logs = logs or {}
        self._refuse_nan(logs["val_loss"], "validation")
        row = {
            "epoch": epoch + 1,
            "step": self.steps_run,
            "train_loss": float(np.average(self.step_losses[-len(self._weights) :], weights=self._weights)),
            "train_accuracy": float(logs["accuracy"]),
            "validation_loss": float(logs["val_loss"]),
            "validation_accuracy": round(logs["val_accuracy"] * self.n_validation) / self.n_validation,
            "learning_rate": self.learning_rate,
            "seconds": round(time.perf_counter() - self._started_s, 3),
        }
        self.rows.append(row)
        if is_better(row, self.best):
            self.best = row
            self.best_weights = self.model.get_weights()
        if self._out_of_patience():
            self.model.stop_training = True
        self.on_epoch(row)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Go back to the best epoch's weights."""
        self.model.set_weights(self.best_weights)

    @property
    def stopped_early(self) -> bool:
        """Whether patience ended the training before its schedule did."""
        return self._out_of_patience() and self.steps_run < self.total_steps

    def _out_of_patience(self) -> bool:
        patience = self.patience_epochs
        return patience is not None and bool(self.rows) and epochs_since_best(self.rows) >= patience

    def _refuse_nan(self, loss: float, split: str) -> None:
        if not math.isfinite(loss):
            raise TrainingError(
                f"the {split} loss of baseline_tf is {loss} at step {self.steps_run}; lower "
                "baseline.<mode>.learning_rate in conf/profile/ and run again."
            )
