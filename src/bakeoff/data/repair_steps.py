"""The steps that repair a photo, applied wherever it is read; which ones it needs, splits.parquet says."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from bakeoff.data.photo import Photo, as_image


def repair_photo(photo: Photo, steps: str | None) -> Photo:
    """Return a photo after its steps, of the same kind and with the same pixels in both environments.

    Args:
        photo: decoded, RGB; it stays as it is.
        steps: of `STEPS`, in order, such as `crop=12,0,200,180 saturation=-0.15 sharpen`; None or empty for none.
    """
    if not steps:
        return photo
    image = as_image(photo)
    for step in steps.split():
        name, _, value = step.partition("=")
        image = STEPS[name](image, value)
    return image if isinstance(photo, Image.Image) else np.array(image)


def _crop(image: Image.Image, box: str) -> Image.Image:
    left, top, right, bottom = map(int, box.split(","))
    return image.crop((left, top, right, bottom))


def _saturate(image: Image.Image, change: str) -> Image.Image:
    return ImageEnhance.Color(image).enhance(1 + float(change))


def _equalise(image: Image.Image, _: str) -> Image.Image:
    """Spread the lightness alone: a channel at a time would change hues."""
    luma, *chroma = image.convert("YCbCr").split()
    return Image.merge("YCbCr", (ImageOps.equalize(luma), *chroma)).convert("RGB")


def _sharpen(image: Image.Image, _: str) -> Image.Image:
    return image.filter(ImageFilter.UnsharpMask(radius=2, percent=150, threshold=3))


STEPS: dict[str, Callable[[Image.Image, str], Image.Image]] = {
    "crop": _crop,  # left, top, right and bottom, px, half-open
    "saturation": _saturate,  # towards grey of the same luma where it is negative
    "equalise": _equalise,
    "sharpen": _sharpen,
}
