"""How well a map foretells what changes of a photo do to the score, and how much it changes: Captum's metrics."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from bakeoff.interpret.baselines import GREY
from bakeoff.interpret.subject import Subject
from bakeoff.interpret.superpixels import PartlyCovered

_SQUARE = (1 / 8, 1 / 2)
"""Least and largest side of a covered square, as shares of the photo's."""
_RADIUS = 0.02
"""Of the noise added to each value in [0, 1]: half of it cannot be seen."""


class CoveredPhoto(PartlyCovered):
    """A photo (H, W, 3) with grey squares on it, and a class's score; the same squares for every method."""

    def __init__(self, subject: Subject, image: np.ndarray, target: int, *, n_squares: int) -> None:
        super().__init__(subject, image, np.float32(GREY), np.arange(image[..., 0].size).reshape(image.shape[:2]))
        self.target, self.squares = target, _squares(n_squares, len(image))
        """Which pixels each covers, (n_squares, H, W) bool."""


def infidelity_of(photo: CoveredPhoto, heat: np.ndarray) -> float | None:
    """Return the share, in [0, 1], of what grey squares do to the score that a map does not foretell.

    Yeh's infidelity E[(I · map - (f(x) - f(x - I)))²] over E[(f(x) - f(x - I))²], where x says which pixels are seen
    and I covers a square, so that I · map is the sum of the map (H, W) below it. The map counts with the factor that
    serves it best, not below 0 (`normalize` of Captum), because some maps are in no unit of the score. None where no
    square changes the score.

    Source:
        C.-K. Yeh, C.-Y. Hsieh, A. S. Suggala, D. I. Inouye and P. Ravikumar, On the (in)fidelity and sensitivity of
        explanations, NeurIPS 2019, definition 2.1 and section 2.2, arXiv:1901.09392.
    """
    import torch
    from captum.metrics import infidelity

    squares = torch.from_numpy(photo.squares).float()
    kept = ~photo.squares.reshape(len(squares), -1)
    changed = (photo.scores(np.ones_like(kept[:1])) - photo.scores(kept))[:, photo.target]
    if changed.any() and changed @ (photo.squares * heat).sum(axis=(1, 2)) <= 0:
        return 1.0  # what speaks for the class in the map speaks against it: no factor above 0 helps

    def mean_square(attributions: np.ndarray, *, normalize: bool) -> float:
        return infidelity(
            lambda seen: torch.from_numpy(photo.scores(seen.flatten(1).numpy() > 0)[:, photo.target]),
            lambda seen: (squares, seen - squares),
            torch.ones(1, *heat.shape),
            torch.from_numpy(attributions.astype(np.float32))[None],
            n_perturb_samples=len(squares),
            normalize=normalize,
        ).item()

    changes = mean_square(np.zeros_like(heat), normalize=False)
    return float(np.clip(mean_square(heat, normalize=True) / changes, 0, 1)) if changes > 0 else None


def sensitivity_of(
    attribute: Callable[[np.ndarray, np.ndarray], np.ndarray], image: np.ndarray, target: int, *, n_noises: int
) -> float:
    """Return by what share of its norm a map changes at most under noise on the photo that cannot be seen; 0 is best.

    `attribute` takes images (N, H, W, 3) and targets (N,) to maps (N, H, W); `image` is (H, W, 3) in [0, 1].

    Source:
        Yeh et al. 2019 (see `infidelity_of`), definition 3.1, relative to the map's norm as in Captum.
    """
    import torch
    from captum.metrics import sensitivity_max

    from bakeoff.interpret.tensors import arrays, planes

    generator = torch.Generator().manual_seed(0)

    def explain(photos: Any) -> tuple[torch.Tensor]:
        images = arrays(photos[0] if isinstance(photos, tuple) else photos)
        with torch.enable_grad():  # which Captum has switched off
            return (torch.from_numpy(attribute(images, np.full(len(images), target, dtype=np.int64))),)

    def add_noise(photos: torch.Tensor) -> torch.Tensor:
        noise = torch.rand(photos.shape, generator=generator) * 2 - 1
        return (photos + _RADIUS * noise).clamp(0, 1)

    return float(sensitivity_max(explain, (planes(image[None]),), add_noise, n_perturb_samples=n_noises)[0])


@lru_cache(maxsize=1)
def _squares(n: int, side_px: int) -> np.ndarray:
    """Return the squares, (n, H, W) bool, the same for every photo and held once."""
    generator = np.random.default_rng(0)
    return np.stack([_square(generator, side_px) for _ in range(n)])


def _square(generator: np.random.Generator, side_px: int) -> np.ndarray:
    """Return which pixels a square of any size and place covers, (H, W) bool."""
    size = int(generator.uniform(*_SQUARE) * side_px) or 1
    top, left = generator.integers(side_px - size + 1, size=2)
    covered = np.zeros((side_px, side_px), dtype=bool)
    covered[top : top + size, left : left + size] = True
    return covered
