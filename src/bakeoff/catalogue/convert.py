"""Pickled tables: refused unless allowed in so many words, since unpickling runs code; turned into Parquet once."""

import pickle
from pathlib import Path

import pandas as pd

from bakeoff.core.errors import DataError


def convert_pickle(source: Path, target: Path, allow_pickle: bool) -> None:
    """Write the DataFrame pickled in `source` as the Parquet file `target`.

    Raises:
        DataError: not allowed, no DataFrame, or a target that is no .parquet.
    """
    if Path(target).suffix != ".parquet":
        raise DataError(f"the target must end in .parquet, got {target}.")
    table = read_pickle(Path(source), allow_pickle=allow_pickle)
    table.columns = [str(name) for name in table.columns]
    mixed = [name for name in table.columns if table[name].dtype == object]
    table = table.assign(**{name: [_plain(cell) for cell in table[name]] for name in mixed})
    table.to_parquet(target, index=False)


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
            "conf/dataset/flipkart.yaml (or whichever file there names this table)."
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
    return [str(part) for part in cell] if isinstance(cell, list | tuple) else str(cell)
