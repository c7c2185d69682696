"""A photo in parts of like colour, and what the candidate answers where some of them are covered.

The methods that fit a simple model to such answers share the parts and the answers: an answer is the scores of all
classes, so that explaining a second class, or the same photo by another method, asks only for what is new.
"""

import hashlib
from typing import Any

import numpy as np

from bakeoff.core.section import PositiveFloat, PositiveInt, Section
from bakeoff.interpret.baselines import BaselineName, baselines
from bakeoff.interpret.subject import NotExplainable, Subject

_SMOOTHING_PX = 2
"""Before a photo is divided: noise would leave it in one part."""


class SuperpixelSettings(Section):
    """About how many parts, how square, what covers one, and how many patterns of covered parts are asked for."""

    n_segments: PositiveInt
    compactness: PositiveFloat
    baseline: BaselineName
    samples: PositiveInt


class Superpixels:
    """One photo in M superpixels."""

    def __init__(self, subject: Subject, image: np.ndarray, settings: SuperpixelSettings) -> None:
        """Divide an image (H, W, 3).

        Raises:
            NotExplainable: it is a single superpixel.

        Source:
            Achanta et al.: SLIC Superpixels Compared to State-of-the-Art Superpixel Methods, 2012,
            doi:10.1109/TPAMI.2012.120.
        """
        from skimage.segmentation import slic

        self.subject, self.image = subject, image
        self.covered = baselines(settings.baseline, subject, image[None])[0]
        division = {"n_segments": settings.n_segments, "compactness": settings.compactness}
        self.segments = slic(image, **division, sigma=_SMOOTHING_PX, start_label=0, channel_axis=2)
        self.n = int(self.segments.max()) + 1
        self._known: dict[bytes, np.ndarray] = {}
        if self.n < 2:
            raise NotExplainable("the photo is a single superpixel: there is nothing to compare; raise n_segments.")

    def scores(self, kept: np.ndarray) -> np.ndarray:
        """Return (n, K) float32 scores of the photo with only the superpixels `kept`, (n, M) bool."""
        keys = [pattern.tobytes() for pattern in np.packbits(kept, axis=1)]
        new = {key: pattern for key, pattern in zip(keys, kept, strict=True) if key not in self._known}
        patterns, step = list(new.values()), self.subject.batch_images
        found: list[np.ndarray] = []
        for start in range(0, len(patterns), step):
            seen = np.stack(patterns[start : start + step])[:, self.segments, None]
            found.extend(self.subject.masked_scores(np.where(seen, self.image, self.covered)))
        self._known |= zip(new, found, strict=True)
        return np.stack([self._known[key] for key in keys])

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Return values (M,) as a map (H, W) float32 with the same sum: each pixel has its share of its part's."""
        sizes = np.bincount(self.segments.ravel(), minlength=self.n)
        return (values / sizes)[self.segments].astype(np.float32)


def superpixels(subject: Subject, image: np.ndarray, settings: SuperpixelSettings) -> Superpixels:
    """Return an image (H, W, 3) in superpixels, with the answers that are known of it already."""
    division = settings.model_dump_json(exclude={"samples"})
    key = hashlib.sha256(image.tobytes() + division.encode()).hexdigest()
    if key not in subject.divided:
        subject.divided[key] = Superpixels(subject, image, settings)
    return subject.divided[key]


def fit(
    method: Any, subject: Subject, images: np.ndarray, targets: np.ndarray, settings: SuperpixelSettings
) -> np.ndarray:
    """Return maps (N, H, W) float32 by one of Captum's methods that fit a model to covered parts (KernelShap, Lime)."""
    import torch

    from bakeoff.interpret.tensors import seeded

    maps = []
    for image, target in zip(images, targets, strict=True):
        parts = superpixels(subject, image, settings)

        def scores(kept: torch.Tensor, parts: Superpixels = parts) -> torch.Tensor:
            return torch.from_numpy(parts.scores(kept.numpy() > 0))

        with seeded():
            values = method(scores).attribute(
                torch.ones(1, parts.n),
                target=int(target),
                n_samples=settings.samples,
                perturbations_per_eval=settings.samples,
            )
        maps.append(parts.spread(values[0].numpy().astype(np.float64)))
    return np.stack(maps)
