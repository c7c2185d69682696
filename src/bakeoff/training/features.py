"""A frozen backbone runs once per photo: its features over the whole catalogue are kept in .bakeoff/features/<key>/.

No output depends on whether they were there or on how often computing them was interrupted: batch size and order of the
computation are fixed here. Memory does not grow with the number of products.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bakeoff.backbones.inference import for_cpu_inference
from bakeoff.core.code import code_digest, module_file
from bakeoff.core.errors import SetupError, TrainingError
from bakeoff.core.locks import waiting_lock
from bakeoff.core.progress import progress_bar
from bakeoff.data.batching import PREDICT_BATCH, n_batches
from bakeoff.data.table import Catalogue
from bakeoff.learning.key import digest, feature_key
from bakeoff.learning.out_of_memory import inputs_in_words, out_of_memory_in_words
from bakeoff.records.training import TrainingHeader
from bakeoff.training.data import Batch, Change, LoaderOptions, PhotoBatches, PhotoDataset
from bakeoff.training.feature_file import FeatureFile
from bakeoff.training.module import PhotoClassifier

CHUNK = 8 * PREDICT_BATCH
"""Products between two states on the disk: what a killed extraction does again at most."""
_SHOWN = 3
_REMEDIES = (
    f"features are computed {PREDICT_BATCH} photos at a time, whatever batch_size is: "
    "free the device's memory, lower the backbone's image_size, or set compute.device: cpu"
)


@dataclass(frozen=True)
class Views:
    """`n` augmented views of each product: view v is what epoch v of a training on photos shows."""

    n: int
    seed: int
    augment: Change
    """Picklable, for loader processes."""
    recipe: Any
    """What `augment` was made from, as JSON can hold it: part of the key, as the code of `augment` is."""


@dataclass(frozen=True)
class Features:
    """Pooled features of every product of a catalogue."""

    array: np.ndarray
    """(N, D) float32, row = position in `Catalogue.products`; memory-mapped, read-only."""
    extraction_s: float
    """What computing them took, interruptions left out, also where they were already there."""


def cached_features(
    model: PhotoClassifier, catalogue: Catalogue, *, header: TrainingHeader, root: Path, workers: int = 0
) -> Features:
    """Return the features, computed by the first process that asks; others wait for it.

    All products of the catalogue get features, so that evaluation finds them too. The model is on its device, channels
    last; its backbone runs in eval mode. What was interrupted is gone on with. `root` is .bakeoff/features of the main
    checkout.

    Raises:
        TrainingError: a feature is NaN or infinite, or the device's memory does not suffice.
    """
    batches_from = partial(_batches_from, catalogue, header, workers)
    return _cached(model, catalogue, batches_from, header=header, folder=root / _key(header, catalogue))


def cached_views(
    model: PhotoClassifier, catalogue: Catalogue, views: Views, *, header: TrainingHeader, root: Path, workers: int = 0
) -> list[Features]:
    """Return the features of each augmented view, cached one by one: another `n` computes no view again.

    All products are augmented; those of other splits than train are not to be used. Otherwise as `cached_features`.
    """
    file = module_file(views.augment.__module__)
    made_by = [_key(header, catalogue), views.recipe, views.seed, file and code_digest(file)]
    batches_from = partial(_batches_from, catalogue, header, workers, augment=views.augment, seed=views.seed)
    found = []
    for view in range(1, views.n + 1):
        folder = root / digest([*made_by, view])
        found.append(_cached(model, catalogue, batches_from, header=header, folder=folder, view=view))
    return found


def _key(header: TrainingHeader, catalogue: Catalogue) -> str:
    return feature_key(header, catalogue, code=code_digest(Path(__file__).resolve()))


def _batches_from(
    catalogue: Catalogue, header: TrainingHeader, workers: int, first: int, **augmented: Any
) -> PhotoBatches:
    """Return the products from a position on, in order."""
    rows = np.arange(first, len(catalogue.products))
    dataset = PhotoDataset(catalogue, rows, header.backbone.preprocessing, **augmented)
    return PhotoBatches(dataset, LoaderOptions(PREDICT_BATCH, seed=0, workers=workers))


def _cached(
    model: PhotoClassifier,
    catalogue: Catalogue,
    batches_from: Callable[[int], PhotoBatches],
    *,
    header: TrainingHeader,
    folder: Path,
    view: int = 0,
) -> Features:
    """Return what is in `folder` once the rest is computed."""
    ids = catalogue.products["product_id"].to_numpy()
    file = FeatureFile(folder, (len(ids), model.classifier.n_features))
    with waiting_lock(folder.with_name(f"{folder.name}.lock"), what=f"features {folder.name}"):
        if (n_rows := file.progress()[0]) < len(ids):
            batches = batches_from(n_rows)
            _extract(_fastest(model.eval(), batches.dataset), batches.ordered(view), file, ids=ids, header=header)
        return Features(np.load(file.path, mmap_mode="r"), file.progress()[1])


@torch.inference_mode()
def _extract(
    model: PhotoClassifier, batches: Iterable[Batch], file: FeatureFile, *, ids: np.ndarray, header: TrainingHeader
) -> None:
    """Append the rows that the file lacks."""
    device, title = model.mean.device, f"{header.model} features"
    made_by = header.model_dump(mode="json", include={"weights", "device", "threads", "scan", "versions"})
    (n_rows, before_s), started = file.progress(), time.perf_counter()
    with file.open(n_rows) as handle, progress_bar() as bar:
        task = bar.add_task(title, total=n_batches(len(ids), PREDICT_BATCH), completed=n_rows // PREDICT_BATCH)
        for images, *_ in batches:
            doing = f"{title}: one pass on {device.type} with {inputs_in_words(images.shape)}"
            with out_of_memory_in_words(TrainingError, doing, remedies=_REMEDIES):
                features = model.features(images.to(device, memory_format=torch.channels_last))
                rows = features.float().cpu().numpy()
            _refuse_non_numbers(rows, ids[n_rows:], title=title)
            handle.write(rows.tobytes())
            n_rows += len(rows)
            if n_rows % CHUNK == 0 or n_rows == len(ids):
                file.settle(handle, n_rows, before_s + time.perf_counter() - started, **made_by)
            bar.advance(task)


@torch.inference_mode()
def _fastest(model: PhotoClassifier, photos: PhotoDataset) -> PhotoClassifier:
    """Return a packed copy on a CPU, whose features differ by rounding; the model itself where that cannot run."""
    if model.mean.device.type != "cpu":
        return model
    try:
        packed: Any = for_cpu_inference(model)
        packed.features(photos[0, 0][0][None])
    except (SetupError, AttributeError, RuntimeError):  # a network whose code reads a layer's own weights
        return model
    return packed


def _refuse_non_numbers(rows: np.ndarray, ids: np.ndarray, *, title: str) -> None:
    wrong = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(wrong):
        shown = ", ".join(map(str, ids[wrong[:_SHOWN]])) + (", …" if len(wrong) > _SHOWN else "")
        raise TrainingError(
            f"{title}: NaN or infinity for {len(wrong)} of {len(rows)} products ({shown}); the backbone's weights may "
            "be damaged (`bakeoff weights --retry`), or it overflows on this device (try compute.device: cpu)."
        )
