"""What is kept of a picture to find its copies: perceptual hashes and colours of a few views of one thumbnail."""

import math
from operator import le
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from bakeoff.catalogue.thumbnail import TOLERANCE, Box, Thumbnail, inside_border

_CROPS = (0.0, 0.05, 0.1)  # of width and height: an even crop of up to 12% is within 3% of one of them
_THIN_BORDER = 0.5  # what is inside has at least this share of the area

VIEW = np.dtype([("phash", np.uint64), ("colours", np.uint8, (8, 8, 3)), ("place", np.float32, 3), ("framed", bool)])
"""A picture whole or evenly cropped, with its uniform border or without.

`place`: log of width / height; how far its centre is right of and below the picture's, in its own widths and heights.
`framed`: most of it is border, so that two such views may have nothing but the border in common.
"""


class Fingerprint(NamedTuple):
    """What copies have in common."""

    phash: int
    """64-bit perceptual hash."""
    mirrored: int
    """That of the mirror image."""
    views: np.ndarray
    """(V,) VIEW, the whole first; none of a blank picture, whose hashes are chance."""


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
