"""One scoring as a file, so that it can be done in the environment that the candidate needs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bakeoff.catalogue.params import PackParams
from bakeoff.core.section import validate_section
from bakeoff.data.store import ImageStore
from bakeoff.deploy.prediction.held import HeldPhotos
from bakeoff.deploy.prediction.scores import CHUNK, n_chunks, n_done
from bakeoff.deploy.prediction.scoring import ScoringSettings, progress_bar, read_files, read_store, score_photos
from bakeoff.predictors.loading import load_predictor

REQUEST_FILE, LISTING_FILE = "request.json", "photos.parquet"


@dataclass(frozen=True)
class Machine:
    """On what a candidate runs."""

    device: str
    """auto, cpu, cuda or mps."""
    threads: int
    batch_size: int


@dataclass(frozen=True)
class Request:
    """Which candidate looks at which photos, and how."""

    environment: str
    """`torch` or `tf`."""
    training_dir: str
    training_key: str
    labels: list[str]
    prepare: dict[str, Any]
    """How the candidate's catalogue was packed (`PackParams`)."""
    machine: Machine
    title: str
    """What the progress bar says."""
    store: str | None = None
    """images.arrow where the photos are the catalogue's own; None = files."""
    more: bool = False
    """Also measure the photos, and keep features where the candidate gives any."""

    def save(self, folder: Path, listing: pd.DataFrame) -> None:
        """Write the request and its photos into the folder that the scores go to."""
        listing.to_parquet(folder / LISTING_FILE, index=False)
        (folder / REQUEST_FILE).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def load_request(folder: Path) -> tuple[Request, pd.DataFrame]:
    """Return what `Request.save` wrote."""
    values = json.loads((folder / REQUEST_FILE).read_text(encoding="utf-8"))
    request = Request(**values | {"machine": Machine(**values["machine"])})
    return request, pd.read_parquet(folder / LISTING_FILE)


def request_key(request: Request, listing: pd.DataFrame) -> str:
    """Return what names the scores: sha256 over candidate, preparation and photos, 16 hex digits.

    A file counts with its path, size and time of change, so that a replaced photo is looked at again.
    """
    stamps = listing.to_dict("list") if request.store else [_stamp(path) for path in listing["path"]]
    values = [request.training_key, request.training_dir, request.prepare, request.store, request.more, CHUNK, stamps]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]


def carry_out(folder: Path) -> None:
    """Score the photos of the request in `folder` that have no scores yet, in this process and environment.

    Raises:
        BakeoffError: the candidate cannot be loaded, or gives scores that are not numbers.
    """
    request, listing = load_request(folder)
    done = n_done(folder)
    if done >= n_chunks(len(listing)):
        return
    held = HeldPhotos(request.labels)
    machine = request.machine
    loading = {"batch_size": machine.batch_size, "device": machine.device}
    predictor = load_predictor(request.environment, Path(request.training_dir), held, **loading)  # type: ignore[arg-type]
    predictor.set_threads(machine.threads)
    photos = _photos(request, listing.iloc[done * CHUNK :])
    with progress_bar() as bar:
        task = bar.add_task(request.title, total=len(listing), completed=done * CHUNK)
        score_photos(
            predictor,
            held,
            photos,
            folder,
            settings=ScoringSettings(machine.batch_size, done, more=request.more),
            advance=lambda n: bar.advance(task, n),
        )


def _photos(request: Request, listing: pd.DataFrame) -> Any:
    if request.store is None:
        prepare = validate_section(PackParams, request.prepare, where=f"{REQUEST_FILE}, prepare")
        return read_files(listing["path"].tolist(), prepare)
    sizes = list(zip(listing["width"], listing["height"], strict=True))
    return read_store(ImageStore(Path(request.store)), listing["image"].tolist(), sizes)


def _stamp(path: str) -> list[Any]:
    if not path:  # of a row without a photo; as a path it would be the working folder
        return [path, None]
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return [path, None]
    return [path, status.st_size, status.st_mtime_ns]
