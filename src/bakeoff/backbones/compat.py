"""Import torchvision, timm and transformers where torchvision's CUDA wheel meets a CPU-only torch."""

import importlib
import sys
from types import ModuleType
from typing import Any

_OPERATORS = ("nms", "qnms")
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_kept_alive: list[Any] = []  # a torch.library.Library takes its operators with it when it is collected


def import_torchvision() -> ModuleType:
    """Return torchvision; where its C++ extension does not load, declare the two operators its Python side looks up.

    `torchvision.ops.nms` and `torchvision.io` stay without function then; transforms and image processors work.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    _drop_half_imported("torchvision")
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in _OPERATORS:
        library.define(f"{name}{_SCHEMA}")
    _kept_alive.append(library)
    return importlib.import_module("torchvision")


def import_timm() -> ModuleType:
    """Return timm, with torchvision made importable first, and our own network among its models."""
    import_torchvision()
    timm = importlib.import_module("timm")
    from bakeoff.backbones import plain_cnn  # noqa: F401  registers it

    return timm


def import_transformers() -> ModuleType:
    """Return transformers, with torchvision made importable first."""
    import_torchvision()
    return importlib.import_module("transformers")


def _drop_half_imported(package: str) -> None:
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]
