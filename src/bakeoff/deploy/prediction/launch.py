"""Scores photos in the candidate's own environment; what an interrupted run finished is not done again."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

import bakeoff
from bakeoff.core.errors import EvaluationError, SetupError
from bakeoff.core.machine import ComputeParams
from bakeoff.core.paths import environment_python, state_dir
from bakeoff.core.seeding import default_threads
from bakeoff.deploy.prediction.candidates import TrainedCandidate
from bakeoff.deploy.prediction.request import Request, carry_out, request_key
from bakeoff.deploy.prediction.scores import CHUNK, n_done

_PACKAGES = {"torch": "torch", "tf": "tensorflow"}


def make_request(
    candidate: TrainedCandidate, compute: ComputeParams, *, title: str, store: Path | None = None, more: bool = False
) -> Request:
    """Return the request of a candidate: device and threads from the study's params, the rest from its training."""
    return Request(
        environment=candidate.training.environment,
        training_dir=str((candidate.folder / "training").resolve()),
        training_key=candidate.training.key,
        prepare=candidate.training.dataset.prepare.model_dump(),
        device=compute.device,
        threads=compute.threads or default_threads(),
        title=title,
        store=str(store.resolve()) if store else None,
        more=more,
    )


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
        _carry_out(request, folder, n_photos=len(listing))
        yield folder
        if not keep:
            shutil.rmtree(folder)


def _carry_out(request: Request, folder: Path, *, n_photos: int) -> None:
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
