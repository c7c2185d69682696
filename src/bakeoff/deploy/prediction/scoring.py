"""Photos through a predictor, a few at a time: memory does not grow with their number, and finished chunks stay."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import compress, islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from bakeoff.catalogue.measures import MEASURES, measure_photo
from bakeoff.catalogue.pack import Packed, pack_all
from bakeoff.catalogue.photo_file import Cell, PhotoFile
from bakeoff.core.names import readable
from bakeoff.data.batching import PREDICT_BATCH
from bakeoff.data.decode import Rejection
from bakeoff.data.photo import Photo, as_image, open_packed, repair_photo
from bakeoff.data.products import Photos
from bakeoff.data.store import ImageStore
from bakeoff.data.table import REPAIR
from bakeoff.deploy.prediction.scores import CHUNK, NO_PATH, Scores, write_chunk
from bakeoff.predictors.protocol import GivesFeatures, Predictor
from bakeoff.records.catalogue import PackParams


def read_files(
    paths: Sequence[str],
    prepare: PackParams,
    *,
    malformed: Sequence[str | None],
    cells: Sequence[Cell | None] | None = None,
) -> Iterator[Packed | Rejection]:
    """Yield every photo as `prepare` would pack it, in order: the same pixels that a product of the study has.

    The N paths are photos, or tables that hold them; for each `malformed` says why its row cannot be used, and `cells`
    where in its table the photo is.
    """
    are_files = [not problem and os.path.isfile(path) for path, problem in zip(paths, malformed, strict=True)]
    parts = cells or [None] * len(paths)
    found = (PhotoFile(Path(path), part) for path, part in compress(zip(paths, parts, strict=True), are_files))
    packed = pack_all(found, sum(are_files), prepare, hashes=False)
    for path, problem, is_file in zip(paths, malformed, are_files, strict=True):
        if problem:
            yield Rejection("malformed_row", problem)
        elif not is_file:
            yield Rejection("missing_file", f"{readable(path)} is not a file" if path else NO_PATH)
        else:
            yield next(packed)


def read_store(store: ImageStore, listing: pd.DataFrame) -> Iterator[Packed]:
    """Yield rows of the catalogue's store: `image`, the originals' `width` and `height`, px, and `repair`, if any."""
    for one in listing.to_dict("records"):
        steps = one.get(REPAIR)
        yield Packed(store.encoded(one["image"]), one["width"], one["height"], format="", mode="", steps=steps)


def score_photos(
    predictor: Predictor,
    photos: Iterable[Packed | Rejection],
    folder: Path,
    *,
    first_chunk: int = 0,
    more: bool = False,
    advance: Callable[[int], Any] = lambda n: None,
) -> None:
    """Write the scores of photos into `folder`, `CHUNK` of them a file, the first one with the number `first_chunk`.

    With `more` photos are measured, and features kept if there are any. `advance` gets the number of photos just done.
    """
    source, number = iter(photos), first_chunk
    while chunk := list(islice(source, CHUNK)):
        parts = []
        for start in range(0, len(chunk), PREDICT_BATCH):
            batch = chunk[start : start + PREDICT_BATCH]
            parts.append(_score_batch(predictor, batch, more=more))
            advance(len(batch))
        write_chunk(folder, number, parts)
        number += 1


def _score_batch(predictor: Predictor, batch: list[Packed | Rejection], *, more: bool) -> Scores:
    refused = [photo if isinstance(photo, Rejection) else None for photo in batch]
    sound = {place: photo for place, photo in enumerate(batch) if not isinstance(photo, Rejection)}
    originals = [open_packed(photo.encoded) for photo in sound.values()]
    images = [repair_photo(image, photo.steps) for image, photo in zip(originals, sound.values(), strict=True)]
    probabilities, features = _classify(predictor, images, more=more)
    pairs = zip(originals, sound.values(), strict=True)  # drift that a repair would hide counts, too
    measures = [measure_photo(as_image(one), width=photo.width, height=photo.height) for one, photo in pairs if more]
    places, n = list(sound), len(batch)
    return Scores(
        reasons=[refusal and refusal.reason for refusal in refused],
        details=[refusal and refusal.detail for refusal in refused],
        digests=["" if isinstance(photo, Rejection) else photo.digest for photo in batch],
        probabilities=_spread(probabilities, places, n),
        measures=_spread(np.asarray(measures).reshape(-1, len(MEASURES)), places, n) if more else None,
        features=None if features is None else _spread(features, places, n),
    )


def _classify(predictor: Predictor, images: list[Photo], *, more: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """Return probabilities (n, K) and features (n, D) or None."""
    if more and isinstance(predictor, GivesFeatures):
        # The width of the features is known from a photo alone.
        shown = images or [Image.new("RGB", (predictor.image_size, predictor.image_size))]
        probabilities, features = predictor.classify_with_features(predictor.images(Photos(shown)))
        return probabilities[: len(images)], features[: len(images)]
    if not images:
        return np.zeros((0, len(predictor.labels)), dtype=np.float32), None
    return predictor.predict(Photos(images)), None


def _spread(values: np.ndarray, places: list[int], n: int) -> np.ndarray:
    """Return (n, W) with `values` at `places` and NaN elsewhere."""
    spread = np.full((n, values.shape[1]), np.nan, dtype=values.dtype)
    spread[places] = values
    return spread
