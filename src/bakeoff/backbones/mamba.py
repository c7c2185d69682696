"""MambaVision through its own package, with the package's traps closed; its selective scan is `bakeoff.scan`'s.

The package's code is under the NVIDIA Source Code License-NC and its weights under CC-BY-NC-SA-4.0: non-commercial.
"""

import importlib
import warnings
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from bakeoff.backbones.compat import import_timm
from bakeoff.backbones.mamba_layers import run_stage
from bakeoff.backbones.names import unknown_name
from bakeoff.core.errors import SetupError
from bakeoff.scan.dispatch import check_name, selective_scan
from bakeoff.scan.stand_in import standin

_DEPRECATED = r"Importing from timm\.models\.(registry|layers) is deprecated"


class MambaBackbone(nn.Module):
    """MambaVision without its classifier: images (N, 3, H, W) to pooled features (N, num_features)."""

    def __init__(self, network: Any, scan: str) -> None:
        super().__init__()
        self.network = network
        if not isinstance(network.norm, nn.BatchNorm2d):
            raise SetupError(f"mambavision: expected a BatchNorm2d before pooling, got {type(network.norm).__name__}.")
        self.num_features = network.norm.num_features  # the package names no width
        self.scan = scan

    def forward_stages(self, images: Tensor) -> list[Tensor]:
        """Return the maps (N, C_i, H_i, W_i) of the four stages, 4, 8, 16 and 32 px apart, each before downsampling."""
        network: Any = self.network
        if images.device.type == "cpu":
            images = images.contiguous(memory_format=torch.channels_last)
        maps, stages = network.patch_embed(images), []
        for level in network.levels:
            stages.append(run_stage(level, maps, self.scan))
            maps = stages[-1] if level.downsample is None else level.downsample(stages[-1])
        return stages

    def forward(self, images: Tensor) -> Tensor:
        """Return pooled features (N, num_features) of images (N, 3, H, W)."""
        network: Any = self.network
        return network.avgpool(network.norm(self.forward_stages(images)[-1])).flatten(1)


def import_mambavision() -> ModuleType:
    """Return the package's model module, its scan bound to `bakeoff.scan`; an installed mamba_ssm is left alone.

    Raises:
        SetupError: mambavision is not installed.
    """
    import_timm()
    with warnings.catch_warnings(), standin():
        warnings.filterwarnings("ignore", message=_DEPRECATED, category=FutureWarning)
        try:
            module = importlib.import_module("mambavision.models.mamba_vision")
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] != "mambavision":
                raise
            raise SetupError(
                "the package mambavision is not installed; `make setup` installs it without its dependencies "
                "(pip install --no-deps mambavision==1.2.0)."
            ) from None
    module.__dict__["selective_scan_fn"] = selective_scan
    return module


def default_cfg(name: str) -> dict[str, Any]:
    """Return the package's own preprocessing and weights address of one model.

    Raises:
        ParamsError: no such model, with the near and the legal names.
    """
    known = import_mambavision().default_cfgs
    if name not in known:
        raise unknown_name("MambaVision model", name, list(known))
    return dict(known[name])


def build_mambavision(name: str, *, scan: str = "auto") -> MambaBackbone:
    """Return a MambaVision backbone with fresh weights.

    Raises:
        ParamsError: unknown name or scan (`auto` or one that `scan.implementation` may take).
    """
    default_cfg(name)
    check_name(scan)
    return MambaBackbone(getattr(import_mambavision(), name)(pretrained=False, num_classes=0), scan)


def architecture_name(name: str) -> str:
    """Return what people call it: `MambaVision-B`."""
    return "MambaVision-" + name.removeprefix("mamba_vision_").replace("_", "-")
