"""What happens around Keras' fit: the epoch's order, the history, the best weights, the step cap, and a stop at NaN."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.progress import Progress

from bakeoff.baseline_tf.runtime import keras
from bakeoff.baseline_tf.sequence import Batches
from bakeoff.errors import TrainingError
from bakeoff.params import ScheduleParams
from bakeoff.training.history import is_better


class EpochRecorder(keras.callbacks.Callback):
    """Keeps a history row per epoch and the weights of the best epoch (`training.history.is_better`)."""

    def __init__(
        self,
        sequences: tuple[Batches, Batches],
        schedule: ScheduleParams,
        *,
        on_epoch: Callable[[dict[str, Any]], None],
        progress: Progress,
    ) -> None:
        super().__init__()
        self.train, validation = sequences
        self.n_validation = len(validation.positions)
        """Keras' float32 14/39 is above the true one: exact accuracies let a tie with the majority be one."""
        self.max_steps = schedule.max_steps
        self.learning_rate = schedule.learning_rate
        self.on_epoch = on_epoch
        self.progress = progress
        self.rows: list[dict[str, Any]] = []
        self.steps_run = 0
        self.step_losses: list[float] = []
        self.best: dict[str, Any] | None = None
        self.best_weights: list[np.ndarray] = []

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Start the bar."""
        total = self.params["epochs"] * len(self.train)
        self._task = self.progress.add_task("training baseline_tf", total=min(total, self.max_steps or total))

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Draw the epoch's order."""
        self.train.set_epoch(epoch)
        self._epoch_sum = 0.0
        self._started_s = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Count the step, refuse a loss that is no number, stop at the cap."""
        self.steps_run += 1
        loss = (logs or {})["loss"]
        self._refuse_nan(loss, "training")
        # Keras hands out the epoch's mean so far (the last, smaller batch counted as a whole one here)
        self.step_losses.append(loss * (batch + 1) - self._epoch_sum)
        self._epoch_sum = loss * (batch + 1)
        self.progress.advance(self._task)
        if self.max_steps is not None and self.steps_run >= self.max_steps:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the row, keep the best weights, tell whoever listens."""
        logs = logs or {}
        self._refuse_nan(logs["val_loss"], "validation")
        row = {
            "epoch": epoch + 1,
            "step": self.steps_run,
            "train_loss": float(logs["loss"]),
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
        self.on_epoch(row)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Go back to the best epoch's weights."""
        self.model.set_weights(self.best_weights)

    def _refuse_nan(self, loss: float, split: str) -> None:
        if not math.isfinite(loss):
            raise TrainingError(
                f"the {split} loss of baseline_tf is {loss} at step {self.steps_run}; lower "
                "baseline.<mode>.learning_rate in conf/profile/ and run again."
            )
