"""Decode raw files in parallel, one after the other in order, into what the store keeps."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bakeoff.catalogue.decode import Rejection, decode, encode_for_store, pixel_digest
from bakeoff.catalogue.duplicates import mirrored_hash, perceptual_hash
from bakeoff.params import PrepareParams

_SERIAL_BELOW = 300  # starting processes costs two seconds


@dataclass(frozen=True)
class Packed:
    """One picture ready for the store, and what its file was like."""

    encoded: bytes
    width: int
    height: int
    format: str
    mode: str
    digest: str
    phash: int
    mirrored: int


def pack_all(paths: Iterable[Path], n_paths: int, params: PrepareParams) -> Iterator[Packed | Rejection]:
    """Yield one result per path, in order, on all cores; only a few are held in memory at a time."""
    work = partial(pack, params=params)
    n_workers = os.cpu_count() or 1
    if n_paths < _SERIAL_BELOW or n_workers == 1:
        yield from map(work, paths)
        return
    with multiprocessing.get_context("spawn").Pool(n_workers) as pool:
        yield from pool.imap(work, paths, chunksize=16)


def pack(path: Path, params: PrepareParams) -> Packed | Rejection:
    """Return one file's picture, encoded for the store with its hashes, or why it is rejected."""
    limit_bytes = params.max_megapixels * 1e6 * 8  # 16-bit RGBA, uncompressed
    try:
        if path.stat().st_size > limit_bytes:
            return Rejection(
                "too_large", f"{path.stat().st_size} bytes, more than {params.max_megapixels:g} megapixels can need"
            )
        original = path.read_bytes()
    except OSError as error:
        return Rejection("unreadable", f"{type(error).__name__}: {error.strerror}")
    decoded = decode(original, max_megapixels=params.max_megapixels, min_side_px=params.min_side_px)
    if isinstance(decoded, Rejection):
        return decoded
    return Packed(
        encoded=encode_for_store(decoded, original, store_px=params.store_px),
        width=decoded.width,
        height=decoded.height,
        format=decoded.format,
        mode=decoded.mode,
        digest=pixel_digest(decoded.image),
        phash=perceptual_hash(decoded.image),
        mirrored=mirrored_hash(decoded.image),
    )
