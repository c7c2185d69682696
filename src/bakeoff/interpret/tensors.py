"""Between this room's arrays and Captum's tensors; imported only where a method runs."""

import contextlib
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from bakeoff.interpret.subject import Subject


def planes(images: np.ndarray) -> Tensor:
    """Return images (N, H, W, 3) as a tensor (N, 3, H, W) float32, channels last in memory."""
    return torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32)).permute(0, 3, 1, 2)


def arrays(tensor: Tensor) -> np.ndarray:
    """Return a tensor (N, C, H, W) as an array (N, H, W, C) float32."""
    return np.ascontiguousarray(tensor.detach().permute(0, 2, 3, 1).cpu().numpy(), dtype=np.float32)


def masked_function(subject: Subject) -> Callable[[Tensor], Tensor]:
    """Return the subject's fastest copy as Captum calls it: tensors (N, 3, H, W) to scores (N, K), no gradients."""
    return lambda images: torch.from_numpy(subject.masked_scores(arrays(images)))


@contextlib.contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """Let the block draw the same numbers each time, from PyTorch and NumPy, and leave both generators as they were."""
    held = np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(held)
