"""A photo small, for all that is found out about it while it is packed: made once, its border looked for once."""

import math
from functools import cached_property

import numpy as np
from PIL import Image

TOLERANCE = 16  # of 255: what JPEG leaves of a uniform border
_LONGEST_PX, _LEAST_PX = 256, 8
Box = tuple[int, int, int, int]
"""Left, top, right and bottom, px, half-open."""


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
    others: dict[tuple[float, ...], Box] = {
        (): (0, 0, *shown.size)
    }  # what differs from a side's colour; () = no border
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
