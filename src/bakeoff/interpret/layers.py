"""Where a network's last map is, and what its blocks attend to; channels first whatever the network's own layout."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from math import isqrt
from typing import Any

import torch
from torch import Tensor, nn

from bakeoff.backbones.compat import import_timm
from bakeoff.backbones.hf import HfBackbone, pooled_features
from bakeoff.backbones.mamba import MambaBackbone
from bakeoff.interpret.subject import NotExplainable
from bakeoff.training.module import PhotoClassifier


def feature_map(module: PhotoClassifier, batch: Tensor) -> tuple[Tensor, Tensor]:
    """Return logits (N, K) and the last map (N, C, h, w), a leaf of their graph: d logit / d map is one autograd.grad.

    No graph is kept of what comes before the map. `module` is in eval mode; `batch` is (N, 3, H, W) float32 in [0, 1].

    Raises:
        NotExplainable: the network has no such map.
    """
    layer, channels, is_input = _place(module, batch[:1])
    caught: list[Tensor] = []

    def start_graph(value: Any) -> Any:
        torch.set_grad_enabled(True)  # until the forward pass ends
        map_, restore = _grid(value[0] if isinstance(value, tuple) else value, channels, module)
        caught.append(map_.detach().contiguous().requires_grad_(True))
        restored = restore(caught[-1])
        return (restored, *value[1:]) if isinstance(value, tuple) else restored

    hook = (
        layer.register_forward_pre_hook(lambda _, inputs: start_graph(inputs))
        if is_input
        else layer.register_forward_hook(lambda _, __, output: start_graph(output), prepend=True)
    )
    with hook, torch.no_grad():
        logits = module(batch)
    if len(caught) != 1:
        raise _refusal(module, f"its last map was computed {len(caught)} times")
    return logits, caught[0]


def attention(module: PhotoClassifier, batch: Tensor) -> tuple[Tensor, Tensor]:
    """Return each block's attention, heads averaged, (N, blocks, T, T), and how much the features read a token, (N, T).

    Rows attend, and sum to 1. Tokens are the prefix (the class token first), then h·w. What is read is told by the
    features' gradient by the last tokens. Fused attention, which never forms this matrix, is off meanwhile.

    Raises:
        NotExplainable: the network does not attend over all tokens at once, block by block.
    """
    backbone = module.classifier.backbone
    catch = _hf_attention if isinstance(backbone, HfBackbone) else _timm_attention
    blocks, features, tokens = catch(backbone, module.normalise(batch))
    if not blocks:
        attends = any("attention" in type(layer).__name__.lower() for layer in backbone.modules())
        how = "it attends within windows, to a summary or in some blocks only, not" if attends else "it does not attend"
        raise _refusal(module, f"{how} from every token to every token")
    if any(block.shape != (len(batch), blocks[0].shape[-1], blocks[0].shape[-1]) for block in blocks):
        raise _refusal(module, "its blocks attend within windows, or to fewer tokens than there are")
    slopes = (_slope(features, one) for one in reversed(tokens))
    if (last := next((slope for slope in slopes if slope is not None), None)) is None:
        raise _refusal(module, "it shows no tokens that its features are computed from")
    read = last.norm(dim=2)
    return torch.stack(blocks, dim=1).detach(), read / read.sum(dim=1, keepdim=True)


def _place(module: PhotoClassifier, photo: Tensor) -> tuple[nn.Module, int | None, bool]:
    """Return the layer with the last map, its number of channels (None = first axis) and whether it is its input."""
    import_timm()  # which makes torchvision importable, before a module that imports timm
    from bakeoff.backbones.plain_cnn import PlainCNN

    backbone: Any = module.classifier.backbone
    if isinstance(backbone, MambaBackbone):
        return backbone.network.norm, None, False
    if isinstance(backbone, PlainCNN):
        return backbone.stages, None, False
    if isinstance(backbone, HfBackbone):
        return _hf_layer(module, photo), None, False
    # EfficientNets have a convolution between the last of timm's feature maps and the pooling.
    if isinstance(pooling := getattr(backbone, "global_pool", None), nn.Module):
        return pooling, None, True
    try:
        last = backbone.feature_info[-1]
        layer = backbone.get_submodule(last["module"])
    except (AttributeError, TypeError, IndexError, KeyError):
        raise _refusal(module, "it does not tell where its last map is") from None
    # Behind the last block nothing but the class token is read there: the patches' gradient would be zero.
    if getattr(backbone, "global_pool", None) == "token":
        layer = getattr(layer, "norm1", layer)
    return layer, last["num_chs"], False


def _grid(found: Any, channels: int | None, module: PhotoClassifier) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Return a layer's output as (N, C, h, w), and the function that takes such a map back to the layer's layout."""
    if isinstance(found, Tensor) and found.ndim == 4 and channels in (None, found.shape[1]):
        return found, lambda map_: map_
    if isinstance(found, Tensor) and found.ndim == 4 and channels == found.shape[3]:
        return found.permute(0, 3, 1, 2), lambda map_: map_.permute(0, 2, 3, 1)
    if isinstance(found, Tensor) and found.ndim == 3:
        side = isqrt(found.shape[1])  # photos are square, and prefixes shorter than the next square is away
        prefix, patches = found.tensor_split([found.shape[1] - side**2], dim=1)
        return patches.mT.unflatten(2, (side, side)), lambda map_: torch.cat([prefix, map_.flatten(2).mT], dim=1)
    raise _refusal(module, "its last layer gives neither one map nor one row of tokens")


@torch.enable_grad()
def _hf_layer(module: PhotoClassifier, photo: Tensor) -> nn.Module:
    """Return the layer of a transformers network that gives the last hidden state whose every place counts.

    Where the class token alone is pooled that is the last but one. Names differ from model to model: the layer is
    recognised by its output.
    """
    backbone: Any = module.classifier.backbone
    outputs: list[tuple[nn.Module, Any]] = []
    with ExitStack() as hooks:
        for layer in backbone.network.modules():
            hook = layer.register_forward_hook(lambda layer, _, output: outputs.append((layer, output)))
            hooks.enter_context(hook)
        pixels = module.normalise(photo).detach().requires_grad_(True)
        answer = backbone.network(pixels, output_hidden_states=True)
    features = pooled_features(answer)
    for state in reversed(answer.get("hidden_states") or ()):
        gradient = _slope(features, state)
        layers = [
            layer for layer, output in outputs if output is state or (type(output) is tuple and output[0] is state)
        ]
        if layers and gradient is not None and _grid(gradient, None, module)[0].any():
            return layers[0]
    raise _refusal(module, "it shows no hidden state that its features are computed from")


def _slope(features: Tensor, by: Tensor) -> Tensor | None:
    """Return d features / d `by`, summed over the features (N, D); None where they are not computed from it."""
    # With weights that differ: what a layer norm gives sums to the same whatever it is given.
    score = (features * torch.linspace(1, 2, features.shape[1], device=features.device)).sum()
    return torch.autograd.grad(score, by, retain_graph=True, allow_unused=True)[0]


Caught = tuple[list[Tensor], Tensor, Sequence[Tensor]]
"""Attention (N, T, T) by block, features (N, D), and tokens (N, T, C) that these may be computed from."""


def _timm_attention(network: Any, images: Tensor) -> Caught:
    """Return what a vision transformer attends to; no attention for any other network."""
    layers: list[Any] = [getattr(block, "attn", None) for block in getattr(network, "blocks", ())]
    if not layers or not all(hasattr(layer, "fused_attn") and hasattr(layer, "attn_drop") for layer in layers):
        return [], images, []
    caught: list[Tensor] = []
    n_tokens: list[int] = []
    last: list[Tensor] = []

    def start_graph(_: Any, __: Any, output: Tensor) -> Tensor:
        torch.set_grad_enabled(True)  # until the forward pass ends
        last.append(output.detach().requires_grad_(True))
        return last[-1]

    with ExitStack() as stack:
        for layer in layers:
            stack.callback(setattr, layer, "fused_attn", layer.fused_attn)
            layer.fused_attn = False
            drop = layer.attn_drop  # the probabilities pass through it
            stack.enter_context(drop.register_forward_hook(lambda _, __, output: caught.append(output.mean(1))))
            stack.enter_context(layer.register_forward_hook(lambda _, __, output: n_tokens.append(output.shape[1])))
        stack.enter_context(network.blocks[-1].register_forward_hook(start_graph))
        stack.enter_context(torch.no_grad())
        features = network(images)
    return caught if n_tokens == [block.shape[-1] for block in caught] else [], features, last


@torch.enable_grad()
def _hf_attention(backbone: Any, images: Tensor) -> Caught:
    """Return what a transformers network tells of its attention, (N, T, T') per block; none where it has none."""
    network = backbone.network
    before = network.config._attn_implementation
    try:
        network.set_attn_implementation("eager")
        pixels = images.detach().requires_grad_(True)
        answer = network(pixels, output_attentions=True, output_hidden_states=True)
    finally:
        network.set_attn_implementation(before)
    blocks = [block.mean(1) for block in answer.get("attentions") or ()]
    return blocks, pooled_features(answer), answer.get("hidden_states") or ()


def _refusal(module: PhotoClassifier, why: str) -> NotExplainable:
    backbone: Any = module.classifier.backbone
    network = backbone.network if isinstance(backbone, HfBackbone | MambaBackbone) else backbone
    return NotExplainable(f"{type(network).__name__}: {why}.")
