"""A photo in parts of like colour, and what the candidate answers where some of them are covered.

The methods that fit a simple model to such answers share the parts and the answers: an answer is the scores of all
classes, so that explaining a second class, or the same photo by another method, asks only for what is new.
"""

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from bakeoff.core.section import PositiveFloat, PositiveInt
from bakeoff.interpret.baselines import BaselineSettings, baselines
from bakeoff.interpret.subject import NotExplainable, Subject

if TYPE_CHECKING:
    from torch import Tensor

_SMOOTHING_PX = 2
"""Before a photo is divided: noise would leave it in one part."""


class SuperpixelSettings(BaselineSettings):
    """About how many parts, how square, what covers one, and how many patterns of covered parts are asked for."""

    n_segments: PositiveInt
    compactness: PositiveFloat
    samples: PositiveInt


class PartlyCovered:
    """A photo (H, W, 3), what covers it, and which of its M parts each pixel belongs to, (H, W) integers."""

    def __init__(self, subject: Subject, image: np.ndarray, cover: np.ndarray | np.float32, parts: np.ndarray) -> None:
        self._subject, self._image, self._cover, self.segments = subject, image, cover, parts
        self._known: dict[bytes, np.ndarray] = {}

    def scores(self, kept: np.ndarray) -> np.ndarray:
        """Return (n, K) float32 scores of the photo with only the parts `kept`, (n, M) bool; each asked for once."""
        keys = [pattern.tobytes() for pattern in np.packbits(kept, axis=1)]
        new = {key: pattern for key, pattern in zip(keys, kept, strict=True) if key not in self._known}
        patterns = list(new.values())
        found: list[np.ndarray] = []
        for part in self._subject.parts(len(patterns)):
            seen = np.stack(patterns[part])[:, self.segments, None]
            found.extend(self._subject.masked_scores(np.where(seen, self._image, self._cover)))
        self._known |= zip(new, found, strict=True)
        return np.stack([self._known[key] for key in keys])


class Superpixels(PartlyCovered):
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

        division = {"n_segments": settings.n_segments, "compactness": settings.compactness}
        segments = slic(image, **division, sigma=_SMOOTHING_PX, start_label=0, channel_axis=2)
        super().__init__(subject, image, baselines(subject, image[None], settings)[0], segments)
        self.n = int(segments.max()) + 1
        if self.n < 2:
            raise NotExplainable("the photo is a single superpixel: there is nothing to compare; raise n_segments.")

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

    from bakeoff.interpret.tensors import arrays, photo_by_photo

    drawn = {"n_samples": settings.samples, "perturbations_per_eval": settings.samples}

    def spread(photo: "Tensor", target: int) -> "Tensor":
        parts = superpixels(subject, arrays(photo)[0], settings)
        fitted = method(lambda kept: torch.from_numpy(parts.scores(kept.numpy() > 0)))
        values = fitted.attribute(torch.ones(1, parts.n), target=target, **drawn)
        return torch.from_numpy(parts.spread(values[0].numpy().astype(np.float64)))[None, None]

    return photo_by_photo(spread, images, targets)[..., 0]
