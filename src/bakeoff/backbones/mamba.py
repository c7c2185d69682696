"""MambaVision through its own package, with the package's traps closed; its selective scan is `bakeoff.scan`'s.

The package's code is under the NVIDIA Source Code License-NC and its weights under CC-BY-NC-SA-4.0: non-commercial.

It transposes to channels first for its CUDA kernel and back, pads for its convolutions, and copies windows that cover
the whole map. On a CPU these copies cost more than the scan, so here tokens stay side by side in memory from one stage
to the next; parameters and function are the package's.
"""

import importlib
import warnings
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bakeoff.backbones.compat import import_timm
from bakeoff.core.errors import SetupError, unknown_name
from bakeoff.scan.dispatch import selective_scan
from bakeoff.scan.mamba_ssm import standin

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
            stages.append(_run_stage(level, maps, self.scan))
            maps = stages[-1] if level.downsample is None else level.downsample(stages[-1])
        return stages

    def forward(self, images: Tensor) -> Tensor:
        """Return pooled features (N, num_features) of images (N, 3, H, W)."""
        network: Any = self.network
        return network.avgpool(network.norm(self.forward_stages(images)[-1])).flatten(1)


def import_mambavision() -> ModuleType:
    """Return the package's model module, its scan bound to `bakeoff.scan`; an installed mamba_ssm is left alone.

    A SetupError where mambavision is not installed.
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
    """Return the package's own preprocessing and weights address of one model; a ParamsError for an unknown one."""
    known = import_mambavision().default_cfgs
    if name not in known:
        raise unknown_name("MambaVision model", name, list(known))
    return dict(known[name])


def build_mambavision(name: str, *, scan: str = "auto") -> MambaBackbone:
    """Return a MambaVision backbone with fresh weights; a ParamsError for a name that is not known."""
    default_cfg(name)
    return MambaBackbone(getattr(import_mambavision(), name)(pretrained=False, num_classes=0), scan)


def _run_stage(level: Any, maps: Tensor, scan: str) -> Tensor:
    """Return one stage's map (N, C, H, W) of its input of the same shape, before the stage's downsampling.

    The package's layer has convolution blocks, or mixers and attention over windows.
    """
    if not level.transformer_block:
        for block in level.blocks:
            maps = block(maps)
        return maps
    size, (batch, channels, height, width) = level.window_size, maps.shape
    rows, columns = -(-height // size), -(-width // size)
    if height == width == size:
        tokens = maps.flatten(2).mT  # the windows' tokens (M, size², C), row by row
    else:
        maps = F.pad(maps, (0, -width % size, 0, -height % size))
        apart = maps.unflatten(3, (columns, size)).unflatten(2, (rows, size))  # (N, C, rows, s, columns, s)
        tokens = apart.permute(0, 2, 4, 3, 5, 1).reshape(-1, size * size, channels)
    for block in level.blocks:
        tokens = _run_block(block, tokens, scan)
    if rows == columns == 1:
        maps = tokens.mT.unflatten(2, (size, size))
    else:
        apart = tokens.view(batch, rows, columns, size, size, channels)
        maps = apart.permute(0, 5, 1, 3, 2, 4).reshape(batch, channels, rows * size, columns * size)
    return maps[:, :, :height, :width]


def _run_block(block: Any, tokens: Tensor, scan: str) -> Tensor:
    """Return the residual block's tokens (M, T, C): mixer or attention, then the perceptron."""
    normed = block.norm1(tokens)
    mixed = mix(block.mixer, normed, scan) if hasattr(block.mixer, "A_log") else block.mixer(normed)
    tokens = tokens + block.drop_path(_scaled(mixed, block.gamma_1))
    return tokens + block.drop_path(_scaled(block.mlp(block.norm2(tokens)), block.gamma_2))


def _scaled(values: Tensor, gamma: Tensor | int) -> Tensor:
    return gamma * values if isinstance(gamma, Tensor) else values  # without layer scale the package multiplies by 1


def mix(mixer: Any, tokens: Tensor, scan: str) -> Tensor:
    """Return the mixer's tokens (M, T, C): half of the channels through the selective scan, half past it.

    The bias of dt_proj enters twice, inside the projection and as the scan's delta_bias: published weights want it so.

    Source: Hatamizadeh and Kautz 2024, MambaVision, section 3.3, doi:10.48550/arXiv.2407.08083.
    """
    filtered = F.silu(_filter(mixer.in_proj(tokens), mixer.conv1d_x, mixer.conv1d_z))  # (M, T, 2d)
    u, past = filtered.chunk(2, dim=-1)
    step, B, C = mixer.x_proj(u).split([mixer.dt_rank, mixer.d_state, mixer.d_state], dim=-1)
    given = (u.mT, mixer.dt_proj(step).mT, -torch.exp(mixer.A_log.float()), B.mT, C.mT, mixer.D.float())
    bias = mixer.dt_proj.bias.float()
    y = selective_scan(*given, delta_bias=bias, delta_softplus=True, implementation=scan)
    assert isinstance(y, Tensor)
    return mixer.out_proj(torch.cat([y.mT, past], dim=-1))


def _filter(tokens: Tensor, *convolutions: nn.Conv1d) -> Tensor:
    """Return the tokens (M, T, C) after depthwise convolutions along T, each over its share of the channels.

    As one two-dimensional convolution over a map of height 1, whose channels-last layout is what the tokens have.
    """
    weight = torch.cat([convolution.weight for convolution in convolutions])[:, :, None]  # (C, 1, 1, k)
    biases = [convolution.bias for convolution in convolutions if convolution.bias is not None]
    size = weight.shape[-1]
    maps = tokens.mT.unsqueeze(2)  # (M, C, 1, T)
    if size % 2 == 0:
        maps = F.pad(maps, (0, 1))  # an even kernel looks one step further ahead than back
    filtered = F.conv2d(
        maps, weight, torch.cat(biases) if biases else None, padding=(0, (size - 1) // 2), groups=tokens.shape[-1]
    )
    return filtered.squeeze(2).mT
