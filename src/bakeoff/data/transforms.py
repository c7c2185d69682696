"""A photo as a backbone's weights want it: resized and cropped, by Pillow alone, for both frameworks' trainers."""

import math
from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from PIL import Image

from bakeoff.core.errors import ParamsError
from bakeoff.records.settings import Geometry

CropMode = Literal["center", "squash", "center_floor", "squash_floor"]
INTERPOLATIONS: dict[str, Image.Resampling] = {
    name: Image.Resampling[name.upper()] for name in ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming")
}


def resize_crop(
    image: Image.Image, image_size: int, *, crop_pct: float, interpolation: str, crop_mode: str = "center"
) -> np.ndarray:
    """Return the photo resized to image_size / crop_pct and centre-cropped, as timm's evaluation transform does it.

    The `_floor` modes put a crop's odd pixel at the right and bottom, as transformers does; timm rounds half to even.

    Args:
        image: RGB photo, any size.
        image_size: side of the square result, px.
        crop_pct: share of the resized side that the crop keeps, in (0, 1].
        interpolation: one of `INTERPOLATIONS`.
        crop_mode: `center` keeps the aspect ratio (the shorter side is resized); `squash` resizes both sides alike;
            `center_floor` and `squash_floor` crop from the rounded-down offset.

    Returns:
        (H, W, 3) uint8, H = W = image_size, values 0-255.

    Raises:
        ParamsError: the interpolation or the crop mode is not known.
    """
    if interpolation not in INTERPOLATIONS:
        raise ParamsError(f"interpolation {interpolation!r} is not known; choose one of {', '.join(INTERPOLATIONS)}.")
    side = math.floor(image_size / crop_pct)
    resized = image.resize(_resized_size(image.size, side, crop_mode), INTERPOLATIONS[interpolation])
    cropped = _centre_crop(
        resized.convert("RGB"), image_size, offset=math.floor if crop_mode.endswith("floor") else round
    )
    return np.asarray(cropped, dtype=np.uint8)


def transform_photo(image: Image.Image, used: Geometry) -> np.ndarray:
    """Return a photo as (H, W, 3) uint8, resized and cropped as a candidate's weights want it."""
    return resize_crop(
        image, used.image_size, crop_pct=used.crop_pct, interpolation=used.interpolation, crop_mode=used.crop_mode
    )


def to_unit(pixels: np.ndarray) -> np.ndarray:
    """Return uint8 pixels of any shape as float32 in [0, 1], the same shape."""
    return pixels.astype(np.float32) / np.float32(255)


def _resized_size(size: tuple[int, int], side: int, crop_mode: str) -> tuple[int, int]:
    """Return (width, height) px after the resize."""
    if crop_mode not in get_args(CropMode):
        raise ParamsError(f"crop_mode {crop_mode!r} is not known; choose one of {', '.join(get_args(CropMode))}.")
    if crop_mode.startswith("squash"):
        return side, side
    width, height = size
    if width <= height:
        return side, int(side * height / width)
    return int(side * width / height), side


def _centre_crop(image: Image.Image, side: int, *, offset: Callable[[float], int]) -> Image.Image:
    """Return the middle `side` × `side` px, `offset` making whole px of half ones: timm rounds, transformers cuts."""
    width, height = image.size
    left, top = offset((width - side) / 2), offset((height - side) / 2)
    return image.crop((left, top, left + side, top + side))
