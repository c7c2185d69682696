"""How much accuracy is left where photos are noisy, blurred, compressed, lit otherwise, turned or cut.

A corruption is a function (photo (H, W, 3) float32 in [0, 1], strength, generator) -> the same. It is applied to the
photo as the network sees it, resized and cropped, so that a candidate of a larger image size is shown larger photos
with the same fault: lengths are shares of the side. The idea, and where they fit the strengths, are those of
D. Hendrycks and T. Dietterich, Benchmarking Neural Network Robustness to Common Corruptions and Perturbations, ICLR
2019, arXiv:1903.12261; rotation and crop are ours.
"""

import io
from collections.abc import Callable
from typing import Annotated, NamedTuple

import numpy as np
from PIL import Image
from pydantic import Field
from rich.progress import Progress
from scipy.ndimage import gaussian_filter

from bakeoff.core.section import PositiveInt, Section
from bakeoff.data.transforms import to_unit
from bakeoff.interpret.losses import SEED, Tried, ends, hold
from bakeoff.interpret.subject import Subject
from bakeoff.records.interpretation import Lost, RobustnessFound, UnderCorruption

Corrupt = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


class RobustnessParams(Section):
    """Params `interpret.robustness`."""

    strengths: list[Annotated[int, Field(ge=1, le=5)]]
    """Which of the five; none at all: robustness is not measured."""
    max_rows: PositiveInt | None
    """Test photos at most; null for all."""


class Corruption(NamedTuple):
    """How photos are corrupted, how strongly at strengths 1 to 5, and what the numbers are."""

    corrupt: Corrupt
    strengths: tuple[float, float, float, float, float]
    unit: str


def _noise(photo: np.ndarray, sd: float, generator: np.random.Generator) -> np.ndarray:
    return photo + sd * generator.standard_normal(photo.shape, dtype=np.float32)


def _blur(photo: np.ndarray, sigma_pct: float, _: np.random.Generator) -> np.ndarray:
    sigma_px = sigma_pct / 100 * len(photo)
    return gaussian_filter(photo, (sigma_px, sigma_px, 0), mode="nearest")


def _jpeg(photo: np.ndarray, quality: float, _: np.random.Generator) -> np.ndarray:
    file = io.BytesIO()
    _image(photo).save(file, "JPEG", quality=int(quality))
    return to_unit(np.asarray(Image.open(file)))


def _brightness(photo: np.ndarray, step: float, generator: np.random.Generator) -> np.ndarray:
    return photo + np.float32(_sign(generator) * step)


def _contrast(photo: np.ndarray, kept: float, _: np.random.Generator) -> np.ndarray:
    mean = photo.mean(axis=(0, 1))
    return mean + np.float32(kept) * (photo - mean)


def _rotation(photo: np.ndarray, degrees: float, generator: np.random.Generator) -> np.ndarray:
    turned = _image(photo).rotate(_sign(generator) * degrees, Image.Resampling.BICUBIC, fillcolor="white")
    return to_unit(np.asarray(turned))


def _crop(photo: np.ndarray, cut_pct: float, generator: np.random.Generator) -> np.ndarray:
    side = len(photo)
    kept = side * (1 - cut_pct / 100)
    left, top = generator.uniform(size=2) * (side - kept)
    window = _image(photo).resize((side, side), Image.Resampling.BICUBIC, (left, top, left + kept, top + kept))
    return to_unit(np.asarray(window))


def _image(photo: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(photo * 255).astype(np.uint8))


def _sign(generator: np.random.Generator) -> int:
    return 1 if generator.random() < 0.5 else -1


CORRUPTIONS: dict[str, Corruption] = {
    "noise": Corruption(_noise, (0.08, 0.12, 0.18, 0.26, 0.38), "standard deviation, white being 1"),
    "blur": Corruption(_blur, (0.45, 0.9, 1.35, 1.8, 2.7), "sigma, % of the side"),
    "jpeg": Corruption(_jpeg, (25, 18, 15, 10, 7), "quality"),
    "brightness": Corruption(_brightness, (0.1, 0.2, 0.3, 0.4, 0.5), "added or taken, white being 1"),
    "contrast": Corruption(_contrast, (0.4, 0.3, 0.2, 0.1, 0.05), "share kept"),
    "rotation": Corruption(_rotation, (5, 10, 15, 20, 30), "degrees, to either side"),
    "crop": Corruption(_crop, (10, 20, 30, 40, 50), "% of the side cut off, somewhere"),
}


def corrupt(photos: np.ndarray, name: str, strength: int, *, numbers: np.ndarray) -> np.ndarray:
    """Return photos (n, H, W, 3) corrupted at a strength from 1 to 5, float32 in [0, 1].

    Chance goes by each photo's number, (n,), alone: the same for every candidate, and at every strength.
    """
    known = CORRUPTIONS[name]
    seeds = [[SEED, list(CORRUPTIONS).index(name), int(number)] for number in numbers]
    changed = [
        known.corrupt(photo, known.strengths[strength - 1], np.random.default_rng(seed))
        for photo, seed in zip(photos, seeds, strict=True)
    ]
    return np.clip(np.stack(changed), 0, 1).astype(np.float32)


def measure_robustness(subject: Subject, tried: Tried, params: RobustnessParams, progress: Progress) -> RobustnessFound:
    """Return the accuracy under each corruption at each of the strengths, one at least."""
    strengths, photos = sorted({*params.strengths}), hold(subject, tried.products)
    asked = [(name, strength) for name in CORRUPTIONS for strength in strengths]
    correct = np.empty((len(asked), len(tried)), dtype=bool)
    task = progress.add_task("corrupting photos", total=correct.size)
    for part in subject.parts(len(tried)):
        places = np.arange(len(tried))[part]
        images = photos(places)
        for right, (name, strength) in zip(correct, asked, strict=True):
            changed = corrupt(images, name, strength, numbers=places)
            right[places] = subject.probabilities(changed).argmax(axis=1) == tried.label_ids[places]
            progress.advance(task, len(places))
    corruptions: dict[str, list[UnderCorruption]] = {name: [] for name in CORRUPTIONS}
    for right, (name, strength) in zip(correct, asked, strict=True):
        lost = Lost(**ends(tried.lost(right)))
        corruptions[name].append(UnderCorruption(strength=strength, accuracy=float(right.mean()), lost=lost))
    return RobustnessFound(
        n=len(tried),
        accuracy=float(tried.correct.mean()),
        corruptions=corruptions,
        mean_lost=Lost(**ends(tried.lost(correct))),
    )
