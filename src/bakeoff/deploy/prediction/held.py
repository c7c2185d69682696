"""Stands in for the catalogue where a predictor is asked about photos that are in none.

`bakeoff predict`, `bakeoff monitor` and the logged MLflow models hold their photos here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from bakeoff.catalogue.params import PackParams
from bakeoff.core.errors import EvaluationError, ParamsError
from bakeoff.core.section import validate_section


class HeldPhotos:
    """A few decoded photos behind what predictors read of a `Catalogue`: labels, rows and a store."""

    def __init__(self, labels: list[str], dataset: dict[str, Any] | None = None) -> None:
        self.labels = labels
        self.dataset = dataset or {}
        self.store = self
        self._photos: Sequence[Image.Image] = ()

    def hold(self, photos: Sequence[Image.Image]) -> None:
        """Hold these RGB photos from here on, and no others."""
        self._photos = photos

    def image_rows(self, positions: Any) -> np.ndarray:
        """Return the rows of `read`, which are the positions themselves."""
        return np.asarray(positions, dtype=np.int64)

    def read(self, row: int) -> Image.Image:
        """Return photo `row`, RGB."""
        return self._photos[row]


def recorded_prepare(training: Mapping[str, Any]) -> PackParams:
    """Return how the catalogue of a training was packed: today's section `prepare` may say something else.

    Args:
        training: training.json.

    Raises:
        EvaluationError: it does not say so, or what it says cannot be used.
    """
    recorded = (training.get("dataset") or {}).get("prepare")
    remedy = "run `bakeoff run` (or `dvc repro`) to train it again"
    if recorded is None:
        raise EvaluationError(
            f"the training of {training.get('candidate')} does not record how its photos were prepared "
            f"(training.json, dataset.prepare); {remedy}."
        )
    try:
        return validate_section(PackParams, recorded, where=f"training.json of {training.get('candidate')}, prepare")
    except ParamsError as error:
        raise EvaluationError(f"{str(error).rstrip('.')}; {remedy}.") from None
