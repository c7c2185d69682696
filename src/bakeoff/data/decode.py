"""From any file a shop may hold to an upright RGB picture on white, or to the reason why there is none."""

import contextlib
import hashlib
import io
import math
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from bakeoff.core.failures import in_one_line
from bakeoff.core.names import find_file
from bakeoff.data.photo import stored_size

Box = tuple[float, float, float, float]  # left, top, right, bottom in a photo, px, half-open
JPEG_QUALITY = 95
_LOSSLESS = {"PNG", "GIF", "BMP", "TIFF", "PPM", "TGA", "ICO", "PCX"}
_KEPT_AS_IS = {"PNG", "JPEG"}
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*")
_FORMATS = ("JPEG", "MPO", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "HEIF", "PPM", "TGA", "ICO", "PCX", "JPEG2000")
"""What is read at all: formats that start other programs (EPS, WMF) are not_an_image here."""
_LONGEST_ASPECT = 40
_BROKEN = (
    *(RuntimeError, OSError, SyntaxError, ValueError, TypeError, EOFError, LookupError, OverflowError),
    *(struct.error, zlib.error),
)
"""What Pillow's decoders raise for damaged files; RuntimeError is AVIF's."""
_ORIENTATION = 0x0112
_PNG = b"\x89PNG\r\n\x1a\n"
_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT", b"IEND")
_KNOWN = {
    rb"version https://git-lfs": ("not_an_image", "Git LFS pointer: run `git lfs pull` where the photos come from"),
    rb"(?s).{4}ftyp(hei|hev|mif1|msf1)": ("unreadable", "HEIC photo: needs bakeoff's extra `heif`, or is damaged"),
    rb"(?s).{4}ftypavi": ("unreadable", "AVIF photo: this build of Pillow does not read it; convert it to JPEG"),
    rb"(?is)\s*<(!doctype )?html": ("not_an_image", "web page, perhaps in place of the photo: fetch it again"),
    rb"(?s)\s*(\xef\xbb\xbf)?\s*<(?=.{,4000}?<?svg[\s>])": ("not_an_image", "SVG drawing: convert it to PNG"),
}
"""How files that Pillow does not know begin, the reason and what to do."""
_pillow_limits = threading.Lock()


@dataclass(frozen=True)
class Rejection:
    """Why a product is left out: one of the reasons in docs/add-a-dataset.md, and what exactly was found."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Decoded:
    """An upright RGB picture on white and what its file was like."""

    image: Image.Image  # of the original size
    format: str  # Pillow's name of the file format, e.g. JPEG
    mode: str  # Pillow's mode of the file, e.g. CMYK
    untouched: bool  # the file itself is RGB, upright, opaque and a single frame, so its bytes can be stored


def locate(root: Path, folder: Path, image_path: str) -> Path | Rejection:
    """Return where a product's image lies, or why it cannot be used.

    `image_path` is relative to `folder`, which may itself be a link out of the data folder, `root`. A link below it, to
    a folder or to a photo, works as long as it stays inside.
    """
    if not image_path:
        return Rejection("missing_file", "the source names no image")
    try:
        target = find_file(folder, image_path).resolve()
        if not _is_inside(target, root, folder):
            return Rejection("outside_data_folder", _way_out(root, folder, image_path))
        if not target.is_file():
            return Rejection("missing_file", f"{folder / image_path} is not a file")
    except (OSError, ValueError, RuntimeError) as error:
        return Rejection("missing_file", f"{image_path!r} is not a usable path ({error})")
    return target


def _is_inside(target: Path, root: Path, folder: Path) -> bool:
    return target.is_relative_to(root.resolve()) or target.is_relative_to(folder.resolve())


def _way_out(root: Path, folder: Path, image_path: str) -> str:
    """Return in words how a path leaves the data folder: by which link, or by itself."""
    place = folder
    for part in Path(image_path).parts:
        place /= part
        if place.is_symlink() and not _is_inside(place.resolve(), root, folder):
            return f"the link {place} leads out of {folder}, to {place.resolve()}; put the files themselves there"
    return f"{image_path} leads out of {folder}"


def decode(encoded: bytes, *, max_megapixels: float, min_side_px: int) -> Decoded | Rejection:
    """Return the picture in `encoded`, or why there is none.

    The first frame counts, EXIF orientation is applied, transparency is composed on white, 16 bits become 8. Pictures
    beyond `max_megapixels`, or with a side below `min_side_px`, are refused by their header, before a pixel is decoded.
    """
    if not encoded:
        return Rejection("empty_file", "0 bytes")
    with _own_limits(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _open(encoded, max_megapixels, min_side_px)
        except MemoryError:
            return Rejection("too_large", "does not fit into memory")
        except _BROKEN as error:  # UnidentifiedImageError is an OSError
            with contextlib.suppress(MemoryError, *_BROKEN):
                found = _open(_without_metadata(encoded), max_megapixels, min_side_px)
                return replace(found, untouched=False) if isinstance(found, Decoded) else found
            return _refuse(encoded, error)


def _open(encoded: bytes, max_megapixels: float, min_side_px: int) -> Decoded | Rejection:
    with Image.open(io.BytesIO(encoded), formats=_readable_formats()) as opened:
        return _check_size(*opened.size, max_megapixels, min_side_px) or _flatten(opened)


def _without_metadata(encoded: bytes) -> bytes:
    """Return a PNG's chunks that decide its pixels, for Pillow reads all others too; nothing of other files."""
    kept, start = [_PNG], len(_PNG) if encoded.startswith(_PNG) else len(encoded)
    while start < len(encoded):
        end = start + 12 + int.from_bytes(encoded[start : start + 4], "big")
        if encoded[start + 4 : start + 8] in _PIXEL_CHUNKS:
            kept.append(encoded[start:end])
        start = end
    return b"".join(kept)


def _refuse(encoded: bytes, error: BaseException) -> Rejection:
    """Return why Pillow could not read a file, from what it raised and how the file begins."""
    is_webp = encoded[:4] == b"RIFF" and encoded[8:12] == b"WEBP"  # libwebp itself does not tell a short one
    if is_webp and len(encoded) < 8 + int.from_bytes(encoded[4:8], "little"):
        return Rejection("truncated", "the WebP file is shorter than its header says")
    if not isinstance(error, UnidentifiedImageError):
        words = ("truncated", "unexpected end", "eof", "incomplete")
        is_cut_short = isinstance(error, EOFError) or any(word in str(error).lower() for word in words)
        return Rejection("truncated" if is_cut_short else "unreadable", in_one_line(error)[:200])
    for start, (reason, detail) in _KNOWN.items():
        if re.match(start, encoded):
            return Rejection(reason, detail)
    if encoded.startswith(_MAGIC):
        return Rejection("unreadable", "starts like an image, but its header cannot be read")
    return Rejection("not_an_image", f"starts with {encoded[:16]!r}")


@cache
def _readable_formats() -> tuple[str, ...]:
    """Return the formats of `_FORMATS` that this build of Pillow knows, and its extension for HEIC if installed."""
    Image.init()
    with contextlib.suppress(ImportError):
        from pillow_heif import register_heif_opener

        register_heif_opener()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def crop(decoded: Decoded, box: Box, *, min_side_px: int) -> Decoded | Rejection:
    """Return what lies inside a box, which may reach out of the picture, or why that is too little."""
    image, (left, top, right, bottom) = decoded.image, map(round, box)
    left, top, right, bottom = max(0, left), max(0, top), min(right, image.width), min(bottom, image.height)
    width, height = max(0, right - left), max(0, bottom - top)
    if refused := _check_size(width, height, math.inf, min_side_px):
        return replace(refused, detail=f"its box holds {refused.detail}")
    return replace(decoded, image=image.crop((left, top, right, bottom)), untouched=False)


def encode_for_store(decoded: Decoded, original: bytes, *, store_px: int) -> bytes:
    """Return the bytes to store, shorter side `store_px` at most: the original's, PNG (small, lossless) or JPEG."""
    picture, fits = decoded.image, min(decoded.image.size) <= store_px
    if fits and decoded.untouched and decoded.format in _KEPT_AS_IS:
        return original
    buffer = io.BytesIO()
    if fits and decoded.format in _LOSSLESS:
        picture.save(buffer, format="PNG", optimize=False)
    else:
        resized = picture.resize(stored_size(picture.size, store_px), Image.Resampling.LANCZOS)
        resized.save(buffer, format="JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def pixel_digest(image: Image.Image) -> str:
    """Return sha256 over size and RGB values, so that the same picture in another file is found."""
    return hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest()


def _check_size(width: int, height: int, max_megapixels: float, min_side_px: int) -> Rejection | None:
    if width * height > max_megapixels * 1e6:
        return Rejection("too_large", f"{width}x{height} px, more than {max_megapixels:g} megapixels")
    if min(width, height) < min_side_px:
        return Rejection("too_small", f"{width}x{height} px, a side below {min_side_px}")
    if max(width, height) > _LONGEST_ASPECT * min(width, height):  # resizing it for a network would need gigabytes
        return Rejection("too_large", f"{width}x{height} px, over {_LONGEST_ASPECT} times as long as wide")
    return None


def _flatten(opened: ImageFile.ImageFile | Image.Image) -> Decoded:
    """Return the first frame upright, 8-bit RGB and on white."""
    frames = getattr(opened, "n_frames", 1)
    file_format, mode = opened.format or "unknown", opened.mode
    packing = str(opened.tile[0].args) if file_format == "PNG" else ""
    opened.load()
    orientation = 1  # where the block is broken
    with contextlib.suppress(*_BROKEN):
        orientation = opened.getexif().get(_ORIENTATION, 1)
    upright = opened.copy()
    upright.info = {name: upright.info[name] for name in ("transparency",) if name in upright.info}
    if orientation not in (0, 1):
        upright.getexif()[_ORIENTATION] = orientation  # alone: Pillow writes the block anew, which other tags may break
        upright = ImageOps.exif_transpose(upright)
    transparent = upright.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in upright.info
    if transparent:
        layer = _layer(upright, packing)
        flat = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    else:
        flat = _to_eight_bits(upright).convert("RGB")
    flat.info = {}
    untouched = mode == "RGB" and not transparent and frames == 1 and orientation in (0, 1)
    return Decoded(flat, file_format, mode, untouched)


def _layer(image: Image.Image, packing: str) -> Image.Image:
    """Return a picture as RGBA; a PNG's transparent colour has the file's bits (`packing`), Pillow's pixels have 8."""
    colour = image.info.get("transparency")
    if image.mode.startswith("I"):
        opaque = Image.fromarray(np.where(np.asarray(image) == colour, 0, 255).astype(np.uint8))
        return Image.merge("LA", (_to_eight_bits(image), opaque)).convert("RGBA")
    if packing == "RGB;16B" and isinstance(colour, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in colour)
    elif packing in ("L;2", "L;4") and isinstance(colour, int):
        image.info["transparency"] = colour * 255 // (2 ** int(packing[2:]) - 1)
    return image.convert("RGBA")


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Return modes I;16, I and F as 8-bit grey; Pillow's own conversion would clip them to white."""
    if not (image.mode.startswith("I") or image.mode == "F"):
        return image
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    highest = float(values.max(initial=0))
    if image.mode.startswith("I;16") or (image.mode == "I" and highest <= 65_535):
        scaled = values / 257  # 65,535 is white
    else:
        lowest = min(0.0, float(values.min(initial=0)))
        scaled = 255 * (values - lowest) / max(highest - lowest, 1e-12)
    return Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))


@contextlib.contextmanager
def _own_limits() -> Iterator[None]:
    """Switch Pillow's process-wide pixel limit off (ours is checked on the header), and its tolerance of cut files."""
    with _pillow_limits:
        earlier = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = None, False
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = earlier
