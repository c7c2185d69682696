"""Changes to training photos, drawn per batch on the CPU so that neither workers nor the device alter the draw."""

from collections.abc import Callable

import torch
from torch import Tensor

Augmentation = Callable[[Tensor, torch.Generator], Tensor]


def keep(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return the photos as they are."""
    return images


def flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return the photos, each mirrored left to right with probability 0.5.

    Args:
        images: (N, C, H, W), any type.
        generator: a CPU generator; one draw per photo.
    """
    chosen = torch.rand(images.shape[0], generator=generator).to(images.device) < 0.5
    return torch.where(chosen[:, None, None, None], images.flip(-1), images)


AUGMENTATIONS: dict[str, Augmentation] = {"none": keep, "flip": flip}
