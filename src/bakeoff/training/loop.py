"""The one training loop: every candidate and mode, photos or cached features; its checkpoint is its only file."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from bakeoff.core.errors import TrainingError
from bakeoff.core.progress import progress_bar
from bakeoff.learning.history import History, OnEpoch
from bakeoff.learning.out_of_memory import inputs_in_words, out_of_memory_in_words
from bakeoff.learning.recipe import Recipe
from bakeoff.training.checkpoint import CheckpointFolder
from bakeoff.training.data import Batch, BatchSource
from bakeoff.training.losses import Loss
from bakeoff.training.optimise import rate_factor
from bakeoff.training.parallel import n_processes, of_first, rank, take_over
from bakeoff.training.steps import Stepper


@dataclass(frozen=True)
class LoopOptions:
    """What the loop is told beside its batches."""

    recipe: Recipe
    device: torch.device
    loss: Loss
    judge: Loss  # what validation's loss is
    title: str = "training"
    before_epoch: Callable[[int], None] = lambda epoch: None
    """Called with the number of each epoch, from 1: which parameters learn may change there."""
    change: Callable[[Batch, int, int], Batch] = lambda batch, epoch, number: batch
    """What a training batch becomes, by its epoch and its number in it."""
    name_of: Callable[[int], str] = str  # what the product at a position of the catalogue is called, for messages


@dataclass
class _Epoch:
    """What an unfinished epoch has so far."""

    n_batches: int = 0
    hits: int = 0
    n_rows: int = 0
    weight_sums: list[float] = field(default_factory=list)
    seconds: float = 0.0


def train_module(
    module: nn.Module,
    *,
    train: BatchSource,
    validation: BatchSource,
    options: LoopOptions,
    checkpoint: CheckpointFolder | None = None,
    on_epoch: OnEpoch | None = None,
) -> History:
    """Train a module in place, leave the best epoch's weights in it and return how it went.

    The module maps a batch's inputs to logits (N, K), on the device; parameters without gradient stay as they are. The
    caller clears the checkpoint once the outputs are written. An epoch is saved before `on_epoch` is called.

    A TrainingError where a split is empty, the loss is no longer a number, a batch is too small for batch norm, or the
    device's memory does not suffice.
    """
    for name, source in (("train", train), ("validation", validation)):
        if len(source.labels) == 0:
            raise TrainingError(f"the {name} split holds no products; look at section split of params.yaml.")
    if n_processes() > 1 and min(train.options.batch_size, len(train.labels)) < 2 * n_processes():
        raise TrainingError(
            f"compute.processes is {n_processes()}, and each takes 2 rows of a batch or more; set batch_size (now "
            f"{train.options.batch_size}, of {len(train.labels)} training rows) to {2 * n_processes()} or more."
        )
    take_over([*module.parameters(), *module.buffers()])
    trainer = _Trainer(module, train, validation, options)
    if saved := of_first(checkpoint.load() if checkpoint else None):
        trainer.restore(saved)
    trainer.run(checkpoint, on_epoch)
    module.load_state_dict(trainer.best_tensors, strict=False)
    module.eval()
    return trainer.history


class _Trainer:
    def __init__(self, module: nn.Module, train: BatchSource, validation: BatchSource, options: LoopOptions) -> None:
        self.module, self.train, self.validation, self.options = module, train, validation, options
        recipe = options.recipe
        self.stepper = Stepper(module, recipe, options.device, loss=options.loss, title=options.title)
        n_steps = -(-len(train) // recipe.accumulate)
        self.history = History(recipe, n_steps, recipe.early_stop_patience_epochs, select=recipe.select)
        self.best_tensors: dict[str, Tensor] = {}
        self.epoch = _Epoch()
        self.pending: list[tuple[Tensor, Tensor]] = []

    def run(self, checkpoint: CheckpointFolder | None, on_epoch: OnEpoch | None) -> None:
        """Train epoch after epoch until the schedule, its step cap or the patience ends it."""
        history = self.history
        with progress_bar() as bar:
            title = self.options.title.removesuffix(" seed 0")  # a bar has 80 characters for all it tells
            task = bar.add_task(title, total=history.total_steps, completed=len(history.step_losses))
            while not history.is_over or self.epoch.n_batches:  # the last epoch may lack its end alone
                self._train_epoch(checkpoint, lambda: bar.advance(task))
                with self.stepper.averaged():
                    if self._end_epoch():
                        self.best_tensors = self.stepper.copy_learned()
                row = history.rows[-1]
                bar.update(task, description=f"{title} · epoch {row['epoch']} · val {row['validation_accuracy']:.3f}")
                if not history.is_over:
                    self._save_if_due(checkpoint)
                if on_epoch is not None:
                    on_epoch(dict(row))

    def restore(self, saved: dict[str, Any]) -> None:
        """Continue from a snapshot, with every random state as it was."""
        self.stepper.restore(saved["stepper"])
        self.history = replace(self.history, **saved["history"])
        self.best_tensors, self.epoch = saved["best_tensors"], _Epoch(**saved["epoch"])
        if rank():  # what the first one has drawn from is not for the others
            return
        torch.set_rng_state(saved["rng"])
        if saved["cuda_rng"] is not None:
            torch.cuda.set_rng_state(saved["cuda_rng"], self.options.device)

    def _snapshot(self) -> dict[str, Any]:
        on_cuda = self.options.device.type == "cuda"
        return {
            "stepper": self.stepper.state(),
            "history": {name: getattr(self.history, name) for name in ("rows", "step_losses", "best")},
            "best_tensors": self.best_tensors,
            "epoch": vars(self.epoch),
            "rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state(self.options.device) if on_cuda else None,
        }

    def _save_if_due(self, checkpoint: CheckpointFolder | None) -> None:
        if checkpoint is not None and checkpoint.is_due():
            self._settle()
            checkpoint.save(self._snapshot())

    def _train_epoch(self, checkpoint: CheckpointFolder | None, advance: Callable[[], None]) -> None:
        """Train the rest of an epoch."""
        started, history, recipe = time.perf_counter() - self.epoch.seconds, self.history, self.options.recipe
        number, losses = len(history.rows) + 1, [row["validation_loss"] for row in history.rows]
        self.options.before_epoch(number)
        self.module.train()
        source = self.train.shuffled(number, skip=self.epoch.n_batches)
        numbered = (self.options.change(batch, number, at) for at, batch in enumerate(source, self.epoch.n_batches))
        while batches := list(islice(numbered, recipe.accumulate)):
            n_done = len(history.step_losses) + len(self.pending)
            if n_done >= history.total_steps:
                break
            with self._explained("training", batches[0].inputs):
                factor = rate_factor(recipe.scheduler, n_done, history.total_steps, losses)
                counted = self.stepper.take(batches, factor)
            self.pending.append((counted, torch.cat([batch.positions for batch in batches])))
            self.epoch.n_batches += len(batches)
            self.epoch.seconds = time.perf_counter() - started
            if self.options.device.type == "cpu":  # elsewhere reading a loss would wait for the device
                self._settle()
            self._save_if_due(checkpoint)
            advance()
        self._settle()
        take_over(self.module.buffers())  # a batch norm has seen its process's rows alone

    def _settle(self) -> None:
        """Read what the steps since the last time came to."""
        for counted, positions in self.pending:
            value, hits, n_rows, weight_sum = counted.tolist()
            if not math.isfinite(value):
                names = ", ".join(self.options.name_of(position) for position in positions.tolist() if position >= 0)
                others = " and those of other processes" if n_processes() > 1 else ""
                raise TrainingError(
                    f"{self.options.title}: the training loss became {value} at step "
                    f"{len(self.history.step_losses) + 1} with learning rate {self.options.recipe.learning_rate:g}, on "
                    f"products {names}{others}; look at their photos, lower the rate, set clip_norm or "
                    "mixed_precision: off."
                )
            self.history.step_losses.append(value)
            self.epoch.hits += int(hits)
            self.epoch.n_rows += int(n_rows)
            self.epoch.weight_sums.append(weight_sum)
        self.pending.clear()

    def _end_epoch(self) -> bool:
        """Validate and return whether this was the best epoch so far."""
        started, done, self.epoch = time.perf_counter(), self.epoch, _Epoch()
        loss, accuracy = of_first(None if rank() else self._validate())
        return self.history.add_epoch(
            done.weight_sums,
            train_accuracy=done.hits / done.n_rows,
            validation_loss=loss,
            validation_accuracy=accuracy,
            learning_rate=max(group["lr"] for group in self.stepper.optimizer.param_groups),
            seconds=done.seconds + time.perf_counter() - started,
        )

    @torch.inference_mode()
    def _validate(self) -> tuple[float, float]:
        """Return loss and accuracy on the validation split, in float32."""
        self.module.eval()
        loss_sum, hits = 0.0, 0
        for batch in self.validation.ordered():
            with self._explained("validation", batch.inputs):
                labels = self.stepper.to_device(batch.targets)
                logits = self.module(self.stepper.to_device(batch.inputs))
                loss_sum += float(self.options.judge(logits, labels).sum())
                hits += int((logits.argmax(dim=1) == labels).sum())
        n = len(self.validation.labels)
        return loss_sum / n, hits / n

    @contextmanager
    def _explained(self, activity: str, inputs: Tensor) -> Iterator[None]:
        """Tell in words that memory ran out, or that batch norm was given a single value per channel."""
        device, batch_size = self.options.device.type, self.options.recipe.batch_size
        doing = f"{self.options.title}: {activity} on {device} with {inputs_in_words(inputs.shape)}"
        remedies = f"lower training.defaults.batch_size (now {batch_size}) or the backbone's image_size"
        if self.stepper.dtype is None:
            remedies += "; on CUDA mixed_precision: auto needs about half"
        try:
            with out_of_memory_in_words(TrainingError, doing, remedies=remedies):
                yield
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            raise TrainingError(
                f"{doing}: batch norm needs at least 2 values per channel; set training.defaults.batch_size "
                f"(now {batch_size}) to 2 or more; a train split of one product cannot be learned with batch norm."
            ) from None
