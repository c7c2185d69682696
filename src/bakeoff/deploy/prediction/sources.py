"""Which photos are asked about: one file, a folder with everything below it, or a table with a column of paths."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bakeoff.catalogue.sources.base import list_files
from bakeoff.catalogue.sources.flipkart import read_table
from bakeoff.catalogue.sources.folder import IMAGE_SUFFIXES
from bakeoff.core.errors import DataError

SUFFIXES = IMAGE_SUFFIXES | {".avif", ".jp2", ".ppm", ".tga", ".ico", ".pcx"}
TABLE_SUFFIXES = (".csv", ".parquet")
_ID_COLUMNS = ("product_id", "id", "sku")


@dataclass(frozen=True)
class Columns:
    """Which column of a table is what; None = found by its name, or not there."""

    image: str = "image"
    id: str | None = None
    label: str | None = None


@dataclass(frozen=True)
class Photos:
    """The photos to look at, in a fixed order."""

    table: pd.DataFrame
    """id str, image str (as the source gives it), path str, label str or None; index 0 to N-1."""
    n_left_out: int = 0
    """Files of a folder that are not photos by their extension."""


def list_photos(source: Path, columns: Columns | None = None) -> Photos:
    """Return the photos of a source; they are not opened yet.

    Args:
        source: a photo, a folder (searched with all folders below it), or a table (.csv or .parquet) whose paths are
            relative to the table's own folder.
        columns: which columns of a table to read.

    Raises:
        DataError: there is no such file, the folder holds no photo, or the table lacks a column.
    """
    columns = columns or Columns()
    if source.is_dir():
        return _list_folder(source)
    if not source.is_file():
        raise DataError(
            f"{source} is neither a file nor a folder; give a photo, a folder of photos, or a table "
            f"({' or '.join(TABLE_SUFFIXES)}) with a column of paths."
        )
    if source.suffix.lower() in TABLE_SUFFIXES:
        return _list_table(source, columns)
    return Photos(_frame([source.name], [source.name], [str(source)], [None]))


def folder_labels(photos: Photos) -> list[str | None]:
    """Return the first folder below the source for each photo of a folder, None for those beside the folders."""
    return [image.split("/", 1)[0] if "/" in image else None for image in photos.table["image"]]


def _list_folder(folder: Path) -> Photos:
    files = list(list_files(folder))
    found = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not found:
        listed = ", ".join(sorted(SUFFIXES))
        raise DataError(f"{folder} holds {len(files)} files and no photo; photos end in {listed}.")
    names = [path.relative_to(folder).as_posix() for path in found]
    table = _frame(names, names, [str(path) for path in found], [None] * len(names))
    return Photos(table, n_left_out=len(files) - len(found))


def _list_table(path: Path, columns: Columns) -> Photos:
    table = read_table(path)
    _require(table, columns.image, path, option="--image-column")
    identifier = columns.id or next((name for name in _ID_COLUMNS if name in table), columns.image)
    _require(table, identifier, path, option="--id-column")
    if columns.label is not None:
        _require(table, columns.label, path, option="--label-column")
    images = ["" if pd.isna(value) or not str(value).strip() else str(value) for value in table[columns.image]]
    labels = _texts(table[columns.label]) if columns.label else [None] * len(table)
    if not images:
        raise DataError(f"{path} has no rows; it needs one row per photo.")
    ids = [str(value) for value in table[identifier]]
    return Photos(_frame(ids, images, [str(path.parent / image) if image else "" for image in images], labels))


def _require(table: pd.DataFrame, column: str, path: Path, *, option: str) -> None:
    if column not in table:
        names = ", ".join(map(str, table.columns))
        raise DataError(f"{path} has no column {column!r}; its columns are {names}. Name the right one with {option}.")


def _texts(values: Any) -> list[str | None]:
    """Return values as text without surplus white space; empty and missing ones as None."""
    return [None if pd.isna(value) else " ".join(str(value).split()) or None for value in values]


def _frame(ids: list[str], images: list[str], paths: list[str], labels: Sequence[str | None]) -> pd.DataFrame:
    columns = {"id": ids, "image": images, "path": paths}
    return pd.DataFrame({**columns, "label": pd.Series(labels, dtype=object)})
