"""A frozen backbone runs once per photo: its features over the whole catalogue are kept in .bakeoff/features/<key>/.

No output depends on whether they were there or on how often computing them was interrupted: batch size and order of the
computation are fixed here. Memory does not grow with the number of products.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from bakeoff.backbones.inference import for_cpu_inference
from bakeoff.core.code import code_digest, module_file
from bakeoff.core.errors import SetupError, TrainingError
from bakeoff.core.locks import waiting_lock
from bakeoff.core.progress import progress_bar
from bakeoff.core.seeding import derive_seed
from bakeoff.data.batching import PREDICT_BATCH, n_batches
from bakeoff.data.photo import Photo
from bakeoff.data.table import Catalogue
from bakeoff.learning.key import digest, feature_key
from bakeoff.learning.out_of_memory import inputs_in_words, out_of_memory_in_words
from bakeoff.records.training import TrainingHeader
from bakeoff.training.data import LoaderOptions, PhotoBatches, PhotoDataset
from bakeoff.training.feature_file import FeatureFile
from bakeoff.training.module import PhotoClassifier

CHUNK = 8 * PREDICT_BATCH
"""Products between two states on the disk: what a killed extraction does again at most."""
_SHOWN = 3
_REMEDIES = (
    f"features are computed {PREDICT_BATCH} photos at a time, whatever training.batch_size is: "
    "free the device's memory, lower the backbone's image_size, or set compute.device: cpu"
)


class Augment(Protocol):
    """Changes a photo at random; picklable, for loader processes."""

    def __call__(self, photo: Photo, *, label_id: int, seed: int) -> np.ndarray:
        """Return a decoded RGB photo of any size as the network takes it, (H, W, 3) uint8; `seed` decides all."""
        ...


@dataclass(frozen=True)
class Views:
    """`n` augmented views of each product, numbered from 1; the stream of view v of a product is (seed, v, product).

    So it is what epoch v of a training on photos would show.
    """

    n: int
    seed: int
    augment: Augment
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
    photos = partial(PhotoDataset, catalogue, preprocessing=header.backbone.preprocessing)
    source = _Source(catalogue, photos, _key(header, catalogue), f"{header.model} features")
    return _cached(model, source, header=header, root=root, workers=workers)


def cached_views(
    model: PhotoClassifier, catalogue: Catalogue, views: Views, *, header: TrainingHeader, root: Path, workers: int = 0
) -> list[Features]:
    """Return the features of each augmented view, cached one by one: another `n` computes no view again.

    All products are augmented; those of other splits than train are not to be used. Otherwise as `cached_features`.
    """
    file, found = module_file(views.augment.__module__), []
    photos = partial(_AugmentedPhotos, catalogue, preprocessing=header.backbone.preprocessing, augment=views.augment)
    for view in range(1, views.n + 1):
        made_by = [views.recipe, views.seed, view, file and code_digest(file)]
        shown = partial(photos, stream=(views.seed, "augment", view))
        title = f"{header.model} features, view {view}"
        source = _Source(catalogue, shown, digest([_key(header, catalogue), made_by]), title)
        found.append(_cached(model, source, header=header, root=root, workers=workers))
    return found


@dataclass(frozen=True)
class _Source:
    """What features are made of: the photos at any positions of a catalogue, as they are or as a view shows them."""

    catalogue: Catalogue
    photos_at: Callable[[np.ndarray], PhotoDataset]
    key: str
    title: str


class _AugmentedPhotos(PhotoDataset):
    def __init__(
        self, catalogue: Catalogue, positions: np.ndarray, *, augment: Augment, stream: tuple[Any, ...], **options: Any
    ) -> None:
        super().__init__(catalogue, positions, **options)
        self.augment, self.stream = augment, stream
        self.ids = catalogue.products["product_id"].to_numpy()[positions]

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        label_id, seed = int(self.labels[index]), derive_seed(*self.stream, self.ids[index])
        pixels = self.augment(self.products.photo(index), label_id=label_id, seed=seed)
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy()), label_id


def _key(header: TrainingHeader, catalogue: Catalogue) -> str:
    return feature_key(header, catalogue, code=code_digest(Path(__file__).resolve()))


def _cached(model: PhotoClassifier, source: _Source, *, header: TrainingHeader, root: Path, workers: int) -> Features:
    """Return what is there once the rest is computed."""
    n_rows = len(source.catalogue.products)
    file = FeatureFile(root / source.key, (n_rows, model.classifier.n_features))
    made_by = header.model_dump(mode="json", include={"weights", "device", "threads", "scan", "versions"})
    with waiting_lock(root / f"{source.key}.lock", what=f"features {source.key}"):
        if file.progress()[0] < n_rows:
            _extract(model, source, file, workers=workers, made_by={"key": source.key, **made_by})
        return Features(np.load(file.path, mmap_mode="r"), file.progress()[1])


@torch.inference_mode()
def _extract(
    model: PhotoClassifier, source: _Source, file: FeatureFile, *, workers: int, made_by: dict[str, Any]
) -> None:
    """Append the rows that the file lacks."""
    model.eval()
    device, title, ids = model.mean.device, source.title, source.catalogue.products["product_id"].to_numpy()
    (n_rows, before_s), started = file.progress(), time.perf_counter()
    dataset = source.photos_at(np.arange(n_rows, len(ids)))
    batches = PhotoBatches(dataset, LoaderOptions(PREDICT_BATCH, seed=0, workers=workers))
    model = _fastest(model, dataset.preprocessing.image_size)
    with file.open(n_rows) as handle, progress_bar() as bar:
        task = bar.add_task(title, total=n_batches(len(ids), PREDICT_BATCH), completed=n_rows // PREDICT_BATCH)
        for images, *_ in batches.ordered():
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


def _fastest(model: PhotoClassifier, image_size: int) -> PhotoClassifier:
    """Return a packed copy on a CPU, whose features differ by rounding; the model itself where that cannot run."""
    if model.mean.device.type != "cpu":
        return model
    try:
        packed: Any = for_cpu_inference(model)
        packed.features(torch.zeros(1, 3, image_size, image_size))
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
