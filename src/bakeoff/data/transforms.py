"""A photo as a backbone's weights want it: resized and cropped, for both frameworks' trainers.

Pillow says what the pixels are. PyTorch's own resize of bytes, four times as fast, is a grey level off at most where
it shrinks a photo; elsewhere one value in 100,000 is two.
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from bakeoff.core.errors import ParamsError
from bakeoff.data.photo import Photo, as_image
from bakeoff.data.products import Products
from bakeoff.records.settings import Geometry

_CROP_MODES = ("center", "squash", "center_floor", "squash_floor")
INTERPOLATIONS: dict[str, Image.Resampling] = {
    name: Image.Resampling[name.upper()] for name in ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming")
}
_FLOAT32_BITS = 24
_REACH = 2  # px of the smaller picture, or of the photo if that is smaller, that a bicubic pixel looks beyond itself


def transform_photo(photo: Photo, used: Geometry) -> np.ndarray:
    """Return the photo resized to image_size / crop_pct and centre-cropped, as timm's evaluation transform does it.

    The `_floor` modes put a crop's odd pixel at the right and bottom, as transformers does; timm rounds half to even.
    Pixels that the crop leaves out are not computed where that changes no other.

    Args:
        photo: RGB, any size; an array is resized by PyTorch where that knows the interpolation.
        used: what a candidate's weights want: interpolation, one of `INTERPOLATIONS`; crop_mode, where `center` keeps
            the aspect ratio (the shorter side is resized), `squash` resizes both sides alike, and `center_floor` and
            `squash_floor` crop from the rounded-down offset.

    Returns:
        (H, W, 3) uint8, H = W = image_size, values 0-255.

    Raises:
        ParamsError: the interpolation or the crop mode is not known.
    """
    name = used.interpolation
    if name not in INTERPOLATIONS:
        raise ParamsError(f"interpolation {name!r} is not known; choose one of {', '.join(INTERPOLATIONS)}.")
    size = photo.shape[1::-1] if isinstance(photo, np.ndarray) else photo.size
    across, down = _axes(size, used)
    by_torch = isinstance(photo, np.ndarray) and name in ("bilinear", "bicubic")
    if by_torch and not _is_vertical_first(size, (across.n_resized, down.n_resized)):
        return _resize_by_torch(np.asarray(photo), across, down, name)
    return _resize_by_pillow(as_image(photo), across, down, INTERPOLATIONS[name])


@dataclass(frozen=True)
class _Axis:
    """`n` px become `n_resized`, of which `n_kept` are kept, from number `first`."""

    n: int
    n_resized: int
    first: int
    n_kept: int

    @property
    def scale(self) -> float:
        return self.n / self.n_resized

    def place(self, edges: np.ndarray) -> np.ndarray:
        """Return where edges in the photo, px, lie in what is kept."""
        return np.clip(edges / self.scale - self.first, 0, self.n_kept)

    def window(self) -> tuple[float, float, int]:
        """Return from where to where Pillow is to resize the photo, and to how many px.

        It takes both ends as float32. Where that would round them, all is resized.
        """
        parts = self.n_resized // math.gcd(self.n, self.n_resized)
        if parts & (parts - 1) or self.n * parts >= 2**_FLOAT32_BITS:
            return 0, self.n, self.n_resized
        return self.first * self.scale, (self.first + self.n_kept) * self.scale, self.n_kept

    def n_needed(self, n_seen: int) -> int:
        """Return to how many px PyTorch is to resize `n_seen`: one too many where it would leave them as they are."""
        needed = self.first + self.n_kept
        return needed + (needed == n_seen and needed < self.n_resized)


def _axes(size: tuple[int, int], used: Geometry) -> list[_Axis]:
    """Return what becomes of the columns and of the rows of a photo of (width, height) px."""
    mode, kept = used.crop_mode, used.image_size
    if mode not in _CROP_MODES:
        raise ParamsError(f"crop_mode {mode!r} is not known; choose one of {', '.join(_CROP_MODES)}.")
    side = math.floor(kept / used.crop_pct)
    longer = side if mode.startswith("squash") else int(side * max(size) / min(size))
    resized = [side if n == min(size) else longer for n in size]
    whole_px = math.floor if mode.endswith("floor") else round
    firsts = [whole_px((n_resized - kept) / 2) for n_resized in resized]
    return [_Axis(*axis, kept) for axis in zip(size, resized, firsts, strict=True)]


def _is_vertical_first(size: tuple[float, float], new_size: tuple[int, int]) -> bool:
    """Return whether Pillow 13 resizes down before across, sizes as (width, height): rounding in between shows it."""
    lost_across, lost_down = (old - new for old, new in zip(size, new_size, strict=True))
    return lost_down > max(0, 2 * lost_across)


def _resize_by_pillow(image: Image.Image, across: _Axis, down: _Axis, resampling: Image.Resampling) -> np.ndarray:
    """Return what is kept; the rest is not computed where that changes nothing."""
    whole = (across.n_resized, down.n_resized)
    (left, right, width), (top, bottom, height) = across.window(), down.window()
    first = [
        _is_vertical_first(image.size, whole),
        _is_vertical_first(image.size, (width, height)),
        _is_vertical_first((right - left, bottom - top), (width, height)),
    ]
    if len(set(first)) > 1:
        (left, right, width), (top, bottom, height) = (0, across.n, whole[0]), (0, down.n, whole[1])
    resized = image.resize((width, height), resampling, box=(left, top, right, bottom)).convert("RGB")
    x, y = (0 if n == axis.n_kept else axis.first for n, axis in ((width, across), (height, down)))
    return np.asarray(resized.crop((x, y, x + across.n_kept, y + down.n_kept)), dtype=np.uint8)


def _resize_by_torch(pixels: np.ndarray, across: _Axis, down: _Axis, interpolation: str) -> np.ndarray:
    """Return what torch.nn.functional.interpolate(antialias=True) makes of it, without what lies right of it or below.

    What lies left or above cannot be left out: the scale counts from the photo's first pixel.
    """
    import torch

    resize = getattr(torch.ops.aten, f"_upsample_{interpolation}2d_aa").default
    reach = math.ceil((down.first + down.n_kept) * down.scale + _REACH * max(down.scale, 1))
    seen = torch.from_numpy(pixels[:reach]).permute(2, 0, 1)[None]
    n_rows, n_columns = (axis.n_needed(n) for n, axis in zip(seen.shape[2:], (down, across), strict=True))
    found = resize(seen, [n_rows, n_columns], False, 1 / down.scale, 1 / across.scale)[0]
    kept = found[:, down.first : down.first + down.n_kept, across.first : across.first + across.n_kept]
    return kept.permute(1, 2, 0).contiguous().numpy()


def box_in_view(box: np.ndarray, size: tuple[int, int], used: Geometry) -> np.ndarray:
    """Return where a box of a photo lies in the square that the network sees.

    Args:
        box: (4,) left, top, right, bottom, px of the photo, half-open; NaN where it is not known.
        size: (width, height) of the photo, px.
        used: how the photo is resized and cropped.

    Returns:
        (4,) float64 px of the square, clipped; NaN where nothing of the box is left.
    """
    across, down = _axes(size, used)
    (left, right), (top, bottom) = across.place(box[0::2]), down.place(box[1::2])
    return np.array([left, top, right, bottom] if left < right and top < bottom else [np.nan] * 4)


def read_pixels(products: Products, used: Geometry) -> np.ndarray:
    """Return the products' photos, resized and cropped, (N, H, W, 3) uint8."""
    pixels = np.empty((len(products), used.image_size, used.image_size, 3), dtype=np.uint8)
    for position in range(len(products)):
        pixels[position] = transform_photo(products.photo(position), used)
    return pixels


def to_unit(pixels: np.ndarray) -> np.ndarray:
    """Return uint8 pixels of any shape as float32 in [0, 1], the same shape."""
    return pixels.astype(np.float32) / np.float32(255)
