"""Tables as people export them, read in one way by `prepare`, `predict` and `monitor`; no row is lost.

Pickles are refused unless allowed in so many words, since unpickling runs code; `bakeoff convert` makes Parquet of one.
"""

import json
import pickle
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bakeoff.catalogue.params import DatasetParams
from bakeoff.catalogue.photo_file import Cell, picture_in
from bakeoff.catalogue.spreadsheet import SPREADSHEETS, is_spreadsheet, read_spreadsheet
from bakeoff.catalogue.text_table import read_text_table
from bakeoff.core.errors import DataError
from bakeoff.core.files import replacing
from bakeoff.core.names import category_levels, clean_label, readable, split_cell
from bakeoff.data.decode import Rejection

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet", ".pkl", ".pickle", *SPREADSHEETS)
_PEEKED_ROWS = 16


@dataclass(frozen=True)
class Table:
    """The rows of a file in its order."""

    path: Path
    frame: pd.DataFrame  # N rows; columns named as `clean_label` has them
    malformed: list[str | None]
    """For each of the N rows, with its line, why its fields cannot be told apart; None for the sound ones."""
    pictures: Mapping[str, str] = field(default_factory=dict)
    """Columns of pictures inside a Parquet file, which `frame` lacks, and how the file names each."""

    def require(self, columns: Mapping[str, str]) -> None:
        """Check that columns, by the flag or the key that names each, are there once.

        Raises:
            DataError: one is missing or there twice; the message lists the table's columns.
        """
        names = [*self.frame.columns, *self.pictures]
        for key, column in columns.items():
            found = names.count(clean_label(column))
            if found != 1:
                has = f"{found} columns" if found else "no column"
                raise DataError(f"{self.path} has {has} {column!r} ({key}); its columns are {', '.join(names)}.")

    def has(self, column: str) -> bool:
        """Return whether there is such a column."""
        return clean_label(column) in self.frame.columns

    def texts(self, column: str | None) -> list[str | None]:
        """Return a column's cells as stripped text, null where a cell is empty or the column is not given."""
        if column is None:
            return [None] * len(self.frame)
        if clean_label(column) in self.pictures:
            raise DataError(f"column {column!r} of {self.path} holds pictures, where text is needed.")
        try:
            return [_text(cell) for cell in self.frame[clean_label(column)]]
        except UnicodeDecodeError:
            raise DataError(
                f"column {column!r} of {self.path} holds bytes that are not text. Pictures are read from a column of a "
                "Parquet file that holds nothing else; `bakeoff convert` makes one of a pickle."
            ) from None

    def cells(self, column: str) -> list[Cell] | None:
        """Return where each row's picture lies, None where the column does not hold the pictures themselves."""
        name = self.pictures.get(clean_label(column))
        return [Cell(name, row) for row in range(len(self.frame))] if name else None


@dataclass(frozen=True)
class LabelRule:
    """How a cell names a class, in `prepare` as in `monitor`: a level of a category tree, one of several labels."""

    level: int = 1  # of a category tree; a tree with fewer levels gives its last one
    separator: str | None = None  # between the labels of one cell; null = a cell is one label
    several: Literal["reject", "first"] = "reject"

    @classmethod
    def of(cls, dataset: DatasetParams) -> Self:
        """Return the rule that params give."""
        return cls(dataset.label_level, dataset.label_separator, dataset.several_labels)

    def read(self, cells: Sequence[str | None]) -> list[str | Rejection | None]:
        """Return each cell's class, null where it is empty, or why it has none; tell of trees with fewer levels."""
        n_short, labels = 0, list[str | Rejection | None]()
        for cell in cells:
            parts = [cell or ""] if self.separator is None else split_cell(cell or "", re.escape(self.separator))
            trees = list(map(category_levels, parts))
            names = [*filter(None, dict.fromkeys(tree[: self.level][-1] for tree in trees))]
            n_short += bool(names) and len(trees[0]) < self.level
            refused = len(names) > 1 and self.several == "reject"
            labels.append(Rejection("several_labels", ", ".join(names)) if refused else next(iter(names), None))
        if n_short:
            sys.stderr.write(
                f"bakeoff: the category tree of {n_short} products has fewer than {self.level} levels "
                "(dataset.label_level); its last level is their class.\n"
            )
        return labels


def read_table(
    path: Path,
    *,
    allow_pickle: bool = False,
    separator: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
) -> Table:
    """Return the table in `path`; the cells of a text file stay text ("NA" is a word, 007 keeps its zeros).

    It is Parquet or a pickle by its suffix, a spreadsheet by its suffix or content, else text, whose separator is found
    where none is given, and its encoding by a byte order mark; without one it is UTF-8, else cp1252.

    Raises:
        DataError: the file cannot be read; the message says how to save it.
    """
    suffix = path.suffix.lower()
    malformed, pictures = None, list[str]()
    if suffix in (".pkl", ".pickle"):
        frame = read_pickle(path, allow_pickle=allow_pickle)
    elif suffix == ".parquet":
        frame, pictures = _read_parquet(path)
    elif is_spreadsheet(path, raw := path.read_bytes()):
        frame = read_spreadsheet(path, sheet)
    else:
        frame, malformed = read_text_table(path, raw, separator=separator, encoding=encoding)
    frame = with_named_index(frame)
    frame.columns = [clean_label(str(name)) for name in frame.columns]
    return Table(path, frame, malformed or [None] * len(frame), {clean_label(name): name for name in pictures})


def read_class_names(path: Path) -> dict[str, list[str]]:
    """Return the classes that the numbers of a Parquet file's columns stand for, as `datasets` stores them."""
    known = json.loads((pq.read_schema(path).metadata or {}).get(b"huggingface", b"{}"))
    features = known.get("info", {}).get("features") or {}
    inner = {name: kind.get("feature", kind) for name, kind in features.items() if isinstance(kind, dict)}
    return {name: kind["names"] for name, kind in inner.items() if isinstance(kind, dict) and "names" in kind}


def _read_parquet(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Return the table without its columns of pictures, and these: all pictures together may not fit into memory."""
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            names = [column.name for column in file.schema_arrow]
            pictures = [column.name for column in file.schema_arrow if _holds_pictures(file, column)]
        frame = pd.read_parquet(path, columns=[name for name in names if name not in pictures] if pictures else None)
        classes = read_class_names(path)
    except (ValueError, LookupError, TypeError, AttributeError, MemoryError, OSError, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(f"{path} cannot be read as parquet: {' '.join(str(error).split())}") from None
    for name in classes.keys() & set(frame.columns):
        frame[name] = pd.Series([_name_classes(cell, classes[name]) for cell in frame[name]], frame.index, dtype=object)
    return frame, pictures


def _holds_pictures(file: pq.ParquetFile, column: pa.Field) -> bool:
    """Return whether a column's first cell that is not empty is bytes that are not text."""
    kind = column.type
    while pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind = kind.value_type
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        kind = kind.field("bytes").type
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        return False
    for batch in file.iter_batches(_PEEKED_ROWS, columns=[column.name]):
        for found in filter(None, (picture_in(cell.as_py()) for cell in batch.column(0))):
            try:
                found.decode("utf-8")
            except UnicodeDecodeError:
                return True
            return False
    return False


def _name_classes(cell: Any, names: list[str]) -> Any:
    """Return the name of a class's number, or of several; null where the number stands for no class (-1)."""
    if isinstance(cell, np.ndarray | list):
        return [_name_classes(one, names) for one in cell]
    return names[int(cell)] if pd.notna(cell) and 0 <= int(cell) < len(names) else None


def _text(cell: Any) -> str | None:
    """Return a cell as stripped text, null where it is empty; whole floats (integers beside gaps) lose their `.0`."""
    if isinstance(cell, dict):  # a picture as Hugging Face stores it
        cell = cell["bytes"] if cell.get("bytes") else cell.get("path", cell)
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8")
    if cell is None or (pd.api.types.is_scalar(cell) and pd.isna(cell)):
        return None
    if isinstance(cell, float | np.floating) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, list | tuple | np.ndarray):
        cell = json.dumps([str(part) for part in cell])
    return readable(str(cell)).strip() or None


def convert_pickle(source: Path, target: Path, allow_pickle: bool) -> None:
    """Write the DataFrame pickled in `source` as the Parquet file `target`.

    Raises:
        DataError: not allowed, no DataFrame, a target that is not .parquet, or columns that Parquet cannot hold.
    """
    if Path(target).suffix.lower() != ".parquet":
        raise DataError(f"the target must end in .parquet, got {target}.")
    table = with_named_index(read_pickle(Path(source), allow_pickle=allow_pickle))
    table.columns = [str(name) for name in table.columns]
    if repeated := sorted(set(table.columns[table.columns.duplicated()])):
        raise DataError(
            f"{source} has several columns named {', '.join(repeated)}; rename or drop all but one of each."
        )
    mixed = [name for name in table.columns if table[name].dtype == object]
    table = table.assign(**{name: [_plain(cell) for cell in table[name]] for name in mixed})
    try:
        with replacing(Path(target)) as partial:
            table.to_parquet(partial, index=False)
    except (pa.ArrowException, ValueError, TypeError) as error:
        kinds = ", ".join(f"{name} ({kind})" for name, kind in table.dtypes.items())
        raise DataError(
            f"{source} has columns that Parquet cannot hold ({error}): turn complex numbers and the like into text or "
            f"several columns first; its columns: {kinds}."
        ) from None


def with_named_index(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose named index, such as the products' ids, is columns like the others."""
    named = [name for name in table.index.names if name is not None and name not in table.columns]
    return table.reset_index(named) if named else table


def read_pickle(path: Path, *, allow_pickle: bool) -> pd.DataFrame:
    """Return the DataFrame pickled in `path`."""
    if not allow_pickle:
        target = path.with_suffix(".parquet")
        raise DataError(
            f"{path} is a pickle, and unpickling runs whatever code is in it. If you trust the file, run "
            f"`bakeoff convert {path} {target}` once, or set `allow_pickle: true` in "
            "the file of conf/dataset/ that names this table."
        )
    try:
        table = pd.read_pickle(path)
    except FileNotFoundError:
        raise DataError(f"{path} is missing.") from None
    except (pickle.UnpicklingError, EOFError, LookupError, AttributeError, ImportError, ValueError, TypeError) as error:
        raise DataError(f"{path} cannot be unpickled here ({type(error).__name__}: {error}).") from None
    if not isinstance(table, pd.DataFrame):
        raise DataError(f"{path} must hold a pandas DataFrame, got {type(table).__name__}.")
    return table


def _plain(cell: object) -> object:
    """Return a cell as text (lists of tokens stay lists), so that a column of mixed types can be stored."""
    if cell is None or (pd.api.types.is_scalar(cell) and bool(pd.isna(cell))):
        return None
    if isinstance(cell, bytes | dict):
        return cell
    return [str(part) for part in cell] if isinstance(cell, list | tuple) else str(cell)
