"""One scoring as a file, so that it can be done in the environment that the candidate needs.

`python -m bakeoff.deploy.prediction.request FOLDER` carries out FOLDER's request.
"""

import hashlib
import json
import os
import sys
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from bakeoff.catalogue.measures import MEASURES
from bakeoff.catalogue.photo_file import Cell
from bakeoff.core.errors import exit_cleanly
from bakeoff.core.progress import progress_bar
from bakeoff.core.section import validate_section
from bakeoff.data.store import ImageStore
from bakeoff.deploy.prediction.scores import CHUNK, Scores, n_done
from bakeoff.deploy.prediction.scoring import read_files, read_store, score_photos
from bakeoff.predictors.loading import load_predictor
from bakeoff.records.catalogue import PackParams

ENOUGH_TO_TRY = 128  # photos that are worth the seconds of finding the fastest way of running the network
REQUEST_FILE, LISTING_FILE = "request.json", "photos.parquet"


@dataclass(frozen=True)
class Request:
    """Which candidate looks at which photos, and how."""

    environment: str  # `torch` or `tf`
    training_dir: str
    training_key: str
    prepare: dict[str, Any]  # how the candidate's catalogue was packed (`PackParams`)
    device: str  # auto, cpu, cuda or mps
    threads: int
    title: str  # what the progress bar says
    store: str | None = None  # images.arrow where the photos are the catalogue's own; None = files
    more: bool = False  # also measure the photos, and keep features where the candidate gives any

    def save(self, folder: Path, listing: pd.DataFrame) -> None:
        """Write the request and its photos into the folder that the scores go to."""
        if "path" in listing:  # names of files need not be text
            listing = listing.assign(path=[path.encode("utf-8", "surrogateescape") for path in listing["path"]])
        listing.to_parquet(folder / LISTING_FILE, index=False)
        (folder / REQUEST_FILE).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def load_request(folder: Path) -> tuple[Request, pd.DataFrame]:
    """Return what `Request.save` wrote."""
    values = json.loads((folder / REQUEST_FILE).read_text(encoding="utf-8"))
    return Request(**values), pd.read_parquet(folder / LISTING_FILE)


def request_key(request: Request, listing: pd.DataFrame) -> str:
    """Return what names the scores: sha256 over candidate, preparation and photos, 16 hex digits.

    A file counts with its path, size and time of change, so that a replaced photo is looked at again.
    """
    stamps = (
        listing.to_dict("list")
        if request.store
        else [*map(_stamp, listing["path"]), *listing["malformed"], *listing["column"]]
    )
    settings = [value for name, value in vars(request).items() if name not in ("device", "threads", "title")]
    values = [*settings, CHUNK, MEASURES, list(Scores.__annotations__), stamps]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]


def carry_out(folder: Path) -> None:
    """Score the photos of the request in `folder` that have no scores yet, in this process and environment.

    A BakeoffError where the candidate cannot be loaded, or gives scores that are not numbers.
    """
    request, listing = load_request(folder)
    done = n_done(folder)
    predictor = load_predictor(Path(request.training_dir), device=request.device)
    predictor.set_threads(request.threads)
    if len(listing) - done * CHUNK >= ENOUGH_TO_TRY:
        sys.stderr.write(f"bakeoff: {request.title} runs {predictor.speed_up()}.\n")
    photos = _photos(request, listing.iloc[done * CHUNK :])
    with progress_bar() as bar:
        task = bar.add_task(request.title, total=len(listing), completed=done * CHUNK)
        score_photos(predictor, photos, folder, first_chunk=done, more=request.more, advance=partial(bar.advance, task))


def _photos(request: Request, listing: pd.DataFrame) -> Any:
    if request.store is None:
        prepare = validate_section(PackParams, request.prepare, where=f"{REQUEST_FILE}, prepare")
        rows = zip(listing.index.tolist(), listing["column"].tolist(), strict=True)
        cells = [Cell(column, row) if column else None for row, column in rows]
        paths = list(map(os.fsdecode, listing["path"]))
        return read_files(paths, prepare, malformed=listing["malformed"].tolist(), cells=cells)
    return read_store(ImageStore(Path(request.store)), listing)


def _stamp(path: str) -> list[Any]:
    if not path:  # of a row without a photo; as a path it would be the working folder
        return [path, None]
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return [path, None]
    return [path, status.st_size, status.st_mtime_ns]


if __name__ == "__main__":
    try:
        with exit_cleanly():
            carry_out(Path(sys.argv[1]))
    except KeyboardInterrupt:  # the command that started this says how far it came
        sys.exit(130)
