"""Between this room's arrays and Captum's tensors; imported only where a method runs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def planes(images: np.ndarray) -> Tensor:
    """Return images (N, H, W, 3) as a tensor (N, 3, H, W) float32, channels last in memory."""
    return torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32)).permute(0, 3, 1, 2)


def arrays(tensor: Tensor) -> np.ndarray:
    """Return a tensor (N, C, H, W) as an array (N, H, W, C) float32."""
    return np.ascontiguousarray(tensor.detach().permute(0, 2, 3, 1).cpu().numpy(), dtype=np.float32)


def torch_function(
    scores: Callable[[np.ndarray], np.ndarray], slopes: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> Callable[[Tensor], Tensor]:
    """Return a PyTorch function with gradients, tensors (N, 3, H, W) to (N, K), of what takes and gives arrays.

    `scores` takes images (N, H, W, 3) to (N, K), `slopes` images and weights (N, K) to d (weights · scores) / d image.
    """
    return lambda images: _ByArrays.apply(images, scores, slopes)  # type: ignore[return-value]


class _ByArrays(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, scores: Any, slopes: Any) -> Tensor:
        ctx.images, ctx.slopes = arrays(images), slopes
        return torch.from_numpy(scores(ctx.images))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, weights: Tensor) -> tuple[Tensor, None, None]:
        return planes(ctx.slopes(ctx.images, weights.numpy())), None, None


def photo_by_photo(attribute: Callable[[Tensor, int], Tensor], images: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return what `attribute` makes of each photo (1, 3, H, W) and its class, tensors (1, C, H, W), as (N, H, W, C).

    Each draws the same numbers, from PyTorch and NumPy (Lime), whose generators are left as they were.
    """
    held, found = np.random.get_state(), []
    with torch.random.fork_rng(devices=[]):
        try:
            for image, target in zip(images, targets, strict=True):
                torch.manual_seed(0)
                np.random.seed(0)
                found.append(attribute(planes(image[None]), int(target)))
        finally:
            np.random.set_state(held)
    return arrays(torch.cat(found))
