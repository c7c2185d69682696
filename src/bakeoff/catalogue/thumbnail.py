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
        return inside_border(self.pixels, self.whole)


def inside_border(values: np.ndarray, box: Box) -> Box:
    """Return the part of the box inside its uniform border, of a picture (H, W, 3) int16; all where little is."""
    left, top, right, bottom = box
    shown = values[top:bottom, left:right]
    above, after, below, before = (_count_border_lines(np.rot90(shown, n_turns)) for n_turns in range(4))
    inside = (left + before, top + above, right - after, bottom - below)
    return inside if min(inside[2] - inside[0], inside[3] - inside[1]) >= _LEAST_PX else box


def _count_border_lines(values: np.ndarray) -> int:
    """Return how many of the first rows have one and the same colour, (H, W, 3) int16."""
    colour = np.median(values[0], axis=0)
    borders = (np.abs(line - colour).max() <= TOLERANCE for line in values)
    return next((row for row, is_border in enumerate(borders) if not is_border), len(values))
