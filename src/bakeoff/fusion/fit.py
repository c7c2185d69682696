"""What a fusion learns, and from which products: never from a model's answers on those that it has learnt from."""

import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from bakeoff.core.errors import EvaluationError
from bakeoff.core.files import replacing
from bakeoff.data.predictions import COLUMNS, Predictions, require_same_labels
from bakeoff.fusion.methods import LEAST, METHODS
from bakeoff.fusion.stackers import SMALLEST

Array = np.ndarray
FEW = 200
"""Validation products below which what was learnt from them alone is told to be unsure."""
_FOLDS = 5


class Inputs(NamedTuple):
    """What a catalogue knows of N products, in the order of the predictions."""

    has_first: Array  # (N,) bool: the first side has something to read, such as a photo
    has_second: Array
    groups: Array  # (N,) int64: products that belong together have one number


@dataclass(frozen=True)
class Fusion:
    """Two candidates that answer as one; `notes` are sentences on why what it has learnt may be unsure."""

    method: str
    labels: list[str]
    n_learnt: int  # products that it has learnt from
    notes: list[str]
    learnt: dict[str, Array]

    @property
    def is_early(self) -> bool:
        """Whether the sides give it features in the place of probabilities."""
        return METHODS[self.method].is_early

    @property
    def widths(self) -> list[int]:
        """How many numbers each side gives it of a product."""
        return self.learnt["n_features"].tolist() if self.is_early else [len(self.labels)] * 2

    def apply(self, first: Array, second: Array, has_first: Array, has_second: Array) -> Array:
        """Return (N, K) float32, rows sum to 1; where one side has no input the other's answer stands.

        From the sides' probabilities (N, K) and whether they have an input, (N,) bool; of two without, the mean stands.
        An early method answers whatever is there itself, from features, NaN where there is no input.

        Raises:
            EvaluationError: the sides' shapes are not those of the fusion's labels, or features.
        """
        n, method = len(has_first), METHODS[self.method]
        if [first.shape, second.shape] != [(n, width) for width in self.widths]:
            wanted = f"{' and '.join(map(str, dict.fromkeys(self.widths)))} {'features' if self.is_early else 'labels'}"
            raise EvaluationError(
                f"expected two sides of {n} products x {wanted} to fuse, got {first.shape} and {second.shape}; "
                "take the predictions of the two candidates that it was made of."
            )
        if self.is_early:
            found = np.full((n, len(self.labels)), SMALLEST)
            found[:, self.learnt["classes"]] = np.maximum(method.combine(self.learnt, [first, second]), SMALLEST)
            return (found / found.sum(axis=1, keepdims=True)).astype(np.float32)
        sides = np.stack([first, second]).astype(np.float64)
        fused = np.maximum(method.combine(self.learnt, sides), LEAST)
        fused /= fused.sum(axis=1, keepdims=True)
        conditions = [one[:, None] for one in (has_first & has_second, has_first, has_second)]
        return np.select(conditions, [fused, *sides], sides.mean(axis=0)).astype(np.float32)

    def write(self, path: Path) -> None:
        """Write the fusion as arrays, nothing pickled; equal ones are equal bytes."""
        header = {"method": self.method, "labels": self.labels, "n_learnt": self.n_learnt, "notes": self.notes}
        arrays: dict[str, Any] = {"header": np.array(json.dumps(header)), **self.learnt}
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez_compressed(file, **arrays)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return a fusion that answers as the written one; EvaluationError where the file is missing or broken."""
        try:
            with path.open("rb") as file, np.load(file) as stored:
                arrays = dict(stored)
            found = cls(**json.loads(str(arrays.pop("header"))), learnt=arrays)
            if found.method not in METHODS:
                raise LookupError(found.method)
            return found
        except FileNotFoundError:
            raise EvaluationError(f"{path} is missing; run `dvc repro fuse`.") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError):
            raise EvaluationError(f"{path} does not hold a fusion; run `dvc repro -f fuse`.") from None


def fit_fusion(
    method: str, first: Predictions, second: Predictions, params: Any, *, seed: int, inputs: Inputs | None = None
) -> Fusion:
    """Return the fusion of two candidates by one of METHODS, learnt from `learning_rows`.

    `params` are the method's settings (`FuseParams.settings`); without `inputs` every product has both. For an early
    method features (N, D) float32 stand in the place of the predictions' probabilities.

    Raises:
        EvaluationError: the two are of other labels, products or splits, or there is nothing to learn from.
    """
    require_same_labels(first.labels, second.labels, given_by="the first candidate", expected_by="the second")
    for name in COLUMNS:
        if first.products[name].tolist() != second.products[name].tolist():
            raise EvaluationError(
                f"two candidates whose predictions differ in {name} ({len(first.products)} and {len(second.products)} "
                "products) cannot be fused; train both on one catalogue and split (`dvc repro`)."
            )
    return _fit(method, first, second, params, seed=seed, rows=learning_rows(first, second, inputs))


def learning_rows(first: Predictions, second: Predictions, inputs: Inputs | None = None) -> Array:
    """Return (N,) bool: products of train and validation that neither side has seen and for which both have an input.

    Of train those are the ones with an out-of-fold answer, or one of a candidate that has learnt from nothing.
    """
    seen = (first.products["origin"] == "in_sample") | (second.products["origin"] == "in_sample")
    rows = (first.products["split"].isin(["train", "validation"]) & ~seen).to_numpy()
    return rows if inputs is None else rows & inputs.has_first & inputs.has_second


def fused_probabilities(
    fusion: Fusion, first: Predictions, second: Predictions, params: Any, *, seed: int, inputs: Inputs | None = None
) -> Array:
    """Return the pair's (N, K) float32 on every product; validation is answered by fusions that have not seen it.

    Else the temperature and the threshold that `evaluate` finds there would be too sure. Those fusions have learnt from
    train alone; where it has nothing to learn from, from four fifths of validation each, groups kept whole.
    """
    has = np.ones((2, len(first.products)), dtype=bool) if inputs is None else np.stack(inputs[:2])
    fused = fusion.apply(first.probabilities, second.probabilities, *has)
    rows = learning_rows(first, second, inputs)
    for part in _parts(rows, first.products["split"].to_numpy(), inputs, seed) if fusion.learnt else ():
        rest = rows.copy()
        rest[part] = False
        other = _fit(fusion.method, first, second, params, seed=seed, rows=rest)
        fused[part] = other.apply(first.probabilities[part], second.probabilities[part], *has[:, part])
    return fused


def _parts(rows: Array, splits: Array, inputs: Inputs | None, seed: int) -> list[Array]:
    """Return the rows of validation in the parts that are answered by one fusion each."""
    validation = np.flatnonzero(rows & (splits == "validation"))
    groups = validation if inputs is None else inputs.groups[validation]
    if (rows & (splits == "train")).any():
        return [validation]
    parts = np.array_split(np.random.default_rng(seed).permutation(np.unique(groups)), _FOLDS)
    found = [validation[np.isin(groups, part)] for part in parts if len(part)]
    return found if len(found) > 1 else []


def _fit(method: str, first: Predictions, second: Predictions, params: Any, *, seed: int, rows: Array) -> Fusion:
    if (learn := METHODS[method].learn) is None:
        return Fusion(method, first.labels, 0, [], {})
    label_ids, notes = first.products["label_id"].to_numpy()[rows], []
    if len(label_ids) == 0:
        raise EvaluationError(
            f"{method} has nothing to learn from: train has no out-of-fold predictions, and validation no product that "
            "both candidates have an input for; check `split` in params.yaml, or fuse by mean, max or product."
        )
    if len(label_ids) < FEW and "train" not in set(first.products["split"][rows]):
        notes.append(
            f"Learnt from {len(label_ids)} validation products alone, as train has no out-of-fold predictions of both "
            f"candidates; with fewer than {FEW}, mean, max or product may be as good."
        )
    if absent := len(first.labels) - len(np.unique(label_ids)):
        notes.append(f"{absent} of {len(first.labels)} classes have no product to learn the fusion from.")
    sides: Any = [first.probabilities[rows], second.probabilities[rows]]
    sides = sides if METHODS[method].is_early else np.stack(sides).astype(np.float64)
    return Fusion(method, first.labels, len(label_ids), notes, learn(sides, label_ids, params, seed))
