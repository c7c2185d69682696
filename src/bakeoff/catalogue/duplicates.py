"""Which products show the same picture: exactly, nearly (perceptual hash), mirrored, framed or a little cropped."""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

_BLOCK = (128, 4096)
_WHOLE = 2  # its place among the views
_LONGEST_PX, _LEAST_PX = 256, 8
TOLERANCE = 16  # of 255: what JPEG leaves of a uniform border
_CROPPED = 0.05  # on each side
_VIEW_DISTANCE = 16  # bits; benchmarks/duplicates.py measures these three together
_LEAST_CORRELATION, _SHAPE_TOLERANCE = 0.97, 0.1


@dataclass(frozen=True)
class View:
    """A picture whole, or without its border, or a little cropped: what it has in common with a copy changed so."""

    phash: int
    colours: bytes
    """8x8 RGB."""
    shape: tuple[float, float, float]
    """Log of width / height; how far its centre is right of and below the picture's, in its own widths and heights."""


def perceptual_hashes(image: Image.Image) -> tuple[int, int]:
    """Return the 64-bit perceptual hashes of the picture and of its mirror image as unsigned integers.

    Source: imagehash.phash (DCT of the 32x32 grey picture, 8x8 lowest frequencies against their median).
    """
    import imagehash

    small = image.convert("L").resize((32, 32), Image.Resampling.LANCZOS)
    return int(str(imagehash.phash(small)), 16), int(str(imagehash.phash(ImageOps.mirror(small))), 16)


def find_views(image: Image.Image) -> tuple[View, ...]:
    """Return what is inside the picture's uniform border, the middle of that, and the whole if it has a border.

    All as seen at 256 px.
    """
    small = image.reduce(math.ceil(max(image.size) / _LONGEST_PX))
    left, top, right, bottom = inside = inside_border(small)
    across, down = round(_CROPPED * (right - left)), round(_CROPPED * (bottom - top))
    whole, middle = (0, 0, *small.size), (left + across, top + down, right - across, bottom - down)
    return tuple(_view(small, box) for box in (inside, middle, whole)[: 2 if inside == whole else 3])


def _view(small: Image.Image, box: tuple[int, int, int, int]) -> View:
    left, top, right, bottom = box
    width, height, content = right - left, bottom - top, small.crop(box)
    shift = ((left + right - small.width) / (2 * width), (top + bottom - small.height) / (2 * height))
    colours = content.resize((8, 8), Image.Resampling.BOX).tobytes()
    return View(perceptual_hashes(content)[0], colours, (math.log(width / height), *shift))


def inside_border(small: Image.Image) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of what is inside the uniform border, px; of the whole where little is."""
    values = np.asarray(small).astype(np.int16)
    top, right, bottom, left = (_count_border_lines(np.rot90(values, n_turns)) for n_turns in range(4))
    inside = left, top, small.width - right, small.height - bottom
    wide_enough = min(inside[2] - left, inside[3] - top) >= _LEAST_PX
    return inside if wide_enough else (0, 0, *small.size)


def _count_border_lines(values: np.ndarray) -> int:
    """Return how many of the first rows have one and the same colour, (H, W, 3) int16."""
    colour = np.median(values[0], axis=0)
    borders = (np.abs(line - colour).max() <= TOLERANCE for line in values)
    return next((row for row, is_border in enumerate(borders) if not is_border), len(values))


def group_duplicates(
    digests: Sequence[str],
    hashes: np.ndarray,
    *,
    distance: int | None = None,
    mirrored: np.ndarray | None = None,
    views: Sequence[tuple[View, ...]] = (),
    groups: Sequence[str | None] = (),
) -> np.ndarray:
    """Return for each picture the position of the first picture of its group.

    Args:
        digests: N pixel digests, or names of clusters found before; equal ones are duplicates.
        hashes: (N,) uint64 perceptual hashes.
        distance: differing bits of 64 up to which two pictures are near-duplicates; None = the hash alone, which sees
            no colour, is not enough.
        mirrored: (N,) uint64 hashes of the mirror images, where mirrored pictures belong together too.
        views: of the N pictures, where copies with other margins belong together too.
        groups: names of N groups that the source knows, whatever the pictures show; None = of no group.

    Returns:
        (N,) int64, each at most its own position; groups are connected components.
    """
    n = len(digests)
    pairs = [_pairs_of_names(digests), _pairs_of_names(groups)]
    if distance is not None:
        pairs += _near_pairs(hashes, hashes, distance)
    if distance is not None and mirrored is not None:
        for one, other in ((mirrored, hashes), (hashes, mirrored)):  # near the limit only one direction may match
            pairs += _near_pairs(one, other, distance)
    if views:
        pairs += _pairs_of_views(views)
    edges = np.concatenate(pairs)
    graph = coo_array((np.ones(len(edges), dtype=bool), (edges[:, 0], edges[:, 1])), shape=(n, n))
    _, first_places, components = np.unique(
        connected_components(graph, directed=False)[1], return_index=True, return_inverse=True
    )
    return first_places[components]


def _pairs_of_names(names: Sequence[Any]) -> np.ndarray:
    """Return (M, 2) pairs i, j <= i: each position with a name (text) and the first with the same one."""
    first: dict[str, int] = {}
    pairs = [(place, first.setdefault(name, place)) for place, name in enumerate(names) if isinstance(name, str)]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _near_pairs(left: np.ndarray, right: np.ndarray, distance: int) -> Iterator[np.ndarray]:
    """Yield (M, 2) pairs i, j < i with at most `distance` differing bits, in blocks that fit the processor's cache."""
    n_rows, n_columns = _BLOCK

    def compare(start: int) -> np.ndarray:
        found = []
        for other in range(0, min(start + n_rows, len(right)), n_columns):
            block = right[other : other + n_columns]
            near = np.bitwise_count(left[start : start + n_rows, None] ^ block) <= distance
            rows, columns = np.divmod(np.flatnonzero(near), len(block))  # twice as fast as argwhere
            found.append(np.stack([rows + start, columns + other], axis=1))
        pairs = np.concatenate(found)
        return pairs[pairs[:, 1] < pairs[:, 0]]

    with ThreadPoolExecutor() as pool:
        yield from pool.map(compare, range(0, len(left), n_rows))


def _pairs_of_views(views: Sequence[tuple[View, ...]]) -> Iterator[np.ndarray]:
    """Yield (M, 2) pairs with two views of near hashes, correlated colours, and the same place within even margins.

    Two whole pictures with borders are not compared: what they have in common may be the border.
    """
    owners = np.repeat(np.arange(len(views)), [len(own) for own in views])
    flat = [view for own in views for view in own]
    bordered = np.array([place == _WHOLE for own in views for place in range(len(own))])
    hashes, shapes = np.array([view.phash for view in flat], np.uint64), np.array([view.shape for view in flat])
    colours = np.frombuffer(b"".join(view.colours for view in flat), np.uint8).astype(np.float32).reshape(-1, 64, 3)
    colours = (colours - colours.mean(axis=1, keepdims=True)).reshape(len(flat), -1)
    colours /= np.maximum(np.linalg.norm(colours, axis=1, keepdims=True), 1e-6)
    for one, other in (pairs.T for pairs in _near_pairs(hashes, hashes, _VIEW_DISTANCE)):
        alike = (np.abs(shapes[one] - shapes[other]) <= _SHAPE_TOLERANCE).all(axis=1)
        alike &= ~(bordered[one] & bordered[other])
        alike &= np.einsum("nd,nd->n", colours[one], colours[other]) >= _LEAST_CORRELATION
        yield np.stack([owners[one[alike]], owners[other[alike]]], axis=1)
