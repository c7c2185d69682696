"""What a photo is like, in six numbers that need no network: light, colour, sharpness and shape."""

import numpy as np
from PIL import Image
from scipy.ndimage import laplace

MEASURES = ("brightness", "contrast", "saturation", "sharpness", "aspect_ratio", "megapixels")
_SIDE_PX = 256
"""Shorter side at which light and sharpness are measured, so that they do not depend on the photo's size."""


def measure_photo(image: Image.Image, *, width: int, height: int) -> tuple[float, ...]:
    """Return the photo's MEASURES, in their order.

    brightness: mean luma in [0, 1]; contrast: its standard deviation; saturation: mean of HSV's S in [0, 1];
    sharpness: log10(1 + variance of the luma's Laplacian); aspect_ratio: width / height; megapixels: of the file.

    Args:
        image: RGB, as the packed store keeps it.
        width: of the original file, upright, px.
        height: likewise.
    """
    small = _shrink(image)
    luma = np.asarray(small.convert("L"), dtype=np.float64)
    saturation = np.asarray(small.convert("HSV"), dtype=np.float64)[..., 1]
    sharpness = float(np.log10(1 + laplace(luma, mode="nearest").var()))
    light = (float(luma.mean() / 255), float(luma.std() / 255), float(saturation.mean() / 255))
    return (*light, sharpness, width / height, width * height / 1e6)


def _shrink(image: Image.Image) -> Image.Image:
    shorter = min(image.size)
    if shorter <= _SIDE_PX:
        return image
    width, height = (max(1, round(side * _SIDE_PX / shorter)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BOX)
