"""A catalogue's photos packed, in files that outlive a killed process: .bakeoff/packed/<key>/, gone after success."""

import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from bakeoff.catalogue.pack import Packed, on_all_cores, pack
from bakeoff.catalogue.photo_file import PhotoFile
from bakeoff.core.code import code_digest
from bakeoff.core.files import replacing
from bakeoff.core.locks import waiting_lock
from bakeoff.data.decode import Rejection
from bakeoff.records.catalogue import PackParams

_LARGEST_CHUNK = 64
_CHUNKS_PER_PROCESS = 50
"""At least so many, so that a kill loses 2 % at most."""
_PACKAGES = {"pillow", "pillow-heif", "imagehash", "numpy", "scipy"}
_KEY_DIGITS = 16


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
        self._params, self._load = params, lru_cache(maxsize=1)(_load)
        self._n_missing = sum(len(chunk) for _, chunk in self._missing)
        self.n_packed = len(photos) - self._n_missing
        """How many are there already."""

    def pack(self, advance: Callable[[int], Any]) -> None:
        """Pack the others; `advance` is called with the number of photos that were just finished.

        Raises:
            DataError: a process was killed.
        """
        for n in on_all_cores(partial(_keep, params=self._params), self._missing, n_photos=self._n_missing):
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


def _load(path: Path) -> list[Packed | Rejection]:
    return pickle.loads(path.read_bytes())


def _identity(photos: list[PhotoFile]) -> str:
    """Return a digest of where the photos lie, and of what tells that a file changed since an earlier run."""
    found = [photo.path.stat() for photo in photos]
    told = [(str(photo.path), repr((photo.part, photo.box))) for photo in photos]
    return _digest([told, [(status.st_size, status.st_mtime_ns) for status in found]])


def _digest(values: object) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:_KEY_DIGITS]
