"""Pickled tables: refused unless allowed in so many words, since unpickling runs code; turned into Parquet once."""

import pickle
from pathlib import Path

import pandas as pd
import pyarrow as pa

from bakeoff.core.errors import DataError
from bakeoff.core.files import replacing


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
    """Return the DataFrame pickled in `path`.

    Raises:
        DataError: `allow_pickle` is false, or the file holds no DataFrame.
    """
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
