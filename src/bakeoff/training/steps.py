"""One optimiser step: batches through the network at the device's precision, gradients, and a moving average."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from bakeoff.learning.recipe import Recipe
from bakeoff.training.data import Batch
from bakeoff.training.device import autocast_dtype
from bakeoff.training.losses import Loss
from bakeoff.training.optimise import make_optimizer
from bakeoff.training.parallel import add_up, add_up_gradients


class Stepper:
    """Takes a module's optimiser steps, in place; what learns is what takes a gradient when this is made."""

    def __init__(self, module: nn.Module, recipe: Recipe, device: torch.device, *, loss: Loss, title: str) -> None:
        self.module, self.recipe, self.device, self.loss, self.title = module, recipe, device, loss, title
        self.optimizer = make_optimizer(module, recipe)
        self.dtype = autocast_dtype(device, recipe.mixed_precision)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.dtype is torch.float16)
        fixed = {name for name, parameter in module.named_parameters() if not parameter.requires_grad}
        self._learned = [name for name in module.state_dict() if name not in fixed]
        state = module.state_dict()
        self._average = {name: state[name].detach().clone() for name in self._learned} if recipe.ema else {}
        self._n_parts = 1

    def take(self, batches: Sequence[Batch], rate_factor: float) -> Tensor:
        """Take one step on some batches.

        Return (4,) float32 on the device: the weighted mean loss, the number of right rows, of rows, and the sum of
        their weights, of all processes together.

        Where a GPU's memory does not suffice, all batches from here on go through in twice as many parts, whose
        gradients add up to the same; a torch.OutOfMemoryError where not even two rows fit.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = group["rate"] * rate_factor
        weights = torch.cat([batch.weights for batch in batches]).to(self.device)
        total = add_up(weights.sum())
        while True:
            try:
                loss, hits = self._gradients(batches, total)
                break
            except torch.OutOfMemoryError:
                largest = max(len(batch.targets) for batch in batches)
                if largest // (2 * self._n_parts) < 2:
                    raise
            torch.cuda.empty_cache()
            self._n_parts *= 2
            rows = -(-largest // self._n_parts)
            told = f"{self.title}: the device's memory ran out; {rows} rows at a time, gradients accumulated"
            sys.stderr.write(f"bakeoff: {told}.\n")
        add_up_gradients([one for one in self.module.parameters() if one.requires_grad])
        if self.recipe.clip_norm is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.module.parameters(), self.recipe.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self._average:
            self._update_average()
        counted = torch.stack([loss, hits.float(), torch.tensor(float(len(weights)), device=self.device)])
        return torch.cat([add_up(counted), total[None]])

    def _gradients(self, batches: Sequence[Batch], total: Tensor) -> tuple[Tensor, Tensor]:
        self.optimizer.zero_grad(set_to_none=True)
        losses, hits = [], []
        for batch in batches:
            for part in _parts(batch, self._n_parts):
                inputs, targets, own = (self.to_device(tensor) for tensor in part[:3])
                with torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype is not None):
                    logits = self.module(inputs)
                loss = (self.loss(logits, targets) * own).sum() / total
                self.scaler.scale(loss).backward()
                labels = targets if targets.dim() == 1 else targets.argmax(dim=1)
                losses.append(loss.detach())
                hits.append((logits.detach().argmax(dim=1) == labels).sum())
        return torch.stack(losses).sum(), torch.stack(hits).sum()

    def to_device(self, tensor: Tensor) -> Tensor:
        """Return a tensor where the network is, photos channels last."""
        layout = torch.channels_last if tensor.dim() == 4 else torch.preserve_format
        return tensor.to(self.device, memory_format=layout, non_blocking=True)

    def copy_learned(self) -> dict[str, Tensor]:
        """Return on the CPU what training changes: parameters that take a gradient, and buffers."""
        state = self.module.state_dict()
        return {name: state[name].detach().cpu().clone() for name in self._learned}

    @torch.no_grad()
    def _update_average(self) -> None:
        state = self.module.state_dict()
        for name, average in self._average.items():
            if average.is_floating_point():
                average.lerp_(state[name], 1 - (self.recipe.ema or 0))
            else:
                average.copy_(state[name])

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Have the moving average in the module's place, where the recipe asks for one."""
        kept = self.copy_learned() if self._average else {}
        self.module.load_state_dict(self._average, strict=False)
        try:
            yield
        finally:
            self.module.load_state_dict(kept, strict=False)

    def state(self) -> dict[str, Any]:
        """Return all that a training goes on from."""
        return {
            "module": self.copy_learned(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": self._average,
            "n_parts": self._n_parts,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.module.load_state_dict(state["module"], strict=False)
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self._average = {name: tensor.to(self.device) for name, tensor in state["average"].items()}
        self._n_parts = state["n_parts"]


def _parts(batch: Batch, n_parts: int) -> Iterator[tuple[Tensor, ...]]:
    """Yield a batch in parts of at least two rows, which batch norm needs."""
    n = max(1, min(n_parts, len(batch.targets) // 2))
    return zip(*(tensor.tensor_split(n) for tensor in batch), strict=True)
