"""How well a map foretells what changes of a photo do to the score, and how much it changes itself: Captum's metrics.

Captum counts a map in values of the shape of the photo; here a pixel has one. It is divided evenly among the pixel's
three channels, all of which a perturbation covers, so that their sum is the pixel's own.
"""

from collections.abc import Callable

import numpy as np

from bakeoff.interpret.baselines import GREY
from bakeoff.interpret.subject import Subject

_SQUARE = (1 / 8, 1 / 2)
"""Least and largest side of a covered square, as shares of the photo's."""
_RADIUS = 0.02
"""Of the noise added to each value in [0, 1]: half of it cannot be seen."""


def infidelity_of(
    subject: Subject, image: np.ndarray, target: int, *, heat: np.ndarray, n_squares: int
) -> float | None:
    """Return the share, in [0, 1], of what grey squares do to the score that a map does not foretell; 1 foretells none.

    Yeh's infidelity E[(I · map - (f(x) - f(x - I)))²], I a square where the photo (H, W, 3) becomes grey, with the best
    factor for the map (H, W), which Captum finds (some maps are in no unit of the score), over E[(f(x) - f(x - I))²].
    None where no square changes anything.

    Source:
        C.-K. Yeh, C.-Y. Hsieh, A. S. Suggala, D. I. Inouye and P. Ravikumar, On the (in)fidelity and sensitivity of
        explanations, NeurIPS 2019, definition 2.1 and section 2.2, arXiv:1901.09392.
    """
    import torch
    from captum.metrics import infidelity

    from bakeoff.interpret.tensors import masked_function, planes

    batch = planes(image[None])

    def mean_square(attributions: torch.Tensor, *, normalize: bool) -> float:
        generator = np.random.default_rng(0)  # the same squares each time

        def cover(photos: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            covered = torch.from_numpy(np.stack([_square(generator, len(image)) for _ in photos]))[:, None]
            return covered.expand_as(photos).float(), torch.where(covered, GREY, photos)

        found = infidelity(
            masked_function(subject),
            cover,
            batch,
            attributions,
            target=target,
            n_perturb_samples=n_squares,
            max_examples_per_batch=min(subject.batch_images, n_squares),
            normalize=normalize,
        )
        return float(found[0])

    spread = torch.from_numpy(heat.astype(np.float32) / 3).expand(1, 3, *heat.shape)
    changes = mean_square(torch.zeros_like(spread), normalize=False)
    return float(np.clip(mean_square(spread, normalize=True) / changes, 0, 1)) if changes > 0 else None


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

    def explain(photos: tuple[torch.Tensor, ...] | torch.Tensor) -> tuple[torch.Tensor]:
        images = arrays(photos if isinstance(photos, torch.Tensor) else photos[0])
        with torch.enable_grad():  # which Captum has switched off
            return (torch.from_numpy(attribute(images, np.full(len(images), target, dtype=np.int64))),)

    def add_noise(photos: torch.Tensor) -> torch.Tensor:
        noise = torch.rand(photos.shape, generator=generator) * 2 - 1
        return (photos + _RADIUS * noise).clamp(0, 1)

    return float(sensitivity_max(explain, planes(image[None]), add_noise, n_perturb_samples=n_noises)[0])


def _square(generator: np.random.Generator, side_px: int) -> np.ndarray:
    """Return which pixels a square of any size and place covers, (H, W) bool."""
    size = int(generator.uniform(*_SQUARE) * side_px) or 1
    top, left = generator.integers(side_px - size + 1, size=2)
    covered = np.zeros((side_px, side_px), dtype=bool)
    covered[top : top + size, left : left + size] = True
    return covered
