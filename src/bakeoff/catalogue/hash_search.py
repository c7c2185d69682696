"""All pairs of 64-bit hashes within a few differing bits: exact, and far faster than comparing all with all.

Of hashes cut into c stretches of bits, two that differ in d bits differ in at most d // c bits of some stretch, so only
those that agree there but for so many bits are compared.

Source: Norouzi, Punjani and Fleet, Fast Search in Hamming Space with Multi-Index Hashing (CVPR 2012),
doi:10.1109/CVPR.2012.6248043.
"""

from collections.abc import Iterator
from itertools import combinations, pairwise
from math import comb

import numpy as np

_BITS = 64
_STRETCHES = range(3, 17)
_LOOKUP_COST = 3  # of finding a stretch's partners, in comparisons of two hashes; measured
_BATCH = 2**21


def find_near(hashes: np.ndarray, distance: int) -> Iterator[np.ndarray]:
    """Yield arrays (M, 2) int64 of all pairs i < j with at most `distance` differing bits; a pair may come twice.

    Args:
        hashes: (N,) uint64, all different.
        distance: 0 to 64.
    """
    n_stretches = min(_STRETCHES, key=lambda n: _cost(len(hashes), distance, n))
    edges = np.linspace(0, _BITS, n_stretches + 1).astype(int).tolist()
    for low, high in pairwise(edges):
        keys = ((hashes >> np.uint64(low)) & np.uint64(2 ** (high - low) - 1)).astype(np.int64)
        order = np.argsort(keys, kind="stable")
        keys, ordered = keys[order], hashes[order]
        starts = np.searchsorted(keys, np.arange(2 ** (high - low) + 1))
        for mask in _masks(high - low, distance // n_stretches):
            for left, right in _candidates(keys, starts, mask):
                near = np.flatnonzero(np.bitwise_count(ordered[left] ^ ordered[right]) <= distance)
                if len(near):
                    yield np.sort(np.stack([order[left[near]], order[right[near]]], axis=1), axis=1)


def _cost(n: int, distance: int, n_stretches: int) -> float:
    """Return about how many comparisons `n` hashes of random bits would take."""
    bits = _BITS / n_stretches
    n_masks = sum(comb(round(bits), k) for k in range(distance // n_stretches + 1))
    return n_stretches * n_masks * (_LOOKUP_COST * n + n * n / 2 ** (bits + 1)) + 2**bits


def _masks(bits: int, most: int) -> Iterator[int]:
    """Yield every mask of at most `most` of `bits` bits."""
    for n in range(min(most, bits) + 1):
        for chosen in combinations(range(bits), n):
            yield sum(1 << bit for bit in chosen)


def _candidates(keys: np.ndarray, starts: np.ndarray, mask: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield places of pairs whose keys, (N,) ascending, differ by exactly the mask's bits, each pair once."""
    if mask:
        first, last = starts[keys ^ mask], starts[(keys ^ mask) + 1]
        last = np.where(keys & (1 << (mask.bit_length() - 1)), first, last)  # from the lower key to the higher alone
    else:
        first, last = np.arange(1, len(keys) + 1), starts[keys + 1]
    own = np.flatnonzero(last > first)
    first, counts = first[own], (last - first)[own]
    ends = np.cumsum(counts)
    cuts = np.searchsorted(ends, np.arange(_BATCH, ends[-1], _BATCH)) + 1 if len(own) else []
    parts = zip(*(np.split(values, cuts) for values in (own, first, counts)), strict=True)
    for place, begin, n in parts:
        within = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
        yield np.repeat(place, n), np.repeat(begin, n) + within
