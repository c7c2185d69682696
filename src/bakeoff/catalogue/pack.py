"""Raw files decoded in parallel, one after the other in order, into what the store keeps.

What `prepare` packs lies in files that outlive a killed process: .bakeoff/packed/<key>/, gone after success.
"""

import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from filelock import FileLock, Timeout

from bakeoff.catalogue.measures import VIEW, Thumbnail, fingerprint, measure_thumbnail
from bakeoff.catalogue.photo_file import PhotoFile
from bakeoff.catalogue.repair import find_steps
from bakeoff.core.code import code_digest
from bakeoff.core.files import replacing
from bakeoff.core.locks import waiting_lock
from bakeoff.core.processes import on_all_cores
from bakeoff.data.decode import Box, Decoded, Rejection, crop, decode, encode_for_store, pixel_digest
from bakeoff.records.catalogue import PackParams

SERIAL_BELOW = 300  # starting processes costs two seconds
_CHUNK = 16
_LARGEST_CHUNK = 64
_CHUNKS_PER_PROCESS = 50  # at least so many, so that a kill loses 2 % at most
_PACKAGES = {"pillow", "pillow-heif", "imagehash", "numpy", "scipy"}
_KEY_DIGITS = 16
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
    digest: str = ""  # of the original's pixels; like what follows only where it was asked for
    phash: int = 0
    mirrored: int = 0
    views: np.ndarray = field(default_factory=partial(np.zeros, 0, VIEW))
    measures: tuple[float, ...] = ()  # `bakeoff.catalogue.measures.AUDITED`
    steps: str | None = None  # what repairs it (`bakeoff.data.photo`)


def pack_all(
    photos: Iterable[PhotoFile], n_photos: int, params: PackParams, *, hashes: bool = True
) -> Iterator[Packed | Rejection]:
    """Yield one result per photo, in order, on all cores.

    With `hashes` also what finds duplicates, for which .venv-torch alone has imagehash, and the measures for the audit.
    """
    return pack_on_all_cores(partial(pack, params=params, hashes=hashes), photos, n_photos=n_photos)


def pack_on_all_cores(
    work: Callable[[_Job], _Result], jobs: Iterable[_Job], *, n_photos: int, chunk: int = _CHUNK
) -> Iterator[_Result]:
    """Yield each job's result, in order (`on_all_cores`); few photos take one process, this one."""
    killed = (
        "a process that decodes photos was killed, most likely because memory ran out; "
        "lower prepare.max_megapixels in conf/config.yaml."
    )
    return on_all_cores(work, jobs, serial=n_photos < SERIAL_BELOW, killed=killed, chunk=chunk)


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
    (width, height), encoded = decoded.image.size, encode_for_store(decoded, original, store_px=params.store_px)
    more: dict[str, Any] = {"digest": pixel_digest(decoded.image)} if digest else {}
    repair = params.repair if params.repair and params.repair.is_for_new_photos else None
    if hashes or repair:
        small = Thumbnail(decoded.image)
        measures = measure_thumbnail(small, width=width, height=height)
        if repair:
            more["steps"] = find_steps(measures, encoded, repair)
        if hashes:
            more |= {"measures": measures, **fingerprint(small)._asdict()}
    return Packed(encoded, width, height, decoded.format, decoded.mode, **more)


@contextmanager
def packing_folder(root: Path, given: dict[str, Any], *, name: str) -> Iterator[Path]:
    """Yield the folder of one data set's chunks, removed when the block ends without an error.

    A second process that packs the same waits and says so. What other runs left of this data set is removed.

    `root` is .bakeoff/packed of the main checkout; what is `given` of photos and packing, JSON, becomes a key together
    with the code and the packages that pack.
    """
    kind, installed = _digest(name), {str(one.name).lower().replace("_", "-"): one.version for one in distributions()}
    versions = {package: installed[package] for package in _PACKAGES & installed.keys()}
    folder = root / f"{kind}-{_digest([given, code_digest(Path(__file__).resolve()), versions])}"
    with waiting_lock(Path(f"{folder}.lock"), what=f"packing {name}"):
        for other in {*root.glob(f"{kind}-*/")} - {folder}:
            with suppress(Timeout), FileLock(f"{other}.lock", timeout=0, mode=0o666):
                shutil.rmtree(other)
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        shutil.rmtree(folder)


class PackedPhotos:
    """What became of N photos, by position; each chunk of them is a file, named by the files it was made from."""

    def __init__(self, folder: Path, photos: list[PhotoFile], params: PackParams) -> None:
        self._size = max(1, min(_LARGEST_CHUNK, len(photos) // (_CHUNKS_PER_PROCESS * (os.cpu_count() or 1))))
        chunks = [photos[start : start + self._size] for start in range(0, len(photos), self._size)]
        self._paths = [folder / f"{number}-{_identity(chunk)}" for number, chunk in enumerate(chunks)]
        self._missing = [job for job in zip(self._paths, chunks, strict=True) if not job[0].is_file()]
        self._params, self._load = params, lru_cache(maxsize=1)(lambda path: pickle.loads(path.read_bytes()))
        self._n_missing = sum(len(chunk) for _, chunk in self._missing)
        self.n_packed = len(photos) - self._n_missing
        """How many are there already."""

    def pack(self, advance: Callable[[int], Any]) -> None:
        """Pack the others; `advance` is called with the number of photos that were just finished."""
        keep = partial(_keep, params=self._params)
        for n in pack_on_all_cores(keep, self._missing, n_photos=self._n_missing, chunk=1):
            advance(n)

    def __iter__(self) -> Iterator[Packed | Rejection]:
        """Yield what became of each photo, in order."""
        for path in self._paths:
            yield from self._load(path)

    def encoded(self, position: int) -> bytes:
        """Return an accepted photo's bytes for the store; neighbours are read together."""
        chunk, place = divmod(position, self._size)
        result = self._load(self._paths[chunk])[place]
        assert isinstance(result, Packed)
        return result.encoded


def _keep(job: tuple[Path, list[PhotoFile]], params: PackParams) -> int:
    path, chunk = job
    results = [pack(photo, params) for photo in chunk]
    with replacing(path) as kept, kept.open("wb") as handle:
        pickle.dump(results, handle)
        handle.flush()
        os.fsync(handle.fileno())
    return len(chunk)


def _identity(photos: list[PhotoFile]) -> str:
    """Return a digest of where the photos lie, and of what tells that a file changed since an earlier run."""
    found = [photo.path.stat() for photo in photos]
    told = [(str(photo.path), repr((photo.part, photo.box))) for photo in photos]
    return _digest([told, [(status.st_size, status.st_mtime_ns) for status in found]])


def _digest(values: object) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:_KEY_DIGITS]
