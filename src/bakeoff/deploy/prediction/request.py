"""One scoring as a file, so that it is done in the candidate's own environment and goes on where it was interrupted.

`python -m bakeoff.deploy.prediction.request FOLDER` carries out FOLDER's request.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

import bakeoff
from bakeoff.catalogue.measures import MEASURES
from bakeoff.catalogue.photo_file import Cell
from bakeoff.core.errors import EvaluationError, SetupError, exit_cleanly
from bakeoff.core.machine import ComputeParams
from bakeoff.core.paths import environment_python, state_dir
from bakeoff.core.progress import progress_bar
from bakeoff.core.section import Section
from bakeoff.core.seeding import default_threads
from bakeoff.data.store import ImageStore
from bakeoff.deploy.prediction.candidates import TrainedCandidate
from bakeoff.deploy.prediction.scores import CHUNK, Scores, n_done
from bakeoff.deploy.prediction.scoring import read_files, read_store, score_photos
from bakeoff.predictors.protocol import load_predictor
from bakeoff.records.catalogue import PackParams

ENOUGH_TO_TRY = 128  # photos that are worth the seconds of finding the fastest way of running the network
REQUEST_FILE, LISTING_FILE = "request.json", "photos.parquet"
_PACKAGES = {"torch": "torch", "tf": "tensorflow"}


class Request(Section):
    """Which candidate looks at which photos, and how."""

    environment: str  # `torch` or `tf`
    training_dir: str
    training_key: str
    prepare: PackParams  # how the candidate's catalogue was packed
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
        (folder / REQUEST_FILE).write_text(json.dumps(self.model_dump(), indent=1) + "\n", encoding="utf-8")


def load_request(folder: Path) -> tuple[Request, pd.DataFrame]:
    """Return what `Request.save` wrote."""
    # Not by pydantic's own JSON, which knows no surrogates: nor need names of folders be text.
    values = json.loads((folder / REQUEST_FILE).read_bytes())
    return Request.model_validate(values), pd.read_parquet(folder / LISTING_FILE)


def make_request(
    candidate: TrainedCandidate, compute: ComputeParams, *, title: str, store: Path | None = None, more: bool = False
) -> Request:
    """Return the request of a candidate: device and threads from the study's params, the rest from its training."""
    return Request(
        environment=candidate.training.environment,
        training_dir=str((candidate.folder / "training").resolve()),
        training_key=candidate.training.key,
        prepare=candidate.training.dataset.prepare,
        device=compute.device,
        threads=compute.threads or default_threads(),
        title=title,
        store=str(store.resolve()) if store else None,
        more=more,
    )


def request_key(request: Request, listing: pd.DataFrame) -> str:
    """Return sha256 over candidate, preparation and photos (path, size, time of change), 16 hex digits."""
    columns = listing.to_dict("list")
    stamps = columns if request.store else [*map(_stamp, columns["path"]), *columns["malformed"], *columns["column"]]
    settings = request.model_dump(exclude={"device", "threads", "title"})
    values = [*settings.values(), CHUNK, MEASURES, list(Scores.__annotations__), stamps]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]


@contextmanager
def scored(request: Request, listing: pd.DataFrame, *, keep: bool = False) -> Iterator[Path]:
    """Score the photos and give the folder of their chunks (`.scores.read_chunks`) to the block.

    `listing` has the columns LISTING of `.sources`, or `image`, `width`, `height` (and `repair`) of store rows. With
    `keep` the scores stay in .bakeoff/ when the block is done, for the next time. An EvaluationError where another
    process is at the same photos or the candidate's own environment failed, a SetupError where that is missing.
    """
    folder = state_dir("predictions") / request_key(request, listing)
    try:
        held = FileLock(f"{folder}.lock").acquire(timeout=0)
    except Timeout:
        raise EvaluationError(f"another process is predicting the same photos ({folder}.lock); wait for it.") from None
    with held:
        folder.mkdir(exist_ok=True)
        request.save(folder, listing)
        _score(request, folder, n_photos=len(listing))
        yield folder
        if not keep:
            shutil.rmtree(folder)


def _score(request: Request, folder: Path, *, n_photos: int) -> None:
    try:
        if n_done(folder) * CHUNK >= n_photos:
            return
        if importlib.util.find_spec(_PACKAGES[request.environment]):
            carry_out(folder)
        else:
            _carry_out_elsewhere(request, folder)
    except KeyboardInterrupt:
        kept = min(n_photos, n_done(folder) * CHUNK)
        sys.stderr.write(f"bakeoff: stopped; {kept} of {n_photos} photos are done, the same command goes on there.\n")
        raise


def _carry_out_elsewhere(request: Request, folder: Path) -> None:
    python = environment_python(request.environment)
    if not python.is_file():
        raise SetupError(
            f"{python} is missing, and {Path(request.training_dir).parents[1].name} needs it; run `make setup`."
        )
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONHOME", "VIRTUAL_ENV"}}
    environment |= {"PYTHONPATH": str(Path(bakeoff.__file__).parents[1]), "PYTHONUTF8": "1"}
    command = [str(python), "-m", "bakeoff.deploy.prediction.request", str(folder)]
    done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise EvaluationError(
            f"predicting in {python.parents[1].name} failed (status {done.returncode}); see the message above."
        )


def carry_out(folder: Path) -> None:
    """Score the photos of the request in `folder` that have no scores yet; a BakeoffError where that cannot be done."""
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
        rows = zip(listing.index.tolist(), listing["column"].tolist(), strict=True)
        cells = [Cell(column, row) if column else None for row, column in rows]
        paths = list(map(os.fsdecode, listing["path"]))
        return read_files(paths, request.prepare, malformed=listing["malformed"].tolist(), cells=cells)
    return read_store(ImageStore(Path(request.store)), listing)


def _stamp(path: str) -> list[Any]:
    try:  # a row without a photo has an empty path, which would be the working folder
        status = Path(path).stat() if path else None
    except (OSError, ValueError):
        status = None
    return [path, status.st_size, status.st_mtime_ns] if status else [path, None]


if __name__ == "__main__":
    try:
        with exit_cleanly():
            carry_out(Path(sys.argv[1]))
    except KeyboardInterrupt:  # the command that started this says how far it came
        sys.exit(130)
