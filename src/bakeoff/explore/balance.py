"""How products, and their classes, are distributed over the values of any column."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.catalogue.findings.base import Column, Table
from bakeoff.data.table import source_columns
from bakeoff.records.exploration import ColumnBalance, ValueCount
from bakeoff.report.page.plot import scale_around

VALUES_SHOWN = 250
"""Of a column: all of 196 classes."""
_LAST = ("official_split", "format", "mode")
_NUMBERS_SHOWN, _INTERVALS, _YEARS_FROM = 40, 12, 3


def evenness(counts: Any, n_possible: int) -> float:
    """Return the entropy of counts divided by that of `n_possible` equally frequent values: 0 one value, 1 balanced.

    Source: Pielou 1966, doi:10.1016/0022-5193(66)90013-0: J = H / log(S).
    """
    shares = np.asarray(counts, dtype=float) / np.sum(counts)
    shares = shares[shares > 0]
    return abs(float(shares @ np.log(shares))) / np.log(n_possible) if n_possible > 1 else 0.0


def balances(products: Table) -> tuple[list[ColumnBalance], dict[str, int]]:
    """Return the balance of each column of products.parquet and `split`, and those in which hardly a value comes twice.

    Returns:
        Class and split, what the source alone has, then what every source has; and columns left out, with how many
        values they have. A column of one value is in neither.
    """
    kept = source_columns(products)
    labels, found, left_out = pd.Categorical(products["label"]), list[ColumnBalance](), dict[str, int]()
    for name in ("label", "split", *kept, *_LAST):
        values = pd.Categorical(products[name]) if name == "label" else _grouped(products[name])
        if name in kept and len(values.categories) > len(products) / 2:
            left_out[name] = len(values.categories)
        elif len(values.categories) > 1:
            found.append(_balance(name, values, labels))
    return found, left_out


def _balance(name: str, values: Any, labels: Any) -> ColumnBalance:
    per_class: Table = pd.crosstab(values.codes, labels.codes)  # a row per value, missing ones as -1
    counts: Column = per_class.sum(axis=1)
    known, shown = counts[counts.index >= 0], counts.sort_values(ascending=False, kind="stable")[:VALUES_SHOWN]
    names, rows = {-1: None, **dict(enumerate(map(str, values.categories)))}, list[ValueCount]()
    for code, n in (shown.sort_index() if values.ordered else shown).items():
        own, entropy = per_class.loc[code], evenness(per_class.loc[code], len(labels.categories))
        rows.append(ValueCount(value=names[code], n=int(n), n_classes=int((own > 0).sum()), entropy=entropy))
    measured = {"imbalance": float(known.max() / known.min()), "entropy": evenness(known, len(known))}
    return ColumnBalance(name=name, n_values=len(known), is_ordered=values.ordered, counts=rows, **measured)


def _grouped(column: Column) -> Any:
    """Return values as a Categorical of texts; many numbers as intervals, many days as months or years, in order."""
    texts = column.astype("string").str.strip().replace("", pd.NA)
    known = texts.dropna()
    numbers = pd.to_numeric(known, errors="coerce").astype(float)
    if len(known) and np.isfinite(numbers).all():
        if numbers.nunique() <= _NUMBERS_SHOWN:
            return pd.Categorical(texts, known.loc[numbers.sort_values().index].unique(), ordered=True)
        ticks = scale_around(numbers, 0, 1).ticks(_INTERVALS)
        told = [f"{tick:.12g}" for tick in ticks]
        names = [f"< {told[0]}", *(f"{low} – {high}" for low, high in pairwise(told)), f"≥ {told[-1]}"]
        intervals = pd.cut(numbers, [-np.inf, *ticks, np.inf], right=False, labels=names)
        return pd.Categorical(intervals.reindex(column.index)).remove_unused_categories()
    days = pd.to_datetime(known, errors="coerce", format="ISO8601", utc=True)
    if known.nunique() > _NUMBERS_SHOWN and days.notna().all():
        return pd.Categorical(texts.str[: 4 if days.dt.year.nunique() > _YEARS_FROM else 7], ordered=True)
    return pd.Categorical(texts)
