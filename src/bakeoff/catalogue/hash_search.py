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
_LOOKUP_COST = 1  # of seeking a stretch, in comparisons of two hashes: 14 ns against 13 to 17
_CHUNK, _BATCH = 2**14, 2**18  # they fit the processor's cache


def find_near(hashes: np.ndarray, distance: int) -> Iterator[np.ndarray]:
    """Yield arrays (M, 2) int64 of all pairs i < j with at most `distance` (0 to 64) differing bits.

    The hashes, (N,) uint64, are all different; a pair may come twice.
    """
    n_stretches = min(_STRETCHES, key=lambda n: _cost(len(hashes), distance, n))
    edges = np.linspace(0, _BITS, n_stretches + 1).astype(int).tolist()
    for low, high in pairwise(edges):
        keys = ((hashes >> np.uint64(low)) & np.uint64(2 ** (high - low) - 1)).astype(np.int64)
        order = np.argsort(keys, kind="stable")
        ordered = hashes[order]
        for left, right in _candidates(keys[order], high - low, distance // n_stretches):
            near = np.flatnonzero(np.bitwise_count(ordered[left] ^ ordered[right]) <= distance)
            if len(near):
                yield np.sort(np.stack([order[left[near]], order[right[near]]], axis=1), axis=1)


def _cost(n: int, distance: int, n_stretches: int) -> float:
    """Return about how many comparisons `n` hashes of random bits would take."""
    bits = _BITS / n_stretches
    n_masks = sum(comb(round(bits), k) for k in range(distance // n_stretches + 1))
    return n_stretches * n_masks * (_LOOKUP_COST * n + n * n / 2 ** (bits + 1)) + 2**bits


def _candidates(keys: np.ndarray, bits: int, most: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield places of pairs whose keys of so many bits, (N,) ascending, differ in `most` at most, each pair once."""
    starts = np.searchsorted(keys, np.arange(2**bits + 1))
    occupied, places = np.diff(starts) > 0, np.arange(len(keys))
    yield from _pair_up(places, places + 1, starts[keys + 1])
    for top in range(bits):  # the highest bit in which the two differ: the one without it looks for the other
        seekers = np.flatnonzero(keys & (1 << top) == 0)
        masks = [sum(1 << bit for bit in chosen) for n in range(most) for chosen in combinations(range(top), n)]
        for own in np.split(seekers, range(_CHUNK, len(seekers), _CHUNK)):
            for mask in masks:
                sought = keys[own] ^ (1 << top | mask)
                found = np.flatnonzero(occupied[sought])
                yield from _pair_up(own[found], starts[sought[found]], starts[sought[found] + 1])


def _pair_up(own: np.ndarray, first: np.ndarray, last: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield each of the M places `own` with each place from its `first` to before its `last`, some pairs at a time."""
    counts = last - first
    ends = np.cumsum(counts)
    cuts = np.searchsorted(ends, np.arange(_BATCH, ends[-1], _BATCH)) + 1 if len(own) else []
    for place, begin, n in zip(*(np.split(values, cuts) for values in (own, first, counts)), strict=True):
        if n_pairs := n.sum():
            yield np.repeat(place, n), np.arange(n_pairs) + np.repeat(begin - (np.cumsum(n) - n), n)
