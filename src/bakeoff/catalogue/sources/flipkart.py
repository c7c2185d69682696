"""Products in a table (CSV, Parquet, pickled DataFrame when allowed) with a folder of images, as Flipkart's sample."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.catalogue.convert import read_pickle
from bakeoff.catalogue.params import ColumnNames, DatasetParams
from bakeoff.catalogue.sources.base import RawProduct, SourceUnavailableError, split_of
from bakeoff.core.errors import DataError

DEFAULT_TABLE = "flipkart_com-ecommerce_sample_1050.csv"
TABLE_SUFFIXES = (".csv", ".parquet", ".pkl", ".pickle")
_LEVEL_MARK = ">>"


class FlipkartSource:
    """A label that is a category tree (`["A >> B >> C"]`) gives its first level; any other label is taken as it is."""

    def present(self, dataset: DatasetParams, root: Path) -> bool:
        """Return whether a table and the image folder are there."""
        return _find_table(dataset, root) is not None and self.image_folder(dataset, root).is_dir()

    def acquire(self, dataset: DatasetParams, root: Path) -> None:
        """Say what is missing; nothing can be downloaded."""
        if not self.present(dataset, root):
            table = dataset.table or DEFAULT_TABLE
            raise SourceUnavailableError(
                f"dataset {dataset.name!r} needs the table {root / table} and its photos in "
                f"{self.image_folder(dataset, root)}; put both there and run again.",
                reason="files_missing",
            )

    def image_folder(self, dataset: DatasetParams, root: Path) -> Path:
        """Return `<root>/<dataset.images>`."""
        return root / dataset.images if dataset.images else root

    def read(self, dataset: DatasetParams, root: Path) -> list[RawProduct]:
        """Return one product per row of the table.

        Raises:
            DataError: no table, an unknown column, or a pickle that params do not allow.
        """
        path = _find_table(dataset, root)
        if path is None:
            raise DataError(f"no table in {root}; expected {dataset.table or DEFAULT_TABLE}.")
        table = read_table(path, allow_pickle=dataset.allow_pickle)
        _check_columns(table, dataset, path)
        table = table.drop(columns=dataset.drop)
        columns = {field: _texts(table, getattr(dataset.columns, field)) for field in ColumnNames.model_fields}
        columns["split"] = _official_splits(columns["split"], f"{path}, column {dataset.columns.split}")
        products = []
        for row in range(len(table)):
            cells = {field: values[row] for field, values in columns.items()}
            product_id = cells["id"] if dataset.columns.id else f"row_{row}"
            label = first_level(cells["label"]) if cells["label"] else None
            products.append(
                RawProduct(
                    product_id or f"row_{row}",
                    cells["image"] or "",
                    label,
                    cells["title"],
                    cells["description"],
                    cells["split"],
                )
            )
        return products


def read_table(path: Path, *, allow_pickle: bool = False) -> pd.DataFrame:
    """Return the table in `path`; the cells of a CSV stay text ("NA" is a word, 007 keeps its zeros)."""
    if path.suffix.lower() in (".pkl", ".pickle"):
        return read_pickle(path, allow_pickle=allow_pickle)
    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, OSError) as error:  # pandas' ParserError and pyarrow's ArrowInvalid are ValueErrors
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(f"{path} cannot be read as {path.suffix[1:]}: {' '.join(str(error).split())}") from None


def first_level(label: str) -> str:
    """Return `A` of `["A >> B >> C"]`, or the text itself where it is not a category tree."""
    text = label.strip()
    if text.startswith("["):
        try:
            levels = json.loads(text)
        except json.JSONDecodeError:
            levels = [text.strip("[]\"' ")]
        text = str(levels[0]) if isinstance(levels, list) and levels else ""
    return text.split(_LEVEL_MARK)[0].strip()


def _find_table(dataset: DatasetParams, root: Path) -> Path | None:
    """Return the table that params name, else Flipkart's, else the only one in the root."""
    if dataset.table:
        named = root / dataset.table
        return named if named.is_file() else None
    if (root / DEFAULT_TABLE).is_file():
        return root / DEFAULT_TABLE
    tables = [path for path in sorted(root.glob("*")) if path.suffix in TABLE_SUFFIXES and path.is_file()]
    if len(tables) > 1:
        names = ", ".join(path.name for path in tables)
        raise DataError(f"{root} holds several tables ({names}); name one in dataset.table.")
    return tables[0] if tables else None


def _check_columns(table: pd.DataFrame, dataset: DatasetParams, path: Path) -> None:
    listed = ", ".join(str(name) for name in table.columns)
    named = {f"columns.{field}": name for field, name in dataset.columns.model_dump().items() if name is not None}
    for field in ("image", "label"):
        if f"columns.{field}" not in named:
            raise DataError(f"dataset.columns.{field} must name a column of {path}; its columns: {listed}.")
    unknown = [f"{key}: {name}" for key, name in named.items() if name not in table.columns]
    unknown += [f"drop: {name}" for name in dataset.drop if name not in table.columns]
    if unknown:
        raise DataError(f"dataset.{'; dataset.'.join(unknown)} not in {path}; its columns: {listed}.")
    both = sorted(set(named.values()) & set(dataset.drop))
    if both:
        raise DataError(
            f"dataset.drop leaves out {', '.join(both)}, which dataset.columns uses; its columns: {listed}."
        )


def _texts(table: pd.DataFrame, column: str | None) -> list[str | None]:
    return [None] * len(table) if column is None else [_text(cell) for cell in table[column]]


def _official_splits(words: list[str | None], where: str) -> list[str | None]:
    """Return each row's split, None where the cell is empty."""
    known = {word: split_of(word) for word in words if word}
    if unknown := sorted(word for word, split in known.items() if split is None):
        raise DataError(
            f"{where} must hold train, validation or test (or nothing), got {', '.join(map(repr, unknown[:5]))}; "
            "correct it or set dataset.columns.split: null."
        )
    return [known[word] if word else None for word in words]


def _text(cell: Any) -> str | None:
    """Return a cell as stripped text, null where it is empty; whole floats (integers beside gaps) lose their `.0`."""
    if cell is None or (pd.api.types.is_scalar(cell) and pd.isna(cell)):
        return None
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, list | tuple | np.ndarray):
        cell = json.dumps([str(part) for part in cell])
    return str(cell).strip() or None
