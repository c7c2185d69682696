"""Copies of a network for prediction, and for gradients by photos, on a CPU: batch norms folded, weights packed.

PyTorch's float32 linear layers call Intel's MKL, which takes half of the speed of oneDNN on AMD processors, and every
convolution packs its weights again. The copies compute the same function up to rounding and cannot be trained.
"""

import copy
from itertools import chain, pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.fusion import fuse_conv_bn_eval

from bakeoff.core.errors import SetupError

_HAS_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
_BLOCKS = "timm.models._efficientnet_blocks"
_SEQUENCES = {
    "timm.layers.mlp.Mlp": ("fc1", "act"),
    "mambavision.models.mamba_vision.ConvBlock": ("conv1", "norm1", "act1", "conv2", "norm2"),
    "timm.models.efficientnet.EfficientNet": ("conv_stem", "bn1", "blocks", "conv_head", "bn2"),
    f"{_BLOCKS}.DepthwiseSeparableConv": ("conv_dw", "bn1", "aa", "se", "conv_pw", "bn2"),
    f"{_BLOCKS}.InvertedResidual": ("conv_pw", "bn1", "conv_dw", "bn2", "aa", "se", "conv_pwl", "bn3"),
    f"{_BLOCKS}.SqueezeExcite": ("conv_reduce", "act1", "conv_expand", "gate"),
}
"""By class: children that surely run one right after the other. Names alone prove nothing: other classes with `fc1` and
`act` split or norm in between, and others hold a batch norm named `norm1` that runs before `conv1`."""


class PackedLinear(nn.Module):
    """A linear layer (…, D) → (…, E), its weights packed for oneDNN, an activation (`_fusible`) fused in."""

    def __init__(self, linear: nn.Linear, activation: tuple[str, str]) -> None:
        super().__init__()
        self.bias = None if linear.bias is None else linear.bias.detach()
        self.packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach().contiguous(), None)
        self.post, self.algorithm = activation

    def forward(self, values: Tensor) -> Tensor:
        """Return (…, E) of values (…, D)."""
        return torch.ops.mkldnn._linear_pointwise(values, self.packed, self.bias, self.post, [], self.algorithm)


class DifferentiableLinear(nn.Module):
    """A linear layer (…, D) → (…, E) and its first gradient by the values, both with weights packed for oneDNN."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias  # for code that reads them
        weight = linear.weight.detach()
        self.packed = [torch.ops.mkldnn._reorder_linear_weight(one.contiguous(), None) for one in (weight, weight.T)]

    def forward(self, values: Tensor) -> Tensor:
        """Return (…, E) of values (…, D)."""
        return _Linear.apply(values, *self.packed, self.bias)  # type: ignore[return-value]


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, packed: Tensor, transposed: Tensor, bias: Tensor | None) -> Tensor:
        ctx.transposed = transposed
        return torch.ops.mkldnn._linear_pointwise(values, packed, bias, "none", [], "")

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor, None, None, None]:
        found = torch.ops.mkldnn._linear_pointwise(slopes.contiguous(), ctx.transposed, None, "none", [], "")
        return found, None, None, None


class PackedConv2d(nn.Module):
    """A convolution (N, C, H, W) → (N, K, H', W') in channels-last memory, packed and fused likewise."""

    def __init__(self, convolution: nn.Conv2d, activation: tuple[str, str]) -> None:
        super().__init__()
        self.bias = None if convolution.bias is None else convolution.bias.detach()
        sides = (convolution.padding, convolution.stride, convolution.dilation)
        self.geometry = (*([*side] for side in sides), convolution.groups)
        weight = convolution.weight.detach().contiguous(memory_format=torch.channels_last)
        self.packed = torch.ops.mkldnn._reorder_convolution_weight(weight, *self.geometry)
        self.post, self.algorithm = activation

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, K, H', W') of maps (N, C, H, W)."""
        maps = maps.contiguous(memory_format=torch.channels_last)
        return torch.ops.mkldnn._convolution_pointwise(
            maps, self.packed, self.bias, *self.geometry, self.post, [], self.algorithm
        )


def for_cpu_inference(network: nn.Module) -> nn.Module:
    """Return a copy of `network` in evaluation mode that predicts faster on a CPU; float32, and not for training.

    Folds what is surely a pair (in a Sequential, MambaVision's blocks and timm's Mlp) and packs every float32 linear
    layer and convolution of PyTorch's own classes; subclasses may do more and stay. Outputs agree with the original's
    within float32 rounding. A network whose code reads the `weight` of a linear layer itself (BEiT,
    nn.TransformerEncoderLayer) raises an AttributeError when it runs; a SetupError where this PyTorch has no oneDNN.
    """
    if not _HAS_ONEDNN:
        raise SetupError("packing a network for a CPU needs a PyTorch with oneDNN (torch.backends.mkldnn).")
    network = _folded(copy.deepcopy(network).cpu()).requires_grad_(False)
    for module in list(network.modules()):
        _pack_children(module)
    return network


def for_cpu_gradients(network: nn.Module) -> nn.Module:
    """Return a copy of a CPU's network in evaluation mode whose gradient by its photos is faster; it shares parameters.

    Linear layers of PyTorch's own class are packed both ways (1.1 times as fast for MambaVision-T and Swin-T). The
    network itself comes back where this PyTorch has no oneDNN.
    """
    if not _HAS_ONEDNN:
        return network
    shared = {id(one): one for one in chain(network.parameters(), network.buffers())}
    network = _folded(copy.deepcopy(network, shared))
    for module in list(network.modules()):
        for name, child in list(module._modules.items()):
            if type(child) is nn.Linear and child.weight.dtype == torch.float32:
                setattr(module, name, DifferentiableLinear(child))
    return network


def _folded(network: nn.Module) -> nn.Module:
    """Return a network in evaluation mode with its batch norms folded into the convolutions before them."""
    network.eval()
    for module in list(network.modules()):
        _fold_batch_norms(module)
    return network


def _fold_batch_norms(module: nn.Module) -> None:
    for first, second in pairwise(_in_order(module)):
        convolution, norm = module.get_submodule(first), module.get_submodule(second)
        if type(convolution) is not nn.Conv2d or not isinstance(norm, nn.BatchNorm2d) or norm.running_mean is None:
            continue
        if (act := _act_of(norm)) is not None:
            setattr(module, first, fuse_conv_bn_eval(convolution, norm))
            setattr(module, second, act)


def _act_of(norm: nn.BatchNorm2d) -> nn.Module | None:
    """Return what a batch norm does to its result, nothing or timm's activation; None where that is not known."""
    if type(norm) is nn.BatchNorm2d:
        return nn.Identity()
    is_timms = _name(norm) == "timm.layers.norm_act.BatchNormAct2d" and isinstance(norm.drop, nn.Identity)
    return norm.get_submodule("act") if is_timms else None


def _pack_children(module: nn.Module) -> None:
    for name, child in list(module._modules.items()):
        follower = _follower(module, name)
        activation = _fusible(module.get_submodule(follower)) if follower else None
        packing = activation or ("none", "")
        if type(child) is nn.Linear and child.weight.dtype == torch.float32:
            setattr(module, name, PackedLinear(child, packing))
        elif type(child) is nn.Conv2d and child.weight.dtype == torch.float32 and _is_plain(child):
            setattr(module, name, PackedConv2d(child, packing))
        else:
            continue
        if activation and follower:
            setattr(module, follower, nn.Identity())


def _is_plain(convolution: nn.Conv2d) -> bool:
    return convolution.padding_mode == "zeros" and not isinstance(convolution.padding, str)


def _in_order(module: nn.Module) -> list[str]:
    """Return the names of the children that certainly run one right after the other, a shared child at each place."""
    if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward:
        return list(module._modules)
    return list(_SEQUENCES.get(_name(module), ()))


def _name(module: nn.Module) -> str:
    return f"{type(module).__module__}.{type(module).__qualname__}"


def _follower(module: nn.Module, name: str) -> str | None:
    """Return the name of the child that certainly runs right after `name`, batch norms that were folded left out."""
    names = _in_order(module)
    rest = names[names.index(name) + 1 :] if name in names else []
    return next((other for other in rest if not isinstance(module.get_submodule(other), nn.Identity)), None)


def _fusible(module: nn.Module) -> tuple[str, str] | None:
    """Return oneDNN's names, operation and algorithm, of an activation that it fuses; None for any other module."""
    if isinstance(module, nn.GELU):
        return "gelu", module.approximate
    names = {nn.ReLU: "relu", nn.SiLU: "swish", nn.Sigmoid: "sigmoid"}
    return next(((name, "") for kind, name in names.items() if isinstance(module, kind)), None)
