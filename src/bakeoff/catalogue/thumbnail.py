"""A photo small, for all that is found out about it while it is packed: made once, its border looked for once."""

import math
from functools import cached_property, lru_cache

import numpy as np
from PIL import Image

TOLERANCE = 16  # of 255: what JPEG leaves of a uniform border
_LONGEST_PX, _LEAST_PX = 256, 8
Box = tuple[int, int, int, int]
"""Left, top, right and bottom, px, half-open."""


class Thumbnail:
    """A picture averaged over squares of pixels until no side is longer than 256 px.

    That is four times as fast as resizing it, and what is blurred or framed at that size is so for a network's 224 px.
    """

    def __init__(self, picture: Image.Image) -> None:
        """Shrink an RGB picture."""
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
    shown = image.crop(box)
    pixels, (width, height), (left, top, _, _) = np.asarray(shown), shown.size, box
    colours = (np.median(line, axis=0) for line in (pixels[:, 0], pixels[0], pixels[:, -1], pixels[-1]))
    others = (shown.point(_look_up(tuple(colour.tolist()))).getbbox() for colour in colours)
    nothing = (width, height, 0, 0)  # differs: all is border
    before, above, after, below = ((other or nothing)[side] for side, other in enumerate(others))
    is_little = min(after - before, below - above) < _LEAST_PX
    return box if is_little else (left + before, top + above, left + after, top + below)


@lru_cache(maxsize=8)  # the four sides are mostly of one colour
def _look_up(colour: tuple[float, ...]) -> list[int]:
    """Return for each channel's 256 levels whether they differ from the colour."""
    return (np.abs(np.arange(256) - np.array(colour)[:, None]) > TOLERANCE).astype(int).ravel().tolist()
