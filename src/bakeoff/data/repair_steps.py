"""The steps that repair a photo, applied wherever it is read; which ones it needs, splits.parquet says."""

from ast import literal_eval
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from bakeoff.data.photo import Photo, as_image


def repair_photo(photo: Photo, steps: str | None) -> Photo:
    """Return a decoded RGB photo after its steps, of the same kind and with the same pixels in both environments.

    Steps are those of `STEPS`, in order, such as `crop=12,0,200,180 saturation=-0.15 sharpen`; None or empty for none.
    """
    if not steps:
        return photo
    image = as_image(photo)
    for step in steps.split():
        name, _, value = step.partition("=")
        image = STEPS[name](image, value)
    return image if isinstance(photo, Image.Image) else np.array(image)


def _equalise(image: Image.Image, _: str) -> Image.Image:
    """Spread the lightness alone: a channel at a time would change hues."""
    luma, *chroma = image.convert("YCbCr").split()
    return Image.merge("YCbCr", (ImageOps.equalize(luma), *chroma)).convert("RGB")


STEPS: dict[str, Callable[[Image.Image, str], Image.Image]] = {
    "crop": lambda image, box: image.crop(literal_eval(box)),  # left, top, right, bottom
    "saturation": lambda image, change: ImageEnhance.Color(image).enhance(1 + float(change)),  # of the same luma
    "equalise": _equalise,
    "sharpen": lambda image, _: image.filter(ImageFilter.UnsharpMask(radius=2, percent=150, threshold=3)),
}
