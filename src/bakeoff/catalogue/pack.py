"""Decode raw files in parallel, one after the other in order, into what the store keeps."""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import TypeVar

import numpy as np

from bakeoff.catalogue.fingerprint import VIEW, fingerprint
from bakeoff.catalogue.measures import measure_thumbnail
from bakeoff.catalogue.photo_file import PhotoFile
from bakeoff.catalogue.repair import find_steps
from bakeoff.catalogue.thumbnail import Thumbnail
from bakeoff.core.errors import DataError
from bakeoff.data.decode import Box, Decoded, Rejection, crop, decode, encode_for_store, pixel_digest
from bakeoff.records.catalogue import PackParams

SERIAL_BELOW = 300  # starting processes costs two seconds
_CHUNK = 16
_CHUNKS_PER_WORKER = 4
_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Packed:
    """One picture ready for the store, and what its file was like."""

    encoded: bytes
    width: int
    height: int
    format: str
    mode: str
    digest: str = ""
    """Of the original's pixels; like what follows only where it was asked for."""
    phash: int = 0
    mirrored: int = 0
    views: np.ndarray = field(default_factory=partial(np.zeros, 0, VIEW))
    measures: tuple[float, ...] = ()
    """`bakeoff.catalogue.measures.AUDITED`."""
    steps: str | None = None
    """What repairs it (`bakeoff.data.photo`)."""


def pack_all(
    photos: Iterable[PhotoFile], n_photos: int, params: PackParams, *, hashes: bool = True
) -> Iterator[Packed | Rejection]:
    """Yield one result per photo, in order, on all cores; a few chunks per core are held in memory at a time.

    With `hashes` also what finds duplicates, for which .venv-torch alone has imagehash, and the measures for the audit.

    Raises:
        DataError: a decoding process was killed.
    """
    source = iter(photos)
    chunks = iter(lambda: list(islice(source, _CHUNK)), [])
    for results in on_all_cores(partial(_pack_chunk, params=params, hashes=hashes), chunks, n_photos=n_photos):
        yield from results


def on_all_cores(work: Callable[[_Job], _Result], jobs: Iterable[_Job], *, n_photos: int) -> Iterator[_Result]:
    """Yield each job's result, in order; a few jobs per core wait at a time. Few photos take one process, this one.

    Raises:
        DataError: one of the processes was killed.
    """
    n_workers = os.cpu_count() or 1
    if n_photos < SERIAL_BELOW or n_workers == 1:
        yield from map(work, jobs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_workers, mp_context=context, initializer=_end_with_parent) as pool:
        waiting: deque[Future[_Result]] = deque()
        try:
            for job in jobs:
                waiting.append(pool.submit(work, job))
                if len(waiting) > _CHUNKS_PER_WORKER * n_workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise DataError(
                "a process that decodes photos was killed, most likely because memory ran out; "
                "lower prepare.max_megapixels in conf/config.yaml."
            ) from None


def _end_with_parent() -> None:
    """Let this process end when the one that started it does: killed, it cannot tell us."""
    if parent := multiprocessing.parent_process():
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def _pack_chunk(photos: list[PhotoFile], params: PackParams, hashes: bool) -> list[Packed | Rejection]:
    return [pack(photo, params, hashes=hashes) for photo in photos]


def pack(photo: PhotoFile, params: PackParams, *, hashes: bool = True) -> Packed | Rejection:
    """Return a photo's picture, encoded for the store with its hashes, or why it is rejected."""
    original = photo.read(params.max_megapixels)
    return original if isinstance(original, Rejection) else pack_bytes(original, params, hashes=hashes, box=photo.box)


def pack_bytes(
    original: bytes, params: PackParams, *, hashes: bool = True, digest: bool = True, box: Box | None = None
) -> Packed | Rejection:
    """Return the picture in a file's bytes, encoded for the store with its hashes, or why it is rejected."""
    decoded = decode(original, max_megapixels=params.max_megapixels, min_side_px=params.min_side_px)
    if box and isinstance(decoded, Decoded):
        decoded = crop(decoded, box, min_side_px=params.min_side_px)
    if isinstance(decoded, Rejection):
        return decoded
    packed = Packed(
        encoded=encode_for_store(decoded, original, store_px=params.store_px),
        width=decoded.width,
        height=decoded.height,
        format=decoded.format,
        mode=decoded.mode,
        digest=pixel_digest(decoded.image) if digest else "",
    )
    repair = params.repair if params.repair and params.repair.is_for_new_photos else None
    if hashes or repair:
        small = Thumbnail(decoded.image)
        measures = measure_thumbnail(small, width=decoded.width, height=decoded.height)
        if repair:
            packed = replace(packed, steps=find_steps(measures, packed.encoded, repair))
        if hashes:
            packed = replace(packed, measures=measures, **fingerprint(small)._asdict())
    return packed
