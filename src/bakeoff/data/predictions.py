"""Every candidate's probabilities in one framework-free file; from here on nobody knows which framework made them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from rich.progress import Progress

from bakeoff.core.errors import EvaluationError
from bakeoff.data.table import SPLITS, Catalogue
from bakeoff.predictors.protocol import Predictor
from bakeoff.records.files import require_same_labels

COLUMNS = ("product_id", "split", "label_id")
SUM_TOLERANCE = 1e-3
"""How far a row of float32 probabilities may be from 1: above the rounding of K = 1000 terms, below any real fault."""


@dataclass(frozen=True)
class Predictions:
    """One candidate's probabilities over all splits, in the order of products.parquet."""

    products: pd.DataFrame
    """product_id str, split str, label_id int64; index 0 to N-1."""
    probabilities: np.ndarray
    """(N, K) float32, rows sum to 1."""
    labels: list[str]
    """K class names in the order of the columns."""

    def split(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return one split's true classes (n,) int64 and probabilities (n, K) float32."""
        chosen = (self.products["split"] == name).to_numpy()
        return self.products["label_id"].to_numpy()[chosen], self.probabilities[chosen]


def predict_catalogue(predictor: Predictor, catalogue: Catalogue, *, progress: Progress | None = None) -> Predictions:
    """Return the candidate's probabilities for every product: train without augmentation, validation and test.

    Raises:
        EvaluationError: other labels than the catalogue's, or probabilities that are none.
    """
    require_same_labels(predictor.labels, catalogue.labels, given_by="the candidate", expected_by="the catalogue")
    rows = np.arange(len(catalogue.products), dtype=np.int64)
    task = progress.add_task("predicting", total=len(rows)) if progress else None
    batches = []
    for batch in predictor.predict(rows.tolist()):
        batches.append(np.asarray(batch, dtype=np.float32))
        if progress is not None and task is not None:
            progress.advance(task, len(batch))
    probabilities = np.concatenate(batches) if batches else np.zeros((0, len(catalogue.labels)), np.float32)
    table = catalogue.products.loc[:, list(COLUMNS)].reset_index(drop=True)
    predictions = Predictions(products=table, probabilities=probabilities, labels=list(catalogue.labels))
    check_products(predictions, where="the catalogue")
    check_probabilities(predictions, where="the candidate's predictions")
    return predictions


def write_predictions(predictions: Predictions, path: Path) -> None:
    """Write predictions.parquet: product_id, split, label_id, probabilities (fixed-size list of K float32)."""
    n_labels = len(predictions.labels)
    flat = pa.array(np.ascontiguousarray(predictions.probabilities, dtype=np.float32).ravel(), type=pa.float32())
    products = predictions.products
    table = pa.table(
        {
            "product_id": pa.array(products["product_id"].astype(str).tolist(), type=pa.string()),
            "split": pa.array(products["split"].astype(str).tolist(), type=pa.string()),
            "label_id": pa.array(products["label_id"].to_numpy(dtype=np.int64)),
            "probabilities": pa.FixedSizeListArray.from_arrays(flat, n_labels),
        }
    ).replace_schema_metadata({"labels": json.dumps(predictions.labels)})
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".tmp")
    pq.write_table(table, partial)
    os.replace(partial, path)


def read_predictions(path: Path, *, catalogue: Catalogue | None = None) -> Predictions:
    """Return predictions.parquet, checked; with a catalogue, also that it holds exactly that catalogue's products.

    Raises:
        EvaluationError: the file is missing or no predictions file, holds NaN or rows that do not sum to 1, names a
            product twice or a class that is none, lacks products, or belongs to other labels or another split.
    """
    if not path.is_file():
        raise EvaluationError(f"{path} is missing; run the evaluate stage first.")
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:  # OSError: a file cut short
        raise EvaluationError(f"{path} is not a Parquet file ({error}); run the evaluate stage again.") from None
    labels = _require_format(table, path)
    column = table.column("probabilities").combine_chunks()
    flat = np.asarray(column.flatten().to_numpy(zero_copy_only=False), dtype=np.float32)
    predictions = Predictions(
        products=table.select(list(COLUMNS)).to_pandas(),
        probabilities=flat.reshape(-1, column.type.list_size),
        labels=labels,
    )
    check_products(predictions, where=str(path))
    check_probabilities(predictions, where=str(path))
    if catalogue is not None:
        _require_same_products(predictions, catalogue, path)
    return predictions


def _require_format(table: pa.Table, path: Path) -> list[str]:
    """Return the labels of a table in the predictions' format: columns, types, no empty cell, labels in the header."""
    names, header = table.schema.names, (table.schema.metadata or {}).get(b"labels")
    columns = (*COLUMNS, "probabilities")
    missing = [name for name in columns if name not in names]
    if header is None or missing or not pa.types.is_fixed_size_list(table.schema.field("probabilities").type):
        told = f" (it lacks {', '.join(missing)})" if missing else ""
        raise EvaluationError(f"{path} is not in bakeoff's predictions format{told}; run the evaluate stage again.")
    empty = [name for name in columns if table.column(name).null_count]
    if empty:
        raise EvaluationError(f"{path} has empty cells in {', '.join(empty)}; run the evaluate stage again.")
    return json.loads(header)


def check_products(predictions: Predictions, *, where: str) -> None:
    """Check that each product stands there once, in a known split, with a class below K.

    Raises:
        EvaluationError: a product twice, another split, or a class number that no label has.
    """
    products, n_labels = predictions.products, len(predictions.labels)
    twice = products["product_id"].duplicated().to_numpy()
    if twice.any():
        raise EvaluationError(
            f"{where}: {int(twice.sum())} rows repeat a product, first {_product(predictions, twice)}; "
            "run the evaluate stage again."
        )
    unknown = sorted(set(products["split"]) - set(SPLITS))
    if unknown:
        raise EvaluationError(f"{where}: the splits are {', '.join(SPLITS)}, got {', '.join(map(repr, unknown))}.")
    outside = ~products["label_id"].between(0, n_labels - 1).to_numpy()
    if outside.any():
        raise EvaluationError(
            f"{where}: label_id must lie between 0 and {n_labels - 1}, got "
            f"{products['label_id'].to_numpy()[outside][0]} for {_product(predictions, outside)}; "
            "train and evaluate the candidate again on this catalogue."
        )


def check_probabilities(predictions: Predictions, *, where: str) -> None:
    """Check shape, range and sums of (N, K) probabilities.

    Raises:
        EvaluationError: another shape, a NaN or infinity, a value outside [0, 1], or a row that does not sum to 1.
    """
    values, n_rows, n_labels = predictions.probabilities, len(predictions.products), len(predictions.labels)
    if values.shape != (n_rows, n_labels):
        raise EvaluationError(
            f"{where}: expected {n_rows} products x {n_labels} labels of probabilities, got shape {values.shape}."
        )
    broken = np.logical_not(np.isfinite(values).all(axis=1))
    if broken.any():
        raise EvaluationError(
            f"{where}: {int(broken.sum())} of {n_rows} rows hold NaN or infinity, "
            f"first {_product(predictions, broken)}; the training diverged: lower its learning rate."
        )
    sums = values.sum(axis=1, dtype=np.float64)
    off = (np.abs(sums - 1) > SUM_TOLERANCE) | (values < 0).any(axis=1)
    if off.any():
        raise EvaluationError(
            f"{where}: {int(off.sum())} of {n_rows} rows are not probabilities (none below 0, "
            f"sum 1 within {SUM_TOLERANCE:g}); first {_product(predictions, off)}, sum {sums[off][0]:.4f}."
        )


def _product(predictions: Predictions, chosen: Any) -> str:
    return f"product {predictions.products['product_id'].iloc[int(np.flatnonzero(chosen)[0])]!r}"


def _require_same_products(predictions: Predictions, catalogue: Catalogue, path: Path) -> None:
    """Check that the file holds the catalogue's products, in its order, with its labels and splits."""
    require_same_labels(predictions.labels, catalogue.labels, given_by=str(path), expected_by="the catalogue")
    given, expected = predictions.products, catalogue.products
    missing = sorted(set(expected["product_id"]) - set(given["product_id"]))
    if missing or len(given) != len(expected):
        told = f"; missing {', '.join(missing[:3])}{', …' if len(missing) > 3 else ''}" if missing else ""
        raise EvaluationError(
            f"{path} holds {len(given)} products, the catalogue {len(expected)}{told}; run the evaluate stage again."
        )
    for name in COLUMNS:
        if given[name].tolist() != expected[name].tolist():
            raise EvaluationError(
                f"{path}: its column {name} differs from the catalogue's (splits {', '.join(SPLITS)}); "
                "run the evaluate stage again."
            )
