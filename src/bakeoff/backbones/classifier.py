"""A backbone with a head sized to the catalogue's classes: building, strict loading, freezing. training/ trains it."""

import re
from itertools import chain
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from bakeoff.backbones.compat import import_timm
from bakeoff.backbones.loading import load_state, read_checkpoint
from bakeoff.backbones.networks import build_backbone
from bakeoff.core.errors import ParamsError
from bakeoff.core.modes import Mode
from bakeoff.records.recipe import HeadParams
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.weights import read_record


class Classifier(nn.Module):
    """Pooled backbone features, then a head: images (N, 3, H, W) normalised to logits (N, K)."""

    def __init__(self, backbone: nn.Module, head: nn.Module, n_features: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.n_features = n_features
        self.holds_batch_norm = False

    def features(self, images: Tensor) -> Tensor:
        """Return the pooled features (N, D) of normalised images (N, 3, H, W)."""
        return self.backbone(images)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, K) of normalised images (N, 3, H, W)."""
        return self.head(self.features(images))

    def train(self, mode: bool = True) -> Self:
        """Switch to training; what has parameters and learns none stays in eval, with all in it.

        So batch-norm statistics and dropout stay still there. So does every batch norm of the backbone with
        `holds_batch_norm`.
        """
        super().train(mode)
        learning = [parameter.requires_grad for parameter in self.backbone.parameters()]
        if not any(learning):
            self.backbone.eval()
        elif not all(learning) or self.holds_batch_norm:
            for module in self.backbone.modules():
                learns = [parameter.requires_grad for parameter in module.parameters()]
                is_held = self.holds_batch_norm and isinstance(module, nn.modules.batchnorm._BatchNorm)
                if is_held or (learns and not any(learns)):
                    module.eval()
        return self


def build_head(params: HeadParams, *, n_features: int, n_classes: int) -> nn.Sequential:
    """Return [Linear, BatchNorm, ReLU, Dropout] per hidden width, then Dropout and Linear: (N, D) to (N, K)."""
    layers: list[nn.Module] = []
    width = n_features
    for hidden in params.hidden:
        layers.append(nn.Linear(width, hidden))
        if params.batch_norm:
            layers.append(nn.BatchNorm1d(hidden))
        layers += [nn.ReLU(), nn.Dropout(params.dropout)]
        width = hidden
    return nn.Sequential(*layers, nn.Dropout(params.dropout), nn.Linear(width, n_classes))


def build_classifier(
    settings: CandidateSettings,
    *,
    n_classes: int,
    seed: int,
    weights_dir: Path | None,
    scan: str = "auto",
    network_dir: Path | None = None,
) -> Classifier:
    """Return the candidate, its backbone loaded strictly from `weights_dir`, weights/<model>/ with its record.json.

    The initialisation of the head, and of the backbone where the record says `random` or `weights_dir` is None, depends
    on `seed` alone and leaves the global random state as it was. `scan` is MambaVision's selective scan, `auto` or a
    name that `scan.implementation` may take; a transformers model's config.json is in `network_dir` (None =
    `weights_dir`).

    A WeightsError where a transformers model has no config.json or a file is of another architecture.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone, n_features = build_backbone(settings, scan=scan, network_dir=network_dir or weights_dir)
        # A generator state of its own: the head's start does not depend on the backbone's number of draws.
        torch.manual_seed(seed)
        head = build_head(settings.head, n_features=n_features, n_classes=n_classes)
    if weights_dir is not None and (file := read_record(weights_dir).file):
        state = read_checkpoint(weights_dir / file, prefixes=())  # its keys are the backbone's own
        load_state(backbone, state, architecture=settings.architecture, where=str(weights_dir / file))
    return Classifier(backbone, head, n_features)


def set_mode(classifier: Classifier, mode: Mode, *, epoch: int | None = None) -> None:
    """Let the head learn, and all of the backbone, its last stages, or nothing of it.

    A frozen backbone takes no gradient and stays in eval also after `classifier.train()`. Mode `gradual` lets the head
    alone learn in epoch 1, and one stage more in each that follows (Howard and Ruder 2018, arXiv:1801.06146). A
    ParamsError where the backbone has fewer stages.
    """
    trained = epoch - 1 if epoch is not None and mode.family == "gradual" else mode.trained
    classifier.backbone.requires_grad_(trained is None)
    if trained:
        stages = layer_groups(classifier.backbone, coarse=True)
        if mode.family == "partial" and trained > len(stages):
            raise ParamsError(f"mode {mode.name}: this backbone has {len(stages)} stages; take partial_1 to finetune.")
        for name in chain.from_iterable(stages[-trained:]):
            classifier.backbone.get_parameter(name).requires_grad_(True)
    classifier.head.requires_grad_(True)
    classifier.train(classifier.training)


def layer_groups(backbone: nn.Module, *, coarse: bool) -> list[list[str]]:
    """Return names of parameters, a list per stage (`coarse`) or block, from the input to the output.

    A group of norms and biases alone, such as the last norm, is part of the one before it. timm's networks say their
    groups themselves (`group_matcher`). Others are divided by the numbers in their parameters' names, in the order in
    which they were registered: `levels.2.blocks.5.…` is of stage `levels.2` and block `levels.2.blocks.5`.
    """
    import_timm()
    from timm.models._manipulate import group_parameters

    by_group: dict[Any, list[str]] = {}
    if matcher := getattr(backbone, "group_matcher", None):
        by_group = group_parameters(backbone, matcher(coarse=coarse))
    else:
        pattern = re.compile(r"(\D*?\.\d+)\." if coarse else r"(\D*?\.\d+(?:\.(?:\D*\.)?\d+)?)\.")
        for name, _ in backbone.named_parameters():
            found = pattern.match(name)
            by_group.setdefault(found[1] if found else name.partition(".")[0], []).append(name)
    groups: list[list[str]] = []
    for names in by_group.values():
        if groups and all(backbone.get_parameter(name).ndim < 2 for name in names):
            groups[-1] += names
        else:
            groups.append(names)
    return groups


def n_parameters(classifier: nn.Module, *, trainable_only: bool = False) -> int:
    """Return the number of parameters, head included, or of those that take a gradient."""
    return sum(one.numel() for one in classifier.parameters() if one.requires_grad or not trainable_only)
