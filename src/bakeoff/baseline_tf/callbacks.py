"""What happens around Keras' fit: the epoch's order, history, best weights, step cap, early stop, and a stop at NaN.

Early stopping is the candidates' own rule (`learning.history.History`), not Keras' EarlyStopping: that one watches a
single measure, while ours breaks ties of the accuracy by the loss.
"""

import math
import time

import numpy as np
from rich.progress import Progress

from bakeoff.baseline_tf.runtime import keras
from bakeoff.baseline_tf.sequence import Batches
from bakeoff.core.errors import TrainingError
from bakeoff.learning.history import History, OnEpoch


class EpochRecorder(keras.callbacks.Callback):
    """Keeps the history and the weights of the best epoch."""

    def __init__(
        self, sequences: tuple[Batches, Batches], history: History, *, on_epoch: OnEpoch, progress: Progress
    ) -> None:
        super().__init__()
        self.train, validation = sequences
        self.n_validation = len(validation.positions)
        """Keras' float32 14/39 is above the true one: exact accuracies let a tie with the majority be one."""
        self.history = history
        self.on_epoch = on_epoch
        self.progress = progress
        self.best_weights: list[np.ndarray] = []
        self._task = progress.add_task("training baseline_tf", total=history.total_steps)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Draw the epoch's order."""
        self.train.set_epoch(epoch)
        self._n_rows, self._loss_sum = 0, 0.0
        self._weights: list[float] = []
        self._started_s = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Count the step, refuse a loss that is no number, stop at the cap."""
        loss = (logs or {})["loss"]
        # Keras hands out the epoch's mean so far, each step's loss counted by its number of rows
        weights = self.train.weights_of(batch)
        n_rows = len(weights)
        self._n_rows += n_rows
        self.history.step_losses.append((loss * self._n_rows - self._loss_sum) / n_rows)
        self._refuse_nan(loss, "training")
        self._loss_sum = loss * self._n_rows
        self._weights.append(float(weights.sum()))
        self.progress.advance(self._task)
        if self.history.is_over:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Add the row, keep the best weights, stop after too many epochs without a better one, tell who listens."""
        logs = logs or {}
        self._refuse_nan(logs["val_loss"], "validation")
        is_best = self.history.add_epoch(
            self._weights,
            train_accuracy=float(logs["accuracy"]),
            validation_loss=float(logs["val_loss"]),
            validation_accuracy=round(logs["val_accuracy"] * self.n_validation) / self.n_validation,
            seconds=round(time.perf_counter() - self._started_s, 3),
        )
        if is_best:
            self.best_weights = self.model.get_weights()
        if self.history.is_over:
            self.model.stop_training = True
        self.on_epoch(self.history.rows[-1])

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Go back to the best epoch's weights."""
        self.model.set_weights(self.best_weights)

    def _refuse_nan(self, loss: float, split: str) -> None:
        if not math.isfinite(loss):
            raise TrainingError(
                f"the {split} loss of baseline_tf is {loss} at step {len(self.history.step_losses)}; lower "
                "baseline.<mode>.learning_rate in conf/profile/ and run again."
            )
