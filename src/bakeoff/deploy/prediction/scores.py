"""The raw scores of many photos in numbered Parquet files, so that a stopped run goes on where it ended."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bakeoff.core.files import replacing
from bakeoff.deploy.prediction.measures import MEASURES

CHUNK = 512
"""Photos per file: what an interruption costs at most."""


@dataclass(frozen=True)
class Scores:
    """What was found out about some photos, one row each; rows of refused photos are NaN."""

    reasons: list[str | None]
    """Why a photo could not be used (one of `bakeoff.data.decode.REASONS`), None where it could."""
    details: list[str | None]
    digests: list[str]
    """Of the original's pixels; empty for refused photos and rows of a store."""
    probabilities: np.ndarray
    """(N, K) float32, rows sum to 1, not calibrated."""
    measures: np.ndarray | None = None
    """(N, 6) float64: `bakeoff.deploy.prediction.measures.MEASURES`."""
    features: np.ndarray | None = None
    """(N, D) float32: the backbone's pooled features, where the candidate gives any."""


def chunk_file(folder: Path, number: int) -> Path:
    """Return the path of chunk `number`, from 0."""
    return folder / f"{number:06d}.parquet"


def n_chunks(n_photos: int) -> int:
    """Return how many files `n_photos` photos fill."""
    return -(-n_photos // CHUNK)


def n_done(folder: Path) -> int:
    """Return how many chunks are complete, counted from the first without a gap."""
    number = 0
    while chunk_file(folder, number).is_file():
        number += 1
    return number


def write_chunk(folder: Path, number: int, scores: Scores) -> None:
    """Write one chunk, whole or not at all."""
    columns: dict[str, pa.Array] = {
        "reason": pa.array(scores.reasons, type=pa.string()),
        "detail": pa.array(scores.details, type=pa.string()),
        "digest": pa.array(scores.digests, type=pa.string()),
        "probabilities": _lists(scores.probabilities.astype(np.float32)),
    }
    if scores.measures is not None:
        columns |= {name: pa.array(values) for name, values in zip(MEASURES, scores.measures.T, strict=True)}
    if scores.features is not None:
        columns["features"] = _lists(scores.features.astype(np.float32))
    with replacing(chunk_file(folder, number)) as partial:
        pq.write_table(pa.table(columns), partial)


def read_chunks(folder: Path, n_photos: int) -> Iterator[Scores]:
    """Yield the scores of `n_photos` photos chunk by chunk, in order."""
    for number in range(n_chunks(n_photos)):
        table = pq.read_table(chunk_file(folder, number))
        columns = [table.column(name).to_numpy() for name in MEASURES if name in table.column_names]
        yield Scores(
            reasons=table.column("reason").to_pylist(),
            details=table.column("detail").to_pylist(),
            digests=table.column("digest").to_pylist(),
            probabilities=_rows(table, "probabilities"),
            measures=np.column_stack(columns) if columns else None,
            features=_rows(table, "features") if "features" in table.column_names else None,
        )


def _lists(values: np.ndarray) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).ravel()), values.shape[1])


def _rows(table: pa.Table, name: str) -> np.ndarray:
    column = table.column(name).combine_chunks()
    return column.flatten().to_numpy(zero_copy_only=False).reshape(len(table), column.type.list_size)
