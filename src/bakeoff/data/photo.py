"""A packed photo decoded: by simplejpeg where it is installed, for PyTorch, else by Pillow; the same pixels either way.

A JPEG is never decoded at a smaller scale: that is as far off as 31 dB on drawings.
"""

import contextlib
import io

import numpy as np
from PIL import Image

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
