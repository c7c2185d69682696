"""Random changes to training photos, on the CPU: a product's are drawn from a stream of its own.

So neither workers nor order nor a resumed training can change them.
"""

import importlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from bakeoff.backbones.compat import import_torchvision
from bakeoff.data.photo import Photo
from bakeoff.data.transforms import resize_crop, transform_photo
from bakeoff.learning.augmentation import GREY, WHITE, MixParams, Recipe
from bakeoff.records.settings import Geometry

import_torchvision()
v2 = importlib.import_module("torchvision.transforms.v2")


class Augment:
    """Changes a candidate's training photos; picklable, for loader processes."""

    def __init__(self, params: Recipe, used: Geometry, class_sizes: Sequence[int] | np.ndarray) -> None:
        """Take the choice of params.yaml, the candidate's resize and crop, and (K,) photos to train on by class."""
        self.used = used
        self.crop = v2.RandomResizedCrop(used.image_size, scale=(params.min_crop or 1.0, 1.0))
        self.crops = params.min_crop is not None
        erasing = (params.random_erasing, [("RandomErasing", {"p": 1, "value": GREY})])
        self.steps = [
            [(probability, [_build(*change) for change in changes]) for probability, changes in steps if probability]
            for steps in ([*params.steps(int(n)), erasing] for n in class_sizes)
        ]

    def __call__(self, photo: Photo, *, label_id: int, seed: int) -> np.ndarray:
        """Return a photo as (H, W, 3) uint8 as `transform_photo` does, changed at random.

        A crop is taken from the photo as it is stored, before it is resized. PyTorch's own generators stay as they are;
        one thread computes, for several round sums over a photo otherwise.

        Args:
            photo: decoded, RGB, any size.
            label_id: its class, below K.
            seed: `derive_seed(seed, "augment", epoch, product_id)`.
        """
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with own_stream(seed):
                pixels = self._cropped(photo) if self.crops else transform_photo(photo, self.used)
                image = torch.from_numpy(pixels.transpose(2, 0, 1).copy())
                for probability, changes in self.steps[label_id]:
                    if torch.rand(()) < probability:
                        image = changes[int(torch.randint(len(changes), ()))](image)
        finally:
            torch.set_num_threads(threads)
        return image.permute(1, 2, 0).contiguous().numpy()

    def _cropped(self, photo: Photo) -> np.ndarray:
        pixels = np.asarray(photo)
        top, left, height, width = self.crop.make_params([torch.empty(pixels.shape[:2], device="meta")[None]]).values()
        part = pixels[top : top + height, left : left + width]
        side, interpolation = self.used.image_size, self.used.interpolation
        return resize_crop(part, side, crop_pct=1, interpolation=interpolation, crop_mode="squash")


@contextmanager
def own_stream(seed: int) -> Iterator[None]:
    """Let PyTorch draw from `seed` on the CPU; its own generator is as before afterwards, a GPU's is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def mix_batch(
    params: MixParams, inputs: Tensor, targets: Tensor, weights: Tensor, *, n_classes: int, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return a shuffled batch in which each photo is mixed with the one before it, all in the same proportion λ.

    Where a loss is linear in the target, a mixed photo's is λ w₁ loss(y₁) + (1 - λ) w₂ loss(y₂).

    Args:
        params: mixup or CutMix.
        inputs: (N, 3, H, W) uint8, or float32 in [0, 1], on any device.
        targets: (N,) int64 or (N, K) float32, rows sum to 1.
        weights: (N,) float32, each above 0.
        n_classes: K.
        seed: `derive_seed(seed, "mix", epoch, batch)`.

    Returns:
        Photos (N, 3, H, W) float32 in [0, 1], targets (N, K) float32, weights (N,) float32.
    """
    photos = inputs.float() / 255 if inputs.dtype == torch.uint8 else inputs
    shares = torch.nn.functional.one_hot(targets, n_classes).float() if targets.dim() == 1 else targets
    kinds = [kind(alpha=alpha) for kind, alpha in ((v2.MixUp, params.mixup), (v2.CutMix, params.cutmix)) if alpha]
    with own_stream(seed):
        if torch.rand(()) >= params.probability:
            return photos, shares, weights
        photos, weighted = kinds[int(torch.randint(len(kinds), ()))](photos, shares * weights[:, None])
    weights = weighted.sum(dim=1)
    return photos, weighted / weights[:, None], weights


@dataclass(frozen=True)
class _Drawn:
    """A function of a photo and a strength, which is drawn evenly between two bounds."""

    function: Callable[[Tensor, float], Tensor]
    bounds: tuple[float, float]

    def __call__(self, image: Tensor) -> Tensor:
        return self.function(image, float(torch.empty(()).uniform_(*self.bounds)))


def _add_noise(image: Tensor, variance: float) -> Tensor:
    return (image + torch.randn(image.shape) * variance**0.5).round_().clamp_(0, 255).to(torch.uint8)


def _recompress(image: Tensor, quality: float) -> Tensor:
    """Return the photo as a JPEG, by Pillow: torchvision's needs its C++ extension."""
    buffer = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()).save(buffer, "JPEG", quality=round(quality))
    return torch.from_numpy(np.array(Image.open(buffer))).permute(2, 0, 1)


def _cut_out(n_squares: int, side: float) -> Callable[[Tensor], Tensor]:
    return v2.Compose([v2.RandomErasing(1, (side**2, side**2), ratio=(1, 1), value=GREY)] * n_squares)


_OURS: dict[str, Callable[..., Callable[[Tensor], Tensor]]] = {
    "noise": partial(_Drawn, _add_noise),
    "gamma": partial(_Drawn, v2.functional.adjust_gamma),
    "jpeg": partial(_Drawn, _recompress),
    "blur": partial(v2.GaussianBlur, 7),
    "cutout": _cut_out,
    "auto_augment": lambda policy: v2.AutoAugment(v2.AutoAugmentPolicy(policy), fill=WHITE),
}


def _build(name: str, arguments: dict[str, Any]) -> Callable[[Tensor], Tensor]:
    return _OURS[name](**arguments) if name in _OURS else getattr(v2, name)(**arguments)
