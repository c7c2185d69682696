"""A packed photo decoded: by simplejpeg where it is installed, for PyTorch, else by Pillow; the same pixels either way.

A JPEG is never decoded at a smaller scale: that is as far off as 31 dB on drawings. Then come the steps that repair it;
which ones it needs, splits.parquet says.
"""

import contextlib
import io
from ast import literal_eval
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

try:
    import simplejpeg
except ImportError:  # .venv-tf has none: what Pillow decodes, Pillow resizes without a copy
    simplejpeg = None

Photo = Image.Image | np.ndarray
"""RGB, upright and on white since `prepare`: (H, W, 3) uint8 where simplejpeg is installed, else Pillow's picture."""
_JPEG = b"\xff\xd8\xff"


def open_packed(encoded: bytes) -> Photo:
    """Return a packed photo decoded."""
    if simplejpeg is None:
        return _open_by_pillow(encoded)
    if encoded.startswith(_JPEG):
        with contextlib.suppress(ValueError):  # it is strict: stray bytes and rare samplings are left to Pillow
            return simplejpeg.decode_jpeg(encoded)
    return np.array(_open_by_pillow(encoded))


def as_image(photo: Photo) -> Image.Image:
    """Return a photo as Pillow's picture, to draw it or to look at it."""
    return photo if isinstance(photo, Image.Image) else Image.fromarray(photo)


def _open_by_pillow(encoded: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(encoded), formats=("JPEG", "PNG"))
    image.load()
    return image if image.mode == "RGB" else image.convert("RGB")


def stored_size(size: tuple[int, int], store_px: int) -> tuple[int, int]:
    """Return the (width, height) px that a photo of `size` has in the store."""
    scale = store_px / min(size)
    return size if scale >= 1 else (max(store_px, round(size[0] * scale)), max(store_px, round(size[1] * scale)))


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


def crop_of(steps: str | None) -> tuple[int, int, int, int] | None:
    """Return what steps leave of a photo, left, top, right, bottom px, half-open; None where all of it."""
    found = [step.partition("=")[2] for step in (steps or "").split() if step.startswith("crop=")]
    return literal_eval(found[0]) if found else None


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
