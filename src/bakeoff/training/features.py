"""What is frozen runs once per photo: its output over the whole catalogue is kept in .bakeoff/features/<key>/.

No output depends on whether they were there or on how often computing them was interrupted: batch size and order of the
computation are fixed here. Memory does not grow with the number of products.
"""

import io
import json
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from bakeoff.backbones.inference import for_cpu_inference
from bakeoff.core.code import code_digest, module_file
from bakeoff.core.errors import SetupError, TrainingError
from bakeoff.core.files import write_json
from bakeoff.core.locks import waiting_lock
from bakeoff.core.paths import state_dir
from bakeoff.core.progress import progress_bar
from bakeoff.data.batching import PREDICT_BATCH, n_batches
from bakeoff.data.table import Catalogue
from bakeoff.learning.key import digest, feature_key
from bakeoff.learning.out_of_memory import inputs_in_words, out_of_memory_in_words
from bakeoff.records.training import TrainingHeader
from bakeoff.training.data import Change, LoaderOptions, PhotoBatches, PhotoDataset, Rows
from bakeoff.training.module import PhotoClassifier

CHUNK = 8 * PREDICT_BATCH  # products between two states on the disk: what a killed extraction does again at most
_SHOWN = 3
_SAME_WITHIN = 1e-4
_REMEDIES = (
    f"features are computed {PREDICT_BATCH} photos at a time, whatever batch_size is: "
    "free the device's memory, lower the backbone's image_size, or set compute.device: cpu"
)


@dataclass(frozen=True)
class Views:
    """`n` augmented views of each product: view v is what epoch v of a training on photos shows."""

    n: int
    seed: int
    augment: Change  # picklable, for loader processes
    recipe: Any  # what `augment` was made from, as JSON can hold it: part of the key, as the code of `augment` is


@dataclass(frozen=True)
class Features:
    """Pooled features of every product of a catalogue, or another output of a network's frozen part."""

    array: np.ndarray  # (N, D) or, of maps, (N, C, H, W) or (N, T, D) float32; memory-mapped, read-only
    extraction_s: float  # what computing them took, interruptions left out, also where they were already there
    kept: np.ndarray | None = None
    """(N,) positions in `Catalogue.products` of the array's rows, ascending; None = all of them."""

    def of(self, positions: np.ndarray) -> Rows:
        """Return those of some products, each of them among the kept."""
        return Rows(self.array, positions if self.kept is None else np.searchsorted(self.kept, positions))


@dataclass(frozen=True)
class Pass:
    """One pass over a catalogue's photos."""

    shape: tuple[int, ...]  # of what a photo becomes
    made_by: Sequence[Any]  # what determines it beside backbone and photos
    of: Callable[[PhotoDataset], Callable[[Tensor], Tensor]]
    """Gives what is called with batches (N, 3, H, W) of the photos."""
    what: str = "features"


class FeatureFile:
    """features.npy, (N, …) float32, and features.json beside it, which says how many of its rows are complete."""

    def __init__(self, folder: Path, shape: tuple[int, ...]) -> None:
        self.path, self.record, self.shape = folder / "features.npy", folder / "features.json", shape
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
        self.header = header.getvalue()

    def progress(self) -> tuple[int, float]:
        """Return the complete rows and what they took, s; an unusable file is named on stderr and counts as none."""
        if not self.record.is_file():
            return 0, 0.0
        try:
            known = json.loads(self.record.read_bytes())
            n_rows, seconds = int(known["n_rows"]), float(known["seconds"])
            with self.path.open("rb") as handle:
                found, size = handle.read(len(self.header)), self.path.stat().st_size
            if found != self.header or size < self._size(n_rows):
                raise ValueError(f"{size} bytes; expected {self._size(n_rows)} of shape {self.shape}")
        except (ValueError, KeyError, TypeError, OSError) as error:
            told = f"features in {self.path.parent} cannot be used ({error}); computing them again"
            sys.stderr.write(f"bakeoff: {told}.\n")
            self.record.unlink()
            return 0, 0.0
        return n_rows, seconds

    def open(self, n_rows: int) -> BinaryIO:
        """Return features.npy open for rows to be appended to the first `n_rows`."""
        if not n_rows:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.unlink(missing_ok=True)  # another process may have mapped it: never cut it short in place
            self.path.write_bytes(self.header)
        os.truncate(self.path, self._size(n_rows))
        return self.path.open("ab")

    def settle(self, handle: BinaryIO, n_rows: int, seconds: float, **made_by: Any) -> None:
        """Record that `n_rows` are complete, once they are on the disk."""
        handle.flush()
        os.fsync(handle.fileno())
        write_json(self.record, {"n_rows": n_rows, "shape": self.shape, "seconds": seconds, **made_by})

    def _size(self, n_rows: int) -> int:
        return len(self.header) + 4 * n_rows * math.prod(self.shape[1:])


def cached_features(
    model: PhotoClassifier, catalogue: Catalogue, header: TrainingHeader, *, workers: int = 0
) -> Features:
    """Return the features, computed by the first process that asks; others wait. What was interrupted is gone on with.

    All products of the catalogue get features, so that evaluation finds them too. The model is on its device, channels
    last; its backbone runs in eval mode. A TrainingError where a feature is NaN or infinite, or the device's memory
    does not suffice.
    """
    return cached_pass(_pooled(model), catalogue, header, workers=workers)


def cached_views(
    model: PhotoClassifier, catalogue: Catalogue, views: Views, header: TrainingHeader, *, workers: int = 0
) -> list[Features]:
    """Return the features of each augmented view, cached one by one: another `n` computes no view again.

    All products are augmented; those of other splits than train are not to be used. Otherwise as `cached_features`.
    """
    file = module_file(views.augment.__module__)
    made_by = [views.recipe, views.seed, file and code_digest(file)]
    given: dict[str, Any] = {"workers": workers, "augment": views.augment, "seed": views.seed}
    return [
        cached_pass(_pooled(model, *made_by, view), catalogue, header, view=view, **given)
        for view in range(1, views.n + 1)
    ]


def cached_pass(
    made: Pass, catalogue: Catalogue, header: TrainingHeader, *, workers: int = 0, view: int = 0, **augmented: Any
) -> Features:
    """Return what a pass gives of every product, as `cached_features` does; view and `augmented` are the dataset's."""
    n, folder = len(catalogue.products), pass_folder(made, catalogue, header)
    file = FeatureFile(folder, (n, *made.shape))
    with waiting_lock(folder.with_name(f"{folder.name}.lock"), what=f"{made.what} {folder.name}"):
        if (n_rows := file.progress()[0]) < n:
            dataset = PhotoDataset(catalogue, np.arange(n_rows, n), header.backbone.preprocessing, **augmented)
            batches = PhotoBatches(dataset, LoaderOptions(PREDICT_BATCH, seed=0, workers=workers))
            _extract(made, batches, view, file, header)
        return Features(np.load(file.path, mmap_mode="r"), file.progress()[1])


def pass_folder(made: Pass, catalogue: Catalogue, header: TrainingHeader) -> Path:
    """Return where the output of a pass is kept, begun or not."""
    key = feature_key(header, catalogue, code=code_digest(Path(__file__).resolve()))
    return state_dir("features") / (digest([key, *made.made_by]) if made.made_by else key)


def _pooled(model: PhotoClassifier, *made_by: Any) -> Pass:
    model.eval()
    return Pass((model.classifier.n_features,), made_by, lambda photos: fastest(model, photos).features)


@torch.inference_mode()
def _extract(made: Pass, batches: PhotoBatches, view: int, file: FeatureFile, header: TrainingHeader) -> None:
    """Append the rows that the file lacks, those of the batches' photos."""
    device, title = torch.device(header.device), f"{header.model} {made.what}"
    compute, ids, n = made.of(batches.dataset), batches.dataset.product_ids, file.shape[0]
    made_by = header.model_dump(mode="json", include={"weights", "device", "threads", "scan", "versions"})
    (n_rows, before_s), started = file.progress(), time.perf_counter()
    with file.open(n_rows) as handle, progress_bar() as bar:
        task = bar.add_task(title, total=n_batches(n, PREDICT_BATCH), completed=n_rows // PREDICT_BATCH)
        for images, *_ in batches.ordered(view):
            doing = f"{title}: one pass on {device.type} with {inputs_in_words(images.shape)}"
            with out_of_memory_in_words(TrainingError, doing, remedies=_REMEDIES):
                rows = compute(images.to(device, memory_format=torch.channels_last)).float().cpu().numpy()
            _refuse_non_numbers(rows, ids[n_rows - n :], title=title)
            handle.write(rows.tobytes())
            n_rows += len(rows)
            if n_rows % CHUNK == 0 or n_rows == n:
                file.settle(handle, n_rows, before_s + time.perf_counter() - started, **made_by)
            bar.advance(task)


@torch.inference_mode()
def fastest(model: PhotoClassifier, photos: PhotoDataset) -> PhotoClassifier:
    """Return a packed copy on a CPU, which differs by rounding; the model itself where that cannot run, or differs."""
    if model.mean.device.type != "cpu":
        return model
    photo = photos[0, 0][0][None]
    try:
        packed: Any = for_cpu_inference(model)
        found, expected = packed.features(photo), model.features(photo)
    except (SetupError, AttributeError, RuntimeError):  # a network whose code reads a layer's own weights
        return model
    return packed if (found - expected).abs().max() <= _SAME_WITHIN * expected.abs().max() else model


def _refuse_non_numbers(rows: np.ndarray, ids: Sequence[str], *, title: str) -> None:
    wrong = np.flatnonzero(~np.isfinite(rows).reshape(len(rows), -1).all(axis=1))
    if len(wrong):
        shown = ", ".join(map(str, np.asarray(ids)[wrong[:_SHOWN]])) + (", …" if len(wrong) > _SHOWN else "")
        raise TrainingError(
            f"{title}: NaN or infinity for {len(wrong)} of {len(rows)} products ({shown}); the backbone's weights may "
            "be damaged (`bakeoff weights --retry`), or it overflows on this device (try compute.device: cpu)."
        )
