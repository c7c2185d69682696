"""Where a partly trained backbone begins to learn: what enters its first trained stage is cached as features are.

A network is divided by what it does, not by its name: a pass shows which modules are over before the first one that
learns is called. One that does not give the same scores without them learns from photos.
"""

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bakeoff.core.code import code_digest
from bakeoff.data.table import Catalogue
from bakeoff.records.training import TrainingHeader
from bakeoff.training.features import Features, Pass, cached_pass, pass_folder
from bakeoff.training.module import PhotoClassifier
from bakeoff.training.parallel import of_first

_SHARE_OF_DISK = 0.5


@dataclass(frozen=True)
class Tail:
    """The part of a network that learns."""

    first: nn.Module
    skipped: Sequence[nn.Module]  # modules that are over before `first` is called
    shape: tuple[int, ...]  # of what `first` is given for one photo


class _ReachedError(Exception):
    """The first module that learns is called."""


def find_tail(model: PhotoClassifier, photos: Tensor) -> Tail | None:
    """Return where the training of a network starts; None where it does not start at a module with one input.

    The model is on its device, and what is trained of its backbone, nothing else, takes a gradient; it is tried with
    photos (N, 3, H, W), N at least 1.
    """
    learning = {module for module in model.classifier.backbone.modules() if _learns(module)}
    over: list[nn.Module] = []
    found: list[tuple[nn.Module, Any]] = []
    again: list[nn.Module] = []

    def enter(module: nn.Module, given: tuple[Any, ...]) -> None:
        if not found and module in learning:
            found.append((module, given))
        elif found and module in over:
            again.append(module)

    def leave(module: nn.Module, *_: Any) -> None:
        if not found:
            over.append(module)

    model.eval()
    with torch.inference_mode(), ExitStack() as hooks:
        for module in model.classifier.backbone.modules():
            hooks.enter_context(module.register_forward_pre_hook(enter))
            hooks.enter_context(module.register_forward_hook(leave))
        scores = model(photos)
    if not found or not over or again or len(found[0][1]) != 1 or not isinstance(maps := found[0][1][0], Tensor):
        return None
    tail = Tail(found[0][0], over, tuple(maps.shape[1:]))
    with torch.inference_mode(), fed_with_maps(model, tail):
        try:
            return tail if torch.equal(model(maps), scores) else None
        except (RuntimeError, TypeError, ValueError, IndexError, AttributeError, AssertionError):
            return None  # its own code between two modules wants a photo


@contextmanager
def fed_with_maps(model: PhotoClassifier, tail: Tail) -> Iterator[None]:
    """Let the network take maps in place of photos: what is over before passes on what it is given."""
    replaced: list[tuple[Any, str]] = [(module, "forward") for module in tail.skipped]
    replaced.append((model, "normalise"))
    try:
        for owner, name in replaced:
            setattr(owner, name, _first)
        yield
    finally:
        for owner, name in replaced:
            vars(owner).pop(name, None)


def cached_maps(
    model: PhotoClassifier, catalogue: Catalogue, tail: Tail, header: TrainingHeader, *, workers: int = 0
) -> Features | None:
    """Return the maps (N, …) of the train and validation products, as `bakeoff.training.features.cached_features`.

    Return None, and say so on stderr, where none are there and they would take more than half of the free disk.
    """
    kept = np.flatnonzero(catalogue.products["split"].isin(["train", "validation"]))
    catalogue = replace(catalogue, products=catalogue.products.iloc[kept].reset_index(drop=True))

    def reach(images: Tensor) -> Tensor:
        given: list[Tensor] = []

        def stop(_: nn.Module, args: tuple[Tensor, ...]) -> None:
            given.extend(args)
            raise _ReachedError

        with tail.first.register_forward_pre_hook(stop), suppress(_ReachedError):
            model(images)
        return given[0].contiguous()

    made = Pass(tail.shape, (header.mode, code_digest(Path(__file__).resolve())), lambda _: reach, what="maps")
    needed = 4 * len(kept) * torch.Size(tail.shape).numel()
    folder = pass_folder(made, catalogue, header)
    if not of_first(folder.is_dir() or needed <= _SHARE_OF_DISK * shutil.disk_usage(folder.parent).free):
        sys.stderr.write(
            f"bakeoff: the maps of {header.title} would take {needed / 2**30:.1f} GiB in {folder.parent}, more than "
            "half of what is free; it learns from photos.\n"
        )
        return None
    model.eval()
    return replace(cached_pass(made, catalogue, header, workers=workers), kept=kept)


def _learns(module: nn.Module) -> bool:
    own = [parameter.requires_grad for parameter in module.parameters()]
    return bool(own) and all(own)


def _first(given: Any, *_: Any, **__: Any) -> Any:
    return given
