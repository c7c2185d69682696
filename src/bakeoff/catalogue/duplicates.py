"""Which products show the same picture: exactly, nearly (perceptual hash), mirrored, framed or a little cropped."""

from collections.abc import Iterator, Sequence
from itertools import chain, combinations, pairwise
from math import comb
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

_VIEW_DISTANCE = 8  # bits; benchmarks/duplicates.py measures this and the following together
_LEAST_CORRELATION, _PLACE_TOLERANCE = 0.97, 0.1
_COLOUR_RMS, _CHROMA_RMS = 8.0, 4.5  # of 255
_COMPARED = 50  # of pictures with one hash: each is compared with this many only
_BATCH = 2**15  # pairs whose colours are compared at once
_BITS = 64
_STRETCHES = range(3, 17)
_LOOKUP_COST = 1  # of seeking a stretch, in comparisons of two hashes: 14 ns against 13 to 17
_CHUNK, _PAIRS = 2**14, 2**18  # they fit the processor's cache


class Duplicates(NamedTuple):
    """For each of N pictures the position of the first of its kind, (N,) int64, at most its own."""

    groups: np.ndarray  # of those that belong together, such as mirrored and recoloured pictures
    copies: np.ndarray  # of those that show the same in the same colours


def find_duplicates(
    digests: Sequence[str],
    hashes: np.ndarray,
    *,
    distance: int,
    mirrored: np.ndarray,
    views: Sequence[np.ndarray],
    groups: Sequence[str | None] = (),
) -> Duplicates:
    """Return which pictures belong together and which of these are copies: connected components both.

    Pictures of near hashes, mirrored or not, belong together where their colours correlate, or their lightness does and
    their proportions agree, and so do those with a view in common. Copies are those not mirrored whose colours agree
    closely. Blank pictures are copies by their pixels alone.

    Args:
        digests: N pixel digests; equal ones are copies.
        hashes: (N,) uint64 perceptual hashes.
        distance: differing bits of 64 up to which two pictures are near.
        mirrored: (N,) uint64 hashes of the mirror images.
        views: N arrays of VIEW, the whole picture first; none of a blank picture.
        groups: names of N groups that the source knows, whatever the pictures show; None = of no group.
    """
    n = len(digests)
    same = _pairs_of_names(digests)
    first = np.isin(np.arange(n), same[:, 1])  # exact copies need no comparison
    seen = np.flatnonzero(first & np.array([len(own) > 0 for own in views], bool))
    both, views = np.concatenate([hashes[seen], mirrored[seen]]), [views[place] for place in seen.tolist()]
    near, copies = [same, _pairs_of_names(groups)], [same]
    if len(seen):
        whole = np.stack([own[0] for own in views])
        colours = np.concatenate([whole["colours"], whole["colours"][:, :, ::-1]])
        grey = colours.mean(axis=3, keepdims=True)
        for found in _near_pairs(both, distance):
            one, other = (found % len(seen)).T
            alike = np.abs(whole["place"][one, 0] - whole["place"][other, 0]) <= _PLACE_TOLERANCE
            alike &= _correlate(grey, *found.T) >= _LEAST_CORRELATION  # a recoloured variant
            alike |= _correlate(colours, *found.T) >= _LEAST_CORRELATION  # one squashed, too
            alike &= (found < len(seen)).any(axis=1)
            near.append(seen[found[alike] % len(seen)])
            pairs = found[alike & (found < len(seen)).all(axis=1)]
            copies.append(seen[pairs[_same_colours(colours, *pairs.T)]])
        for pairs, is_copy in _pairs_of_views(views):
            near.append(seen[pairs])
            copies.append(seen[pairs[is_copy]])
    return Duplicates(_first_of_each(near, n), _first_of_each(copies, n))


def _first_of_each(pairs: list[np.ndarray], n: int) -> np.ndarray:
    """Return for each of n places the first one of its connected component, (n,) int64."""
    edges = np.concatenate(pairs)
    graph = coo_array((np.ones(len(edges), dtype=bool), (edges[:, 0], edges[:, 1])), shape=(n, n))
    components = connected_components(graph, directed=False)[1]
    _, first_places, components = np.unique(components, return_index=True, return_inverse=True)
    return first_places[components]


def _pairs_of_names(names: Sequence[Any]) -> np.ndarray:
    """Return (M, 2) pairs i, j <= i: each position with a name (text) and the first with the same one."""
    first: dict[str, int] = {}
    pairs = [(place, first.setdefault(name, place)) for place, name in enumerate(names) if isinstance(name, str)]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _near_pairs(hashes: np.ndarray, distance: int) -> Iterator[np.ndarray]:
    """Yield (M, 2) pairs of different places whose hashes differ in at most `distance` bits; a pair may come twice."""
    order = np.argsort(hashes, kind="stable")
    distinct, starts, counts = np.unique(hashes[order], return_index=True, return_counts=True)
    equal = np.repeat(np.flatnonzero(counts > 1)[:, None], 2, axis=1)
    for pairs in chain([equal], find_near(distinct, distance)):
        left, right = pairs.T
        for rank, one in _pair_up(np.arange(len(pairs)), starts[left], starts[left] + counts[left], _BATCH):
            first, most = starts[right[rank]], np.minimum(counts[right[rank]], _COMPARED)
            for places in _pair_up(one, first, first + most, _BATCH):
                found = order[np.stack(places, axis=1)]
                yield found[found[:, 0] != found[:, 1]]


def _pairs_of_views(views: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (M, 2) pairs of pictures with a view in common, and (M,) whether its colours agree.

    Such views have near hashes, correlated colours and the same place within even margins: the place is what keeps two
    red balls on white apart.
    """
    owners, flat = np.repeat(np.arange(len(views)), [len(own) for own in views]), np.concatenate(views)
    for pairs in _near_pairs(flat["phash"], _VIEW_DISTANCE):
        one, other = pairs.T
        alike = (owners[one] != owners[other]) & ~(flat["framed"][one] & flat["framed"][other])
        alike &= (np.abs(flat["place"][one] - flat["place"][other]) <= _PLACE_TOLERANCE).all(axis=1)
        one, other = pairs[alike].T
        alike = _correlate(flat["colours"], one, other) >= _LEAST_CORRELATION
        one, other = one[alike], other[alike]
        yield np.stack([owners[one], owners[other]], axis=1), _same_colours(flat["colours"], one, other)


def _correlate(colours: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the correlation of the colours (N, 8, 8, C) of M pairs, (M,); 0 where one is uniform."""
    pair = [colours[places].reshape(-1, 64, colours.shape[3]).astype(np.float32) for places in (one, other)]
    left, right = (values - values.mean(axis=1, keepdims=True) for values in pair)
    sizes = np.linalg.norm(left, axis=(1, 2)) * np.linalg.norm(right, axis=(1, 2))
    return np.einsum("mpc,mpc->m", left, right) / np.maximum(sizes, 1e-6)


def _same_colours(colours: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return for M pairs whether the colours (N, 8, 8, 3) agree, (M,) bool, were both as bright as the brighter one.

    Chroma is judged besides: a crop moves edges, which changes lightness more than chroma, a recoloured variant has it
    the other way round.
    """
    pair = [colours[places].reshape(-1, 64, 3).astype(np.float32) for places in (one, other)]
    sizes = np.maximum([np.linalg.norm(values, axis=(1, 2)) for values in pair], 1)
    left, right = (values * (sizes.max(axis=0) / own)[:, None, None] for values, own in zip(pair, sizes, strict=True))
    change = left - right
    chroma = np.abs(change - change[..., 1:2]).max(axis=2)
    rms, chroma_rms = np.sqrt((change**2).mean(axis=(1, 2))), np.sqrt((chroma**2).mean(axis=1))
    return (rms <= _COLOUR_RMS) & (chroma_rms <= _CHROMA_RMS)


def find_near(hashes: np.ndarray, distance: int) -> Iterator[np.ndarray]:
    """Yield arrays (M, 2) int64 of all pairs i < j with at most `distance` (0 to 64) differing bits.

    The hashes, (N,) uint64, are all different; a pair may come twice. Of hashes cut into c stretches of bits, two that
    differ in d bits differ in at most d // c bits of some stretch: only those that agree there but for so many bits are
    compared, which is exact, and far faster than comparing all with all.

    Source: Norouzi, Punjani and Fleet, Fast Search in Hamming Space with Multi-Index Hashing (CVPR 2012),
    doi:10.1109/CVPR.2012.6248043.
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
    yield from _pair_up(places, places + 1, starts[keys + 1], _PAIRS)
    for top in range(bits):  # the highest bit in which the two differ: the one without it looks for the other
        seekers = np.flatnonzero(keys & (1 << top) == 0)
        masks = [sum(1 << bit for bit in chosen) for n in range(most) for chosen in combinations(range(top), n)]
        for own in np.split(seekers, range(_CHUNK, len(seekers), _CHUNK)):
            for mask in masks:
                sought = keys[own] ^ (1 << top | mask)
                found = np.flatnonzero(occupied[sought])
                yield from _pair_up(own[found], starts[sought[found]], starts[sought[found] + 1], _PAIRS)


def _pair_up(
    own: np.ndarray, first: np.ndarray, last: np.ndarray, most: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield each of the places `own`, (M,), with each from its `first` to before its `last`, about `most` at a time."""
    counts = last - first
    ends = np.cumsum(counts)
    cuts = np.searchsorted(ends, np.arange(most, ends[-1], most)) + 1 if len(own) else []
    for place, begin, n in zip(*(np.split(values, cuts) for values in (own, first, counts)), strict=True):
        if n_pairs := n.sum():
            yield np.repeat(place, n), np.arange(n_pairs) + np.repeat(begin - (np.cumsum(n) - n), n)
