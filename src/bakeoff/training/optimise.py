"""Which parameters learn at which rate: their groups, the optimiser over them, and the rate at every step."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from bakeoff.backbones.classifier import Classifier, layer_groups
from bakeoff.backbones.compat import import_timm
from bakeoff.learning.recipe import Cosine, OneCycle, Plateau, Recipe, SchedulerParams, Step


def parameter_groups(module: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Return what learns, by rate and weight decay: norms and biases have none.

    The head has a rate of its own where the recipe names one. Of a backbone of blocks 0 to B, block b learns at the
    rate times `layer_decay` ** (1 - b / B): by the share of the depth, because a decay per block, as in Howard and
    Ruder 2018 (arXiv:1801.06146) and Clark et al. 2020 (arXiv:2003.10555), freezes a network of sixty.
    """
    scales = {}
    if isinstance(classifier := getattr(module, "classifier", None), Classifier) and recipe.layer_decay < 1:
        groups = layer_groups(classifier.backbone, coarse=False)
        for number, names in enumerate(groups):
            scale = recipe.layer_decay ** (1 - number / max(1, len(groups) - 1))
            scales |= {f"classifier.backbone.{name}": scale for name in names}
    found: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            in_backbone = name.startswith("classifier.backbone.")
            rate = recipe.learning_rate if in_backbone else recipe.head_learning_rate or recipe.learning_rate
            found.setdefault((rate * scales.get(name, 1.0), parameter.ndim > 1), []).append(parameter)
    return [
        {"params": own, "lr": rate, "rate": rate, "weight_decay": recipe.optimizer.weight_decay if decays else 0.0}
        for (rate, decays), own in found.items()
    ]


def make_optimizer(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimiser, as timm makes it; each group has its full rate as `rate`."""
    import_timm()
    from timm.optim import create_optimizer_v2

    chosen = recipe.optimizer
    return create_optimizer_v2(
        parameter_groups(module, recipe),
        opt="momentum" if chosen.name == "sgd" and not chosen.momentum else chosen.name,  # Nesterov's needs some
        lr=recipe.learning_rate,
        weight_decay=chosen.weight_decay,
        momentum=chosen.momentum,
    )


def rate_factor(scheduler: SchedulerParams, step: int, n_steps: int, losses: Sequence[float]) -> float:
    """Return what every learning rate is multiplied by at a step, from 0, of `n_steps` in the whole training.

    `losses` are the validation's, of each epoch so far.
    """
    done = step / n_steps
    match scheduler:
        case Step():
            return scheduler.factor ** (len(losses) // scheduler.every_epochs)
        case Plateau():
            return scheduler.factor ** _plateaus(losses, scheduler.patience_epochs)
        case Cosine():
            if done < scheduler.warmup:
                return (done + 1 / n_steps) / (scheduler.warmup + 1 / n_steps)
            left = (done - scheduler.warmup) / (1 - scheduler.warmup)
            return scheduler.final + (1 - scheduler.final) * (1 + math.cos(math.pi * left)) / 2
        case OneCycle():
            peak, last = max(scheduler.rising * n_steps - 1, 1e-9), max(n_steps - 1, 1)
            low, part = (1 / 25, step / peak) if step < peak else (1 / 250_000, (last - step) / (last - peak))
            return low + (1 - low) * (1 - math.cos(math.pi * part)) / 2
    return 1.0


def _plateaus(losses: Sequence[float], patience: int) -> int:
    """Return how often more than `patience` epochs in a row brought no loss below the best by a ten-thousandth."""
    best, waited, found = math.inf, 0, 0
    for loss in losses:
        best, waited = (loss, 0) if loss < best * (1 - 1e-4) else (best, waited + 1)
        if waited > patience:
            found, waited = found + 1, 0
    return found
