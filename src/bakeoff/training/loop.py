"""The one training loop: every candidate, both modes, photos or cached features; its checkpoint is its only file."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from bakeoff.core.errors import TrainingError
from bakeoff.core.progress import progress_bar
from bakeoff.core.seeding import derive_seed
from bakeoff.learning.history import History, Row
from bakeoff.learning.out_of_memory import inputs_in_words, out_of_memory_in_words
from bakeoff.learning.params import TrainingParams
from bakeoff.records.recipe import ScheduleParams
from bakeoff.training.augment import AUGMENTATIONS
from bakeoff.training.data import Batches
from bakeoff.training.device import autocast_dtype
from bakeoff.training.losses import LOSSES, weighted_mean
from bakeoff.training.resume import CheckpointFolder

OnEpoch = Callable[[Row], None]


@dataclass(frozen=True)
class LoopOptions:
    """What the loop is told: the shared parameters, one mode's schedule, the seed, the device and a title."""

    training: TrainingParams
    schedule: ScheduleParams
    seed: int
    device: torch.device
    title: str = "training"


def train_module(
    module: nn.Module,
    *,
    train: Batches,
    validation: Batches,
    options: LoopOptions,
    checkpoint: CheckpointFolder | None = None,
    on_epoch: OnEpoch | None = None,
) -> History:
    """Train a module in place, leave the best epoch's weights in it and return how it went.

    Args:
        module: maps a batch's inputs to logits (N, K); on the device; parameters without gradient stay as they are.
        train: batches to learn from.
        validation: batches that choose the best epoch.
        options: schedule, loss, optimiser, seed and device.
        checkpoint: where to resume from and to save to; the caller clears it once the outputs are written.
        on_epoch: called with each epoch's row after it is saved.

    Raises:
        TrainingError: a split is empty, the loss is no longer a number, a batch is too small for batch norm, or the
            device's memory does not suffice.
    """
    for name, source in (("train", train), ("validation", validation)):
        if len(source.labels) == 0:
            raise TrainingError(f"the {name} split holds no products; look at section split of params.yaml.")
    trainer = _Trainer(module, train, validation, options)
    if checkpoint is not None:
        trainer.restore(checkpoint.load())
    trainer.run(checkpoint, on_epoch)
    module.load_state_dict(trainer.best_tensors, strict=False)
    module.eval()
    return trainer.history


class _Trainer:
    def __init__(self, module: nn.Module, train: Batches, validation: Batches, options: LoopOptions) -> None:
        self.module, self.train, self.validation, self.options = module, train, validation, options
        shared = options.training
        self.loss = LOSSES[shared.loss.name]
        self.augment = AUGMENTATIONS[shared.augment]
        self.optimizer = torch.optim.AdamW(
            [parameter for parameter in module.parameters() if parameter.requires_grad],
            lr=options.schedule.learning_rate,
            weight_decay=shared.optimizer.weight_decay,
        )
        self.dtype = autocast_dtype(options.device, shared.mixed_precision)
        self.scaler = torch.amp.GradScaler(options.device.type, enabled=self.dtype is torch.float16)
        self.history = History(options.schedule, len(train), shared.early_stop_patience_epochs)
        self.best_tensors: dict[str, Tensor] = {}

    def run(self, checkpoint: CheckpointFolder | None, on_epoch: OnEpoch | None) -> None:
        """Train epoch after epoch until the schedule, its step cap or the patience ends it."""
        history = self.history
        with progress_bar() as bar:
            title = self.options.title.removesuffix(" seed 0")  # a bar has 80 characters for all it tells
            task = bar.add_task(title, total=history.total_steps, completed=len(history.step_losses))
            while not history.is_over:
                if self._epoch(lambda: bar.advance(task)):
                    self.best_tensors = _copy_learned(self.module)
                row = history.rows[-1]
                bar.update(task, description=f"{title} · epoch {row['epoch']} · val {row['validation_accuracy']:.3f}")
                if checkpoint is not None and not history.is_over and checkpoint.is_due():
                    checkpoint.save(self._snapshot())
                if on_epoch is not None:
                    on_epoch(dict(row))

    def restore(self, saved: dict[str, Any] | None) -> None:
        """Continue from a snapshot, with every random state as it was."""
        if saved is None:
            return
        self.module.load_state_dict(saved["module"], strict=False)
        self.optimizer.load_state_dict(saved["optimizer"])
        self.scaler.load_state_dict(saved["scaler"])
        self.history = replace(self.history, **saved["history"])
        self.best_tensors = saved["best_tensors"]
        torch.set_rng_state(saved["rng"])
        if saved["cuda_rng"] is not None:
            torch.cuda.set_rng_state(saved["cuda_rng"], self.options.device)

    def _snapshot(self) -> dict[str, Any]:
        on_cuda = self.options.device.type == "cuda"
        return {
            "module": _copy_learned(self.module),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "history": {name: getattr(self.history, name) for name in ("rows", "step_losses", "best")},
            "best_tensors": self.best_tensors,
            "rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state(self.options.device) if on_cuda else None,
        }

    def _epoch(self, advance: Callable[[], None]) -> bool:
        """Train one epoch, validate it and return whether it is the best so far."""
        started, epoch = time.perf_counter(), len(self.history.rows) + 1
        generator = torch.Generator().manual_seed(derive_seed(self.options.seed, "augment", epoch))
        self.module.train()
        hits, n_rows, weight_sums = 0, 0, []
        for inputs, labels, weights in self.train.shuffled(epoch):
            if len(self.history.step_losses) >= self.history.total_steps:
                break
            with self._explained("training", inputs):
                hits += self._step(self.augment(inputs, generator), labels, weights)
            weight_sums.append(float(weights.sum()))
            n_rows += len(labels)
            advance()
        validation_loss, validation_accuracy = self._validate()
        return self.history.add_epoch(
            weight_sums,
            train_accuracy=hits / n_rows,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            seconds=time.perf_counter() - started,
        )

    def _step(self, inputs: Tensor, labels: Tensor, weights: Tensor) -> int:
        """Take one optimiser step, keep its weighted mean loss and return the number of photos it had right."""
        inputs, labels, weights = (self._to_device(tensor) for tensor in (inputs, labels, weights))
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.options.device.type, dtype=self.dtype, enabled=self.dtype is not None):
            logits = self.module(inputs)
        loss = weighted_mean(self.loss(logits, labels), weights)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(
                f"the training loss became {value} at step {len(self.history.step_losses) + 1} with learning rate "
                f"{self.options.schedule.learning_rate:g}; lower it, or set training.mixed_precision: off."
            )
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.history.step_losses.append(value)
        return int((logits.detach().argmax(dim=1) == labels).sum())

    @torch.inference_mode()
    def _validate(self) -> tuple[float, float]:
        """Return loss and accuracy on the validation split, in float32."""
        self.module.eval()
        loss_sum, hits = 0.0, 0
        for inputs, targets in self.validation.ordered():
            with self._explained("validation", inputs):
                labels, logits = self._to_device(targets), self.module(self._to_device(inputs))
                loss_sum += float(self.loss(logits, labels).sum())
                hits += int((logits.argmax(dim=1) == labels).sum())
        n = len(self.validation.labels)
        return loss_sum / n, hits / n

    @contextmanager
    def _explained(self, activity: str, inputs: Tensor) -> Iterator[None]:
        """Tell in words that memory ran out, or that batch norm was given a single value per channel."""
        device, shared = self.options.device.type, self.options.training
        doing = f"{self.options.title}: {activity} on {device} with {inputs_in_words(inputs.shape)}"
        remedies = f"lower training.batch_size (now {shared.batch_size}) or the backbone's image_size"
        if self.dtype is None:
            remedies += "; on CUDA training.mixed_precision: auto needs about half"
        try:
            with out_of_memory_in_words(TrainingError, doing, remedies=remedies):
                yield
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            raise TrainingError(
                f"{doing}: batch norm needs at least 2 values per channel; set training.batch_size (now "
                f"{shared.batch_size}) to 2 or more; a train split of one product cannot be learned with batch norm."
            ) from None

    def _to_device(self, tensor: Tensor) -> Tensor:
        layout = torch.channels_last if tensor.dim() == 4 else torch.preserve_format
        return tensor.to(self.options.device, memory_format=layout)


def _copy_learned(module: nn.Module) -> dict[str, Tensor]:
    """Return on the CPU what training changes: parameters that take a gradient, and buffers of modules in training."""
    fixed = {name for name, parameter in module.named_parameters() if not parameter.requires_grad}
    state = module.state_dict()
    return {name: tensor.detach().cpu().clone() for name, tensor in state.items() if name not in fixed}
