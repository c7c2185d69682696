"""Which products show the same picture: exactly (same pixels), nearly (perceptual hash), or mirrored."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from PIL import Image, ImageOps
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

_CHUNK = 512


def perceptual_hash(image: Image.Image) -> int:
    """Return the 64-bit perceptual hash of the picture as an unsigned integer.

    Source: imagehash.phash (DCT of the 32x32 grey picture, 8x8 lowest frequencies against their median).
    """
    import imagehash

    return int(str(imagehash.phash(image)), 16)


def mirrored_hash(image: Image.Image) -> int:
    """Return the perceptual hash of the picture's mirror image."""
    return perceptual_hash(ImageOps.mirror(image))


def group_duplicates(
    digests: Sequence[str],
    hashes: np.ndarray,
    *,
    distance: int,
    mirrored: np.ndarray | None = None,
    on_chunk: Callable[[int], None] = lambda n_rows: None,
) -> np.ndarray:
    """Return for each picture the position of the first picture of its group.

    Args:
        digests: N pixel digests; equal ones are exact duplicates.
        hashes: (N,) uint64 perceptual hashes.
        distance: differing bits of 64 up to which two pictures are near-duplicates.
        mirrored: (N,) uint64 hashes of the mirror images, where mirrored pictures belong together too.
        on_chunk: called with the number of pictures compared, for a progress bar.

    Returns:
        (N,) int64, each at most its own position; groups are connected components.
    """
    first: dict[str, int] = {}
    pairs = [(position, first.setdefault(digest, position)) for position, digest in enumerate(digests)]
    pairs += _near_pairs(hashes, hashes, distance, on_chunk=on_chunk)
    if mirrored is not None:
        for one, other in ((mirrored, hashes), (hashes, mirrored)):  # near the limit only one direction may match
            pairs += _near_pairs(one, other, distance, on_chunk=on_chunk)
    n, edges = len(digests), np.array(pairs, dtype=np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(edges), dtype=bool), (edges[:, 0], edges[:, 1])), shape=(n, n))
    _, first_places, groups = np.unique(
        connected_components(graph, directed=False)[1], return_index=True, return_inverse=True
    )
    return first_places[groups]


def _near_pairs(
    left: np.ndarray, right: np.ndarray, distance: int, *, on_chunk: Callable[[int], None]
) -> Iterable[tuple[int, int]]:
    """Yield (i, j), j < i, with at most `distance` differing bits; 85,000 hashes are 3.6e9 comparisons, in chunks."""
    for start in range(0, len(left), _CHUNK):
        stop = min(start + _CHUNK, len(left))
        bits = np.bitwise_count(left[start:stop, None] ^ right[None, :stop])
        for i, j in np.argwhere(bits <= distance):
            if j < start + i:
                yield int(start + i), int(j)
        on_chunk(stop - start)
