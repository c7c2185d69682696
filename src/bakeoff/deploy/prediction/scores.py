"""Raw scores in numbered Parquet files, so that a stopped run goes on; digests tell which photos are the study's."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bakeoff.core.files import replacing
from bakeoff.data.table import DIGESTS, SPLITS

NO_PATH = "an empty path is not a file"
"""What is wrong with a product of a table that has no photo."""
CHUNK = 512  # photos per file: what an interruption costs at most


@dataclass(frozen=True)
class Scores:
    """What was found out about some photos, one row each; rows of refused photos are NaN. A field is a column."""

    reasons: list[str | None]  # why a photo could not be used (`Rejection.reason`), None where it could
    details: list[str | None]
    digests: list[str]  # of the original's pixels; empty for refused photos and rows of a store
    probabilities: np.ndarray  # (N, K) float32, rows sum to 1, not calibrated
    measures: np.ndarray | None = None  # (N, 6) float64: `bakeoff.catalogue.measures.MEASURES`
    features: np.ndarray | None = None  # (N, D) float32: the backbone's pooled features, where the candidate gives any


def chunk_file(folder: Path, number: int) -> Path:
    """Return the path of chunk `number`, from 0."""
    return folder / f"{number:06d}.parquet"


def n_done(folder: Path) -> int:
    """Return how many chunks are complete, counted from the first without a gap."""
    return next(number for number in count() if not chunk_file(folder, number).is_file())


def write_chunk(folder: Path, number: int, parts: Sequence[Scores]) -> None:
    """Write one chunk, whole or not at all."""
    with replacing(chunk_file(folder, number)) as partial:
        pq.write_table(pa.concat_tables(map(_table, parts)), partial)


def read_chunks(folder: Path, n_photos: int) -> Iterator[Scores]:
    """Yield the scores of `n_photos` photos chunk by chunk, in order."""
    for number in range(-(-n_photos // CHUNK)):
        table = pq.read_table(chunk_file(folder, number))
        yield Scores(**{name: _values(table.column(name)) for name in table.column_names})


def find_splits(project: Path, folder: Path, n_photos: int) -> np.ndarray:
    """Return the study's split that each photo's pixels lie in, (N,) str; empty where they are not the study's.

    Of several splits train comes before validation before test. Unused photos count as new ones: no candidate has
    learned from them or was judged on them. Files that are missing are told on stderr.
    """
    files = [project / "data" / "catalogue" / DIGESTS, project / "data" / "splits" / "splits.parquet"]
    if missing := [path for path in files if not path.is_file()]:
        sys.stderr.write(f"{missing[0]} is missing: the study's own photos count as new ones; run `bakeoff run`.\n")
        return np.full(n_photos, "")
    digests, splits = map(pd.read_parquet, files)
    products = digests.merge(splits, on="product_id")
    split_of = {one: split for split in reversed(SPLITS) for one in products["digest"][products["split"] == split]}
    return np.array([split_of.get(one, "") for part in read_chunks(folder, n_photos) for one in part.digests])


def _table(scores: Scores) -> pa.Table:
    return pa.table({name: _column(values) for name, values in vars(scores).items() if values is not None})


def _column(values: Any) -> pa.Array:
    if isinstance(values, list):
        return pa.array(values, type=pa.string())
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).ravel()), values.shape[1])


def _values(column: pa.ChunkedArray) -> Any:
    if pa.types.is_string(column.type):
        return column.to_pylist()
    rows = column.combine_chunks()
    return rows.flatten().to_numpy(zero_copy_only=False).reshape(len(rows), rows.type.list_size)
