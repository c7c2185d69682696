"""What the logged models share: products in, labels and probabilities out; and those that read photos."""

import base64
import binascii
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import INVALID_PARAMETER_VALUE, MlflowException

from bakeoff.catalogue.pack import pack_bytes
from bakeoff.core.errors import DataError
from bakeoff.data.batching import PREDICT_BATCH
from bakeoff.data.decode import Rejection
from bakeoff.data.photo import Photo, open_packed, repair_photo
from bakeoff.data.products import Photos
from bakeoff.evaluation.calibration import apply_temperature
from bakeoff.predictors.protocol import Predictor
from bakeoff.records.catalogue import PackParams
from bakeoff.records.evaluation import CALIBRATION, CalibrationRecord
from bakeoff.records.training import TrainingRecord


class RequestError(MlflowException):
    """A request that cannot be answered; its sentence stays as it is.

    MLflow's server puts the whole request's data before the message of an error that a model raises.
    """

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence
        super().__init__(sentence, error_code=INVALID_PARAMETER_VALUE)

    @property
    def message(self) -> Any:
        """The sentence."""
        return self._sentence

    @message.setter
    def message(self, value: Any) -> None:
        """Keep the sentence, whatever is put before it."""


class ClassifierModel(ABC):
    """A loaded candidate: a table of products in, label, probability and probabilities out.

    Probabilities are calibrated where `evaluation/calibration.json` lies beside the training folder.
    """

    def __init__(self, training_dir: Path, labels: Sequence[str], reads: Sequence[str]) -> None:
        self._labels, self.reads = labels, tuple(reads)
        self._calibration = CalibrationRecord.read_if_there(training_dir.parent / "evaluation" / CALIBRATION)

    @abstractmethod
    def _predict(self, products: pd.DataFrame, *, first_row: int) -> np.ndarray:
        """Return (n, K) probabilities; a DataError names rows from `first_row`."""

    def answer(self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Do what `predict` does for a request; what cannot be read is the asker's mistake (HTTP 400)."""
        try:
            return self.predict(model_input, top_k=int((params or {}).get("top_k") or 0))
        except DataError as error:
            raise RequestError(str(error)) from None

    def predict(self, model_input: pd.DataFrame, *, top_k: int = 0) -> pd.DataFrame:
        """Classify the products of a table.

        Return the columns `label`, `probability` (its own), `probabilities` (K, in the order of training.json's labels)
        and, with `top_k` (0 = none), `top_labels` and `top_probabilities`, so many of the likeliest, at most K. A
        DataError where a product cannot be read, the table has none of the columns that are, or `top_k` is negative.
        """
        if not {*self.reads} & {*model_input.columns}:  # MLflow takes away what it does not know, rows included
            raise DataError(f"a table of products needs a column {' or '.join(self.reads)}, and this one has none.")
        if top_k < 0:
            raise DataError(f"top_k must be 0 (none) or the number of labels wanted, got {top_k}.")
        starts = range(0, len(model_input), PREDICT_BATCH)
        parts = [self._predict(model_input.iloc[start : start + PREDICT_BATCH], first_row=start) for start in starts]
        scores = np.concatenate(parts).astype(np.float64) if parts else np.zeros((0, len(self._labels)))
        scores = scores if self._calibration is None else apply_temperature(scores, self._calibration.temperature)
        labels = [self._labels[index] for index in scores.argmax(axis=1)]
        columns = {"label": labels, "probability": scores.max(axis=1, initial=0.0), "probabilities": scores.tolist()}
        if top_k:
            order = np.argsort(-scores, axis=1, kind="stable")[:, :top_k]
            columns["top_labels"] = [[self._labels[index] for index in row] for row in order]
            columns["top_probabilities"] = np.take_along_axis(scores, order, axis=1).tolist()
        return pd.DataFrame(columns, index=model_input.index)


class PhotoClassifierModel(ClassifierModel):
    """Reads photos of a column `image`: files (JPEG, PNG, WebP, …) as base64 text or raw bytes.

    They are packed, and repaired, by the code and the settings (training.json, `dataset.prepare`) of the catalogue's.
    """

    def __init__(self, training_dir: Path, predictor: Predictor) -> None:
        super().__init__(training_dir, predictor.labels, ["image"])
        self._prepare = TrainingRecord.read(training_dir / "training.json").dataset.prepare
        self.predictor = predictor

    def _predict(self, products: pd.DataFrame, *, first_row: int) -> np.ndarray:
        return self.predictor.predict(self.read(products, first_row=first_row))

    def read(self, products: pd.DataFrame, *, first_row: int) -> Photos:
        """Return the products' photos; a DataError names rows from `first_row`."""
        encoded = [as_bytes(value, row) for row, value in enumerate(products["image"], start=first_row)]
        return Photos([read_photo(data, self._prepare, row) for row, data in enumerate(encoded, start=first_row)])


def as_bytes(value: Any, row: int) -> bytes:
    """Return an encoded photo's bytes; a DataError where the value is neither bytes nor base64 text."""
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise DataError(
            f"row {row}: the column `image` needs base64 text or bytes of a photo file, got {str(value)[:40]!r}."
        ) from None


def read_photo(encoded: bytes, prepare: PackParams, row: int) -> Photo:
    """Return a photo file as the catalogue would keep and repair it, RGB; a DataError with `row` for a bad one."""
    packed = pack_bytes(encoded, prepare, hashes=False, digest=False)
    if isinstance(packed, Rejection):
        raise DataError(f"row {row}: the image cannot be used: {packed.reason} ({packed.detail}).")
    return repair_photo(open_packed(packed.encoded), packed.steps)
