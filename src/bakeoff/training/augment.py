"""Random changes to photos, on the CPU, by a stream per product: workers, order and resumed trainings change none."""

import importlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from bakeoff.backbones.compat import import_torchvision
from bakeoff.data.photo import Photo
from bakeoff.data.transforms import transform_photo
from bakeoff.learning.augmentation import GREY, MixParams, Named, steps_of
from bakeoff.records.settings import Geometry

import_torchvision()
v2 = importlib.import_module("torchvision.transforms.v2")


@dataclass(frozen=True)
class Augment:
    """Changes a candidate's training photos; picklable, for loader processes."""

    params: Named
    used: Geometry
    class_sizes: Sequence[int] | np.ndarray  # (K,) photos to train on, by class

    def __call__(self, photo: Photo, *, label_id: int, seed: int) -> np.ndarray:
        """Return a photo, RGB of any size, as (H, W, 3) uint8 as `transform_photo` does, changed at random.

        A crop is taken from the photo as it is stored, before it is resized. `label_id` is its class, below K; the seed
        `derive_seed(seed, "augment", epoch, product_id)`.
        """
        steps = steps_of(self.params, int(self.class_sizes[label_id]))
        erasing = (self.params.random_erasing, [("RandomErasing", {"p": 1, "value": GREY})])
        with own_stream(seed):
            image = torch.from_numpy(self._resized(photo).transpose(2, 0, 1).copy())
            for probability, changes in (*steps, erasing):
                if torch.rand(()) < probability:
                    name, arguments = changes[int(torch.randint(len(changes), ()))]
                    ours = _OURS.get(name)
                    image = ours(image, **arguments) if ours else getattr(v2, name)(**arguments)(image)
        return image.permute(1, 2, 0).contiguous().numpy()

    def _resized(self, photo: Photo) -> np.ndarray:
        used, min_crop = self.used, self.params.min_crop
        if min_crop is None:
            return transform_photo(photo, used)
        pixels = np.asarray(photo)
        crop = v2.RandomResizedCrop(used.image_size, scale=(min_crop, 1))
        box = crop.make_params([torch.empty((1, *pixels.shape[:2]), device="meta")])
        part = pixels[box["top"] :, box["left"] :][: box["height"], : box["width"]]
        return transform_photo(part, used.model_copy(update={"crop_pct": 1.0, "crop_mode": "squash"}))


@contextmanager
def own_stream(seed: int) -> Iterator[None]:
    """Let PyTorch draw from `seed`, on the CPU: its own generator is as before afterwards, a GPU's is left alone.

    One thread computes: several may round a sum otherwise, and cost more than they save on a photo.
    """
    n_threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(n_threads)


def mix_batch(
    params: MixParams, inputs: Tensor, targets: Tensor, weights: Tensor, *, n_classes: int, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return a shuffled batch, each photo mixed with the one before it in one proportion λ for all.

    Inputs are (N, 3, H, W) uint8, or float32 in [0, 1], on any device, targets (N,) int64 below K or (N, K) float32
    whose rows sum to 1, weights (N,) float32 above 0; the seed is `derive_seed(seed, "mix", epoch, batch)`. All come
    back as float32, photos in [0, 1], targets (N, K); where a loss is linear in the target, a mixed photo's is λ w₁
    loss(y₁) + (1 - λ) w₂ loss(y₂).
    """
    photos = inputs.float() / 255 if inputs.dtype == torch.uint8 else inputs
    shares = torch.nn.functional.one_hot(targets, n_classes).float() if targets.dim() == 1 else targets
    kinds = [kind(alpha=alpha) for kind, alpha in ((v2.MixUp, params.mixup), (v2.CutMix, params.cutmix)) if alpha]
    with own_stream(seed):
        photos, weighted = kinds[int(torch.randint(len(kinds), ()))](photos, shares * weights[:, None])
    weights = weighted.sum(dim=1)
    return photos, weighted / weights[:, None], weights


def _between(bounds: tuple[float, float]) -> float:
    return float(torch.empty(()).uniform_(*bounds))


def _affine(image: Tensor, **moved: Any) -> Tensor:
    """Move, scale and turn on white: the negative on black, for a fill leaves a dark edge."""
    negative, bilinear = v2.functional.invert, v2.InterpolationMode.BILINEAR
    return negative(v2.RandomAffine(**moved, interpolation=bilinear)(negative(image)))


def _cut_out(image: Tensor, n_squares: int, side: float) -> Tensor:
    return v2.Compose([v2.RandomErasing(1, [side**2] * 2, ratio=[1, 1], value=GREY)] * n_squares)(image)


def _add_noise(image: Tensor, bounds: tuple[float, float]) -> Tensor:
    noise = torch.randn(image.shape) * _between(bounds) ** 0.5
    return (image + noise).round_().clamp_(0, 255).to(torch.uint8)


def _recompress(image: Tensor, bounds: tuple[float, float]) -> Tensor:
    """Save as a JPEG, by Pillow: torchvision's needs its C++ extension."""
    buffer, pixels = io.BytesIO(), image.permute(1, 2, 0).contiguous().numpy()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=round(_between(bounds)))
    return torch.from_numpy(np.array(Image.open(buffer))).permute(2, 0, 1)


_OURS: dict[str, Callable[..., Tensor]] = {
    "affine": _affine,
    "blur": lambda image, bounds: v2.GaussianBlur(bounds[1], [0.15 * kernel + 0.35 for kernel in bounds])(image),
    "cutout": _cut_out,
    "gamma": lambda image, bounds: v2.functional.adjust_gamma(image, _between(bounds)),
    "jpeg": _recompress,
    "noise": _add_noise,
}
