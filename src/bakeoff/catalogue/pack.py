"""Decode raw files in parallel, one after the other in order, into what the store keeps."""

import multiprocessing
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import numpy as np

from bakeoff.catalogue.fingerprint import VIEW, fingerprint
from bakeoff.catalogue.photo_file import PhotoFile
from bakeoff.core.errors import DataError
from bakeoff.data.decode import Rejection, decode, encode_for_store, pixel_digest
from bakeoff.records.catalogue import PackParams

_SERIAL_BELOW = 300  # starting processes costs two seconds
_CHUNK = 16
_CHUNKS_PER_WORKER = 4


@dataclass(frozen=True)
class Packed:
    """One picture ready for the store, and what its file was like."""

    encoded: bytes
    width: int
    height: int
    format: str
    mode: str
    digest: str = ""
    """Of the original's pixels; like the hashes only where it was asked for."""
    phash: int = 0
    mirrored: int = 0
    views: np.ndarray = field(default_factory=partial(np.zeros, 0, VIEW))


def pack_all(
    photos: Iterable[PhotoFile], n_photos: int, params: PackParams, *, hashes: bool = True
) -> Iterator[Packed | Rejection]:
    """Yield one result per photo, in order, on all cores; a few chunks per core are held in memory at a time.

    With `hashes` also what finds duplicates, for which .venv-torch alone has imagehash.

    Raises:
        DataError: a decoding process was killed.
    """
    n_workers = os.cpu_count() or 1
    if n_photos < _SERIAL_BELOW or n_workers == 1:
        yield from map(partial(pack, params=params, hashes=hashes), photos)
        return
    with ProcessPoolExecutor(n_workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting: deque[Future[list[Packed | Rejection]]] = deque()
        source = iter(photos)
        try:
            while chunk := list(islice(source, _CHUNK)):
                waiting.append(pool.submit(_pack_chunk, chunk, params, hashes))
                if len(waiting) > _CHUNKS_PER_WORKER * n_workers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        except BrokenProcessPool:
            raise DataError(
                "a process that decodes photos was killed, most likely because memory ran out; "
                "lower prepare.max_megapixels in conf/config.yaml."
            ) from None


def _pack_chunk(photos: list[PhotoFile], params: PackParams, hashes: bool) -> list[Packed | Rejection]:
    return [pack(photo, params, hashes=hashes) for photo in photos]


def pack(photo: PhotoFile, params: PackParams, *, hashes: bool = True) -> Packed | Rejection:
    """Return a photo's picture, encoded for the store with its hashes, or why it is rejected."""
    original = photo.read(params.max_megapixels)
    return original if isinstance(original, Rejection) else pack_bytes(original, params, hashes=hashes)


def pack_bytes(original: bytes, params: PackParams, *, hashes: bool = True, digest: bool = True) -> Packed | Rejection:
    """Return the picture in a file's bytes, encoded for the store with its hashes, or why it is rejected."""
    decoded = decode(original, max_megapixels=params.max_megapixels, min_side_px=params.min_side_px)
    if isinstance(decoded, Rejection):
        return decoded
    return Packed(
        encoded=encode_for_store(decoded, original, store_px=params.store_px),
        width=decoded.width,
        height=decoded.height,
        format=decoded.format,
        mode=decoded.mode,
        digest=pixel_digest(decoded.image) if digest else "",
        **(fingerprint(decoded.image)._asdict() if hashes else {}),
    )
