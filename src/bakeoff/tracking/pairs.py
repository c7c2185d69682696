"""Logged models of pairs: photo, title and description in, each of which may be missing, and one answer out."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.core.errors import DataError
from bakeoff.fusion.fit import Fusion
from bakeoff.fusion.run import FILE
from bakeoff.predictors.protocol import load_predictor
from bakeoff.records.training import TrainingRecord
from bakeoff.text.predictor import load_text_predictor
from bakeoff.tracking.photos import ClassifierModel, PhotoClassifierModel
from bakeoff.tracking.texts import TextClassifierModel


def open_model(training_dir: Path, *, weights_root: Path | None = None, sides_dir: Path | None = None) -> Any:
    """Return the model of a training folder, by what it reads; of a pair the sides' folders lie in `sides_dir`."""
    record = TrainingRecord.read(training_dir / "training.json")
    if record.modality == "text":
        return TextClassifierModel(training_dir, load_text_predictor(training_dir, weights_root=weights_root))
    if record.modality == "image":
        return PhotoClassifierModel(training_dir, load_predictor(training_dir, weights_root=weights_root))
    assert sides_dir is not None
    sides = [open_model(sides_dir / name / "training", weights_root=weights_root) for name in ("first", "second")]
    return PairModel(training_dir, record.labels, sides)


class PairModel(ClassifierModel):
    """Asks both sides, and fuses; where one has nothing to read the other decides."""

    def __init__(self, training_dir: Path, labels: list[str], sides: list[Any]) -> None:
        super().__init__(training_dir, labels, list(dict.fromkeys(name for one in sides for name in one.reads)))
        self._sides, self._fusion = sides, Fusion.read(training_dir / FILE)

    def _predict(self, products: pd.DataFrame, *, first_row: int) -> np.ndarray:
        has = [_has_any(products, one.reads) for one in self._sides]
        if nothing := np.flatnonzero(~has[0] & ~has[1]).tolist():
            raise DataError(f"row {first_row + nothing[0]}: there is no {' or '.join(self.reads)}.")
        answers = []
        for side, own, width in zip(self._sides, has, self._fusion.widths, strict=True):
            ask = side.predictor.features if self._fusion.is_early else side.predictor.predict
            found = np.full((len(products), width), np.nan if self._fusion.is_early else 1 / width, dtype=np.float32)
            if own.any():
                found[own] = ask(side.read(products[own], first_row=first_row))
            answers.append(found)
        return self._fusion.apply(answers[0], answers[1], has[0], has[1])


def _has_any(products: pd.DataFrame, fields: tuple[str, ...]) -> np.ndarray:
    """Return which rows hold something in one of the columns, (n,) bool."""
    table = products.reindex(columns=list(fields))
    return (table.notna() & table.ne("")).any(axis=1).to_numpy(dtype=bool)
