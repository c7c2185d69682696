"""A frozen backbone runs once per photo: its features over the whole catalogue are kept in .bakeoff/features/<key>/.

No output depends on whether they were there: batch size and order of the computation are fixed here.
"""

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bakeoff.core.code import code_digest
from bakeoff.core.errors import TrainingError
from bakeoff.core.files import replacing
from bakeoff.core.locks import waiting_lock
from bakeoff.core.progress import progress_bar
from bakeoff.data.batching import PREDICT_BATCH
from bakeoff.data.table import Catalogue
from bakeoff.learning.key import feature_key
from bakeoff.learning.out_of_memory import inputs_in_words, out_of_memory_in_words
from bakeoff.records.training import TrainingHeader
from bakeoff.training.data import LoaderOptions, PhotoBatches, PhotoDataset
from bakeoff.training.module import PhotoClassifier

FEATURES_FILE = "features.npy"
RECORD_FILE = "features.json"
_REMEDIES = (
    f"features are computed {PREDICT_BATCH} photos at a time, whatever training.batch_size is: "
    "free the device's memory, lower the backbone's image_size, or set compute.device: cpu"
)


@dataclass(frozen=True)
class Features:
    """Pooled features of every product of a catalogue."""

    array: np.ndarray
    """(N, D) float32, row = position in `Catalogue.products`; memory-mapped, read-only."""
    extraction_s: float
    """What computing them took, also where they were already there."""


def cached_features(
    model: PhotoClassifier, catalogue: Catalogue, *, header: TrainingHeader, root: Path, workers: int = 0
) -> Features:
    """Return the features, computed by the first process that asks; others wait for it.

    All products of the catalogue get features, so that evaluation finds them too. The model is on its device, channels
    last; its backbone runs in eval mode. `root` is .bakeoff/features of the main checkout.
    """
    key = feature_key(header, catalogue, code=code_digest(Path(__file__).resolve()))
    folder = root / key
    with waiting_lock(root / f"{key}.lock", what=f"features {key}"):
        found = _read(folder, n_rows=len(catalogue.products))
        if found is not None:
            return found
        dataset = PhotoDataset(catalogue, np.arange(len(catalogue.products)), header.backbone.preprocessing)
        batches = PhotoBatches(dataset, LoaderOptions(PREDICT_BATCH, seed=0, workers=workers))
        title = f"{header.model} features"
        started = time.perf_counter()
        array = _extract(model, batches, title=title)
        record = {"seconds": time.perf_counter() - started, "shape": list(array.shape), "key": key}
        made_by = header.model_dump(mode="json", include={"weights", "device", "threads", "scan", "versions"})
        _write(folder, array, record | made_by)
    return Features(np.load(folder / FEATURES_FILE, mmap_mode="r"), record["seconds"])


@torch.inference_mode()
def _extract(model: PhotoClassifier, batches: PhotoBatches, *, title: str) -> np.ndarray:
    """Return (N, D) float32."""
    model.eval()
    device = model.mean.device
    parts = []
    with progress_bar() as bar:
        for batch in bar.track(batches.ordered(), total=len(batches), description=title):
            images = batch.inputs
            doing = f"{title}: one pass on {device.type} with {inputs_in_words(images.shape)}"
            with out_of_memory_in_words(TrainingError, doing, remedies=_REMEDIES):
                features = model.features(images.to(device, memory_format=torch.channels_last))
                parts.append(features.float().cpu().numpy())
    return np.concatenate(parts)


def _write(folder: Path, array: np.ndarray, record: dict[str, Any]) -> None:
    """Write the record, then the array under its name in one step: a folder with features.npy is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECORD_FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    with replacing(folder / FEATURES_FILE) as partial, partial.open("wb") as handle:
        np.save(handle, array)
        handle.flush()
        os.fsync(handle.fileno())


def _read(folder: Path, *, n_rows: int) -> Features | None:
    """Return what is there, or None; an unreadable file is named on stderr and computed again."""
    if not (folder / FEATURES_FILE).is_file():
        return None
    try:
        array = np.load(folder / FEATURES_FILE, mmap_mode="r")
        record = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
        if array.ndim != 2 or list(array.shape) != record["shape"] or len(array) != n_rows:
            raise ValueError(f"shape {array.shape}, {n_rows} rows expected")
        return Features(array, float(record["seconds"]))
    except (ValueError, KeyError, OSError) as error:
        sys.stderr.write(f"bakeoff: features in {folder} cannot be used ({error}); computing them again.\n")
        return None
