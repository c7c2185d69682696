"""What a photo is like: light, colour, sharpness, shape and border in numbers, and the hashes that find its copies.

No network is needed. What `prepare` keeps is measured on one small picture, made once, its border looked for once.
"""

import math
from functools import cached_property
from operator import le
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageChops, ImageOps

MEASURES = ("brightness", "contrast", "saturation", "sharpness", "aspect_ratio", "megapixels")
"""Of every photo; what monitoring compares."""
AUDITED = (*MEASURES, "luma_p05", "luma_p99", "information", "red", "green", "blue", "dominance", "chroma", "border")
"""What `prepare` keeps in measures.parquet."""
_SIDE_PX = 256  # size at which light, colour and sharpness are measured, so that they do not depend on the photo's size
_HIGHEST, _LOWEST = np.meshgrid(np.arange(256), np.arange(256), indexing="ij")
_SATURATION = np.clip(
    (_HIGHEST - _LOWEST).astype(np.float32) / np.maximum(_HIGHEST, 1).astype(np.float32) * np.float64(255), 0, 255
).astype(np.uint8)
"""HSV's S by a pixel's highest and lowest channel, as Pillow has it, in a tenth of the time."""
_EDGE_PX, _ALONG_EDGE, _UNEVEN = 1, 0.5, 0.02
"""How far inside a frame its edge is looked at, of how much of it that must differ, and by what of a side it may be off
the middle."""
_LEVELS = np.arange(256)
TOLERANCE = 16  # of 255: what JPEG leaves of a uniform border
_LONGEST_PX, _LEAST_PX = 256, 8
_CROPS = (0.0, 0.05, 0.1)  # of width and height: an even crop of up to 12% is within 3% of one of them
_THIN_BORDER = 0.5  # what is inside has at least this share of the area
Box = tuple[int, int, int, int]  # left, top, right and bottom, px, half-open
VIEW = np.dtype([("phash", np.uint64), ("colours", np.uint8, (8, 8, 3)), ("place", np.float32, 3), ("framed", bool)])
"""A picture whole or evenly cropped, with its uniform border or without.

`place`: log of width / height; how far its centre is right of and below the picture's, in its own widths and heights.
`framed`: most of it is border, so that two such views may have nothing but the border in common.
"""


class Fingerprint(NamedTuple):
    """What copies have in common."""

    phash: int  # 64-bit perceptual hash
    mirrored: int  # that of the mirror image
    views: np.ndarray  # (V,) VIEW, the whole first; none of a blank picture, whose hashes are chance


class Thumbnail:
    """An RGB picture averaged over squares of pixels until no side is longer than 256 px.

    That is four times as fast as resizing it, and what is blurred or framed at that size is so for a network's 224 px.
    """

    def __init__(self, picture: Image.Image) -> None:
        self.image = picture.reduce(math.ceil(max(picture.size) / _LONGEST_PX))
        self.whole: Box = (0, 0, *self.image.size)

    @cached_property
    def pixels(self) -> np.ndarray:
        """(H, W, 3) int16."""
        return np.asarray(self.image).astype(np.int16)

    @cached_property
    def inside(self) -> Box:
        """What is inside the uniform border; all where little is."""
        return inside_border(self.image, self.whole)


def inside_border(image: Image.Image, box: Box) -> Box:
    """Return the part of the box inside its uniform border; all where little is."""
    shown, sides = image.crop(box), list[int]()
    pixels, (left, top, _, _) = np.asarray(shown), box
    # what differs from a side's colour; () = no border
    others: dict[tuple[float, ...], Box] = {(): (0, 0, *shown.size)}
    for side, line in enumerate((pixels[:, 0], pixels[0], pixels[:, -1], pixels[-1])):
        colour = np.median(line, axis=0)
        known = tuple(colour.tolist()) if np.abs(line - colour).max() <= TOLERANCE else ()
        if known not in others:
            differs = np.abs(np.arange(256) - colour[:, None]) > TOLERANCE
            others[known] = shown.point((255 * differs).ravel().tolist()).getbbox() or (*shown.size, 0, 0)
        sides.append(others[known][side])
    before, above, after, below = sides
    is_little = min(after - before, below - above) < _LEAST_PX
    return box if is_little else (left + before, top + above, left + after, top + below)


def measure_photo(image: Image.Image, *, width: int, height: int) -> tuple[float, ...]:
    """Return the photo's MEASURES, in their order.

    brightness: mean luma in [0, 1]; contrast: its standard deviation; saturation: mean of HSV's S in [0, 1];
    sharpness: log10(1 + variance of the luma's Laplacian); aspect_ratio: width / height; megapixels: of the file.

    The image is RGB, as the packed store keeps it; width and height are those of the original file, upright, px.
    """
    if (shorter := min(image.size)) > _SIDE_PX:
        shown = [max(1, round(side * _SIDE_PX / shorter)) for side in image.size]
        image = image.resize((shown[0], shown[1]), Image.Resampling.BOX)
    return *_Look(image).usual(), width / height, width * height / 1e6


def measure_thumbnail(thumbnail: Thumbnail, *, width: int, height: int) -> tuple[float, ...]:
    """Return the photo's AUDITED measures, in their order: those of `measure_photo`, and what only the audit asks for.

    luma_p05, luma_p99: the luma that 5 % and 99 % of the pixels do not exceed, in [0, 1]; information: entropy of the
    grey histogram, bits in [0, 8]; red, green, blue: means in [0, 1]; dominance: the largest of them divided by their
    sum, a third where none dominates; chroma: highest minus lowest channel, which 99 % of the pixels do not exceed, in
    [0, 1]; border: the share of the picture's area that a frame or two bars take, 0 where it has none.
    """
    look = _Look(thumbnail.image)
    means = np.array(thumbnail.image.histogram()).reshape(3, 256) @ _LEVELS / (255 * look.n_pixels)
    chroma = np.array(ImageChops.subtract(*look.extremes).histogram())
    across, down = find_frame(thumbnail)
    return (
        *look.usual(),
        width / height,
        width * height / 1e6,
        *(_level(look.histogram, share) for share in (0.05, 0.99)),
        look.luma.entropy(),
        *means.tolist(),
        float(means.max() / means.sum()) if means.any() else 1 / 3,
        _level(chroma, 0.99),
        1 - (1 - 2 * across) * (1 - 2 * down),
    )


def find_frame(thumbnail: Thumbnail) -> tuple[float, float]:
    """Return how much of the width a frame takes on the left as on the right, and of the height above as below.

    A frame is as wide on both sides and ends in a straight edge along most of what it surrounds: the white ground of a
    product, which ends where the product's outline is, is none.
    """
    (left, top, right, bottom), (width, height) = thumbnail.inside, thumbnail.image.size
    values, frame = thumbnail.pixels[top:bottom, left:right], thumbnail.pixels[0, 0]
    margins = (left, width - right, width, 1), (top, height - bottom, height, 0)
    found = []
    for before, after, length, axis in margins:
        lines = (values.take(place, axis=axis) for place in (_EDGE_PX, -1 - _EDGE_PX))
        edges = ((np.abs(line - frame).max(axis=1) > TOLERANCE).mean() for line in lines)
        is_even = min(before, after) > 0 and abs(before - after) <= max(_EDGE_PX, _UNEVEN * length)
        found.append(min(before, after) / length if is_even and min(edges) >= _ALONG_EDGE else 0.0)
    return found[0], found[1]


class _Look:
    """What several measures of a small picture share."""

    def __init__(self, small: Image.Image) -> None:
        self.luma = small.convert("L")
        self.histogram = np.array(self.luma.histogram())
        self.n_pixels = small.width * small.height
        red, green, blue = small.split()
        highest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
        self.extremes = highest, ImageChops.darker(ImageChops.darker(red, green), blue)
        """Every pixel's highest and lowest channel."""

    def usual(self) -> tuple[float, float, float, float]:
        """Return brightness, contrast, saturation and sharpness; sums of integers, which no order of adding changes."""
        highest, lowest = (np.asarray(channel) for channel in self.extremes)
        saturation = _SATURATION.take((highest.astype(np.uint16) << 8) | lowest)
        padded = np.pad(np.asarray(self.luma, dtype=np.int16), 1, mode="edge")
        neighbours = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
        laplacian = (neighbours - 4 * padded[1:-1, 1:-1]).ravel()
        energy = int(np.einsum("i,i->", laplacian, laplacian, dtype=np.int64))
        total, squares = int(self.histogram @ _LEVELS), int(self.histogram @ _LEVELS**2)
        return (
            total / self.n_pixels / 255,
            math.sqrt(_variance(total, squares, self.n_pixels)) / 255,
            float(saturation.mean() / 255),
            math.log10(1 + _variance(int(laplacian.sum()), energy, self.n_pixels)),
        )


def _variance(total: int, squares: int, n: int) -> float:
    """Return the variance of n integers of this sum and this sum of squares."""
    return (n * squares - total**2) / n**2


def _level(histogram: np.ndarray, share: float) -> float:
    """Return the least level, in [0, 1], that `share` of the pixels do not exceed."""
    counts = np.cumsum(histogram)
    return int(np.searchsorted(counts, share * counts[-1])) / 255


def fingerprint(thumbnail: Thumbnail) -> Fingerprint:
    """Return what is kept of a picture.

    Source: imagehash.phash (DCT of the 32x32 grey picture, 8x8 lowest frequencies against their median).
    """
    small, whole = thumbnail.image, thumbnail.whole
    grey = small.convert("L")
    coarse = np.asarray(small.resize((16, 16), Image.Resampling.BOX))  # its means hide noise and specks
    is_blank = np.ptp(coarse, axis=(0, 1)).max() <= TOLERANCE
    boxes = {whole: False} if is_blank else _find_boxes(thumbnail)
    shrunk = {box: grey.resize((32, 32), Image.Resampling.LANCZOS, box) for box in boxes}
    views = [
        (_phash(shrunk[box]), np.asarray(small.resize((8, 8), Image.Resampling.BOX, box)), _place(box, whole), framed)
        for box, framed in boxes.items()
    ]
    mirrored = _phash(ImageOps.mirror(shrunk[whole]))
    return Fingerprint(views[0][0], mirrored, np.array([] if is_blank else views, VIEW))


def _phash(shrunk: Image.Image) -> int:
    import imagehash

    return int(str(imagehash.phash(shrunk)), 16)


def _place(box: Box, whole: Box) -> tuple[float, float, float]:
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    return math.log(width / height), (left + right - whole[2]) / (2 * width), (top + bottom - whole[3]) / (2 * height)


def _find_boxes(thumbnail: Thumbnail) -> dict[Box, bool]:
    """Return left, top, right and bottom of each view, px, the whole first, and whether it is mostly border."""
    inside, (width, height) = thumbnail.inside, thumbnail.image.size
    boxes: dict[Box, bool] = {}
    for share in _CROPS:
        across, down = round(share * width / 2), round(share * height / 2)
        box = (across, down, width - across, height - down)
        is_within = all(map(le, (*box[:2], *inside[2:]), (*inside[:2], *box[2:])))
        own = inside if is_within else inside_border(thumbnail.image, box)
        boxes.setdefault(box, _area(own) < _THIN_BORDER * _area(box))
        boxes.setdefault(own, False)
    return boxes


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])
