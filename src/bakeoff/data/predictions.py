"""Every candidate's probabilities in one framework-free file; from here on nobody knows which framework made them."""

import json
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bakeoff.core.errors import EvaluationError
from bakeoff.core.files import replacing
from bakeoff.data.table import PHOTO_OF, SPLITS, Catalogue

COLUMNS = ("product_id", "split", "label_id")
WITHOUT_INPUT = "without_input"
ORIGINS = ("in_sample", "held_out", "out_of_fold", WITHOUT_INPUT)
OUT_OF_FOLD = "out_of_fold.parquet"
"""Beside predictions.parquet, in its format: train's products, answered by models that have not seen them; no rows
where a candidate has no such answers."""
SUM_TOLERANCE = 1e-3
"""How far a row of float32 probabilities may be from 1: above the rounding of K = 1000 terms, below any real fault."""
LEAST_SHARE = 1e-12
"""Below which a share counts as this in a loss."""
_AGAIN = "train the candidate again (`dvc repro -f`)"


@dataclass(frozen=True)
class Predictions:
    """One candidate's probabilities over all splits, or train's products alone, in the order of products.parquet."""

    products: pd.DataFrame
    """product_id str, split str, label_id int64, loss float32, origin str (`ORIGINS`); index 0 to N-1.

    `loss` is the row's own training loss, which normalised sigmoids do not determine.
    """
    probabilities: np.ndarray  # (N, K) float32, rows sum to 1
    labels: list[str]  # K class names in the order of the columns

    def split(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return one split's true classes (n,) int64 and probabilities (n, K) float32."""
        chosen = (self.products["split"] == name).to_numpy()
        return self.products["label_id"].to_numpy()[chosen], self.probabilities[chosen]

    def first(self, n: int) -> "Predictions":
        """Return the first n rows."""
        return Predictions(self.products.head(n), self.probabilities[:n], self.labels)

    def mean_losses(self) -> dict[str, float]:
        """Return the mean training loss of each split; EvaluationError where one is empty."""
        splits, losses = self.products["split"].to_numpy(), self.products["loss"].to_numpy(dtype=np.float64)
        if missing := set(SPLITS) - set(splits):
            raise EvaluationError(f"no product is in {', '.join(missing)}; check section `split` of params.yaml.")
        return {name: float(losses[splits == name].mean()) for name in SPLITS}


def make_predictions(
    catalogue: Catalogue,
    probabilities: np.ndarray,
    losses: np.ndarray,
    *,
    learnt_from: str | None = "train",
    out_of_fold: bool = False,
) -> Predictions:
    """Return a candidate's predictions for every product, checked: of several photos the mean.

    Products that it has nothing to read of (`Catalogue.has_input`) get train's class shares.

    Args:
        catalogue: what it was trained on.
        probabilities: (N, K) float32, in the order of its rows.
        losses: (N,) each row's training loss. That of several photos is -log of the mean of exp(-loss), for
            cross-entropy the loss of the mean.
        learnt_from: the split whose products the candidate has seen; None where it has learnt from none.
        out_of_fold: that split's products were answered by models that have not seen them.

    Raises:
        EvaluationError: the probabilities are not probabilities, or a product is there twice or in an unknown split.
    """
    table = catalogue.by_product().products.loc[:, list(COLUMNS)].reset_index(drop=True)
    if PHOTO_OF in catalogue.products:
        places = pd.Index(table["product_id"]).get_indexer(catalogue.products[PHOTO_OF].tolist())
        logs = np.full(len(table), -np.inf)
        np.logaddexp.at(logs, places, -losses.astype(np.float64))
        probabilities, losses = catalogue.mean_of_photos(probabilities), np.log(np.bincount(places)) - logs
    table["loss"] = np.asarray(losses, dtype=np.float32)
    seen = "out_of_fold" if out_of_fold else "in_sample"
    table["origin"] = np.where((table["split"] == learnt_from).to_numpy(), seen, "held_out")
    predictions = Predictions(table, np.array(probabilities, dtype=np.float32), list(catalogue.labels))
    _answer_without_input(predictions, catalogue.by_product())
    _check_products(predictions, where="the catalogue")
    _check_probabilities(predictions, where="the candidate's predictions")
    return predictions


def _answer_without_input(predictions: Predictions, catalogue: Catalogue) -> None:
    """Answer products that the candidate has nothing to read of with train's class shares."""
    without = ~catalogue.has_input
    if without.any():
        products, n_labels = predictions.products, len(predictions.labels)
        labels = products["label_id"].to_numpy()
        counts = np.bincount(labels[(products["split"] == "train").to_numpy()], minlength=n_labels)
        shares = (counts / counts.sum()).astype(np.float32)
        predictions.probabilities[without], products.loc[without, "origin"] = shares, WITHOUT_INPUT
        products.loc[without, "loss"] = -np.log(np.maximum(shares[labels[without]], LEAST_SHARE))


def write_predictions(predictions: Predictions, path: Path) -> None:
    """Write predictions.parquet: `Predictions.products` and probabilities as fixed-size lists of K float32."""
    flat = pa.array(np.ascontiguousarray(predictions.probabilities, dtype=np.float32).ravel(), type=pa.float32())
    types = {"product_id": pa.string(), "split": pa.string(), "label_id": pa.int64(), "loss": pa.float32()}
    schema = pa.schema(types | {"origin": pa.string()})
    table = pa.Table.from_pandas(predictions.products, schema, preserve_index=False)
    table = table.add_column(3, "probabilities", pa.FixedSizeListArray.from_arrays(flat, len(predictions.labels)))
    table = table.replace_schema_metadata({"labels": json.dumps(predictions.labels)})
    with replacing(path) as partial:
        pq.write_table(table, partial)


def read_predictions(path: Path, *, catalogue: Catalogue | None = None) -> Predictions:
    """Return predictions.parquet, checked; with a catalogue, also that it holds exactly that catalogue's products.

    Raises:
        EvaluationError: the file is missing or no predictions file, holds NaN or rows that do not sum to 1, names a
            product twice or a class that is none, lacks products, or belongs to other labels or another split.
    """
    if not path.is_file():
        raise EvaluationError(f"{path} is missing; train the candidate first (`dvc repro`).")
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:  # OSError: a file cut short
        raise EvaluationError(f"{path} is not a Parquet file ({error}); {_AGAIN}.") from None
    labels = _require_format(table, path)
    column = table.column("probabilities").combine_chunks()
    flat = np.asarray(column.flatten().to_numpy(zero_copy_only=False), dtype=np.float32)
    predictions = Predictions(
        products=table.select([*COLUMNS, "loss", "origin"]).to_pandas(),
        probabilities=flat.reshape(-1, column.type.list_size),
        labels=labels,
    )
    _check_products(predictions, where=str(path))
    _check_probabilities(predictions, where=str(path))
    if catalogue is not None:
        _require_same_products(predictions, catalogue, path)
    return predictions


def read_out_of_fold(training_dir: Path, *, catalogue: Catalogue | None = None) -> Predictions | None:
    """Return what models that have not seen them say of train's products; None where a candidate has no such answers.

    The only answers to training products that others may learn from. With a catalogue they are checked to be of exactly
    its train split. Raises as `read_predictions` does.
    """
    found = read_predictions(training_dir / OUT_OF_FOLD)
    if found.products.empty:
        return None
    if catalogue is not None:
        _require_same_products(found, catalogue.only("train"), training_dir / OUT_OF_FOLD)
    return found


def _require_format(table: pa.Table, path: Path) -> list[str]:
    """Return the labels of a table in the predictions' format: columns, types, no empty cell, labels in the header."""
    names, header = table.schema.names, (table.schema.metadata or {}).get(b"labels")
    columns = (*COLUMNS, "probabilities", "loss", "origin")
    missing = [name for name in columns if name not in names]
    if header is None or missing or not pa.types.is_fixed_size_list(table.schema.field("probabilities").type):
        told = f" (it lacks {', '.join(missing)})" if missing else ""
        raise EvaluationError(f"{path} is not in bakeoff's predictions format{told}; {_AGAIN}.")
    if empty := [name for name in columns if table.column(name).null_count]:
        raise EvaluationError(f"{path} has empty cells in {', '.join(empty)}; {_AGAIN}.")
    return json.loads(header)


def _check_products(predictions: Predictions, *, where: str) -> None:
    """Check that each product stands there once, of a known origin, in a known split, with a class below K."""
    products, n_labels = predictions.products, len(predictions.labels)
    twice = products["product_id"].duplicated().to_numpy()
    if twice.any():
        raise EvaluationError(
            f"{where}: {int(twice.sum())} rows repeat a product, first {_product(predictions, twice)}; {_AGAIN}."
        )
    for name, known in (("origin", ORIGINS), ("split", SPLITS)):
        if unknown := sorted(set(products[name]) - set(known)):
            raise EvaluationError(f"{where}: the {name}s are {', '.join(known)}, got {', '.join(map(repr, unknown))}.")
    outside = ~products["label_id"].between(0, n_labels - 1).to_numpy()
    if outside.any():
        raise EvaluationError(
            f"{where}: label_id must lie between 0 and {n_labels - 1}, got "
            f"{products['label_id'].to_numpy()[outside][0]} for {_product(predictions, outside)}; "
            "train the candidate again on this catalogue."
        )


def _check_probabilities(predictions: Predictions, *, where: str) -> None:
    """Check shape, range and sums of (N, K) probabilities."""
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
    given, expected = predictions.products, catalogue.by_product().products
    missing = sorted(set(expected["product_id"]) - set(given["product_id"]))
    if missing or len(given) != len(expected):
        told = f"; missing {', '.join(missing[:3])}{', …' if len(missing) > 3 else ''}" if missing else ""
        raise EvaluationError(f"{path} holds {len(given)} products, the catalogue {len(expected)}{told}; {_AGAIN}.")
    for name in COLUMNS:
        if given[name].tolist() != expected[name].tolist():
            raise EvaluationError(
                f"{path}: its column {name} differs from the catalogue's (splits {', '.join(SPLITS)}); {_AGAIN}."
            )


def require_same_labels(labels: list[str], expected: list[str], *, given_by: str, expected_by: str) -> None:
    """Check that two label lists agree, order included; an EvaluationError tells the first difference."""
    if list(labels) == list(expected):
        return
    pairs = enumerate(zip_longest(labels, expected))
    first, differing = next((i, pair) for i, pair in pairs if pair[0] != pair[1])
    given, wanted = (label or "nothing" for label in differing)
    raise EvaluationError(
        f"the label sets differ: {given_by} has {len(labels)} labels, {expected_by} has {len(expected)}; "
        f"label {first} is {given!r} there and {wanted!r} here; train the candidate again on this catalogue."
    )
