"""What becomes of products that show one picture: groups, copies that are dropped, placeholders, training weights."""

import sys
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.catalogue.duplicates import find_duplicates
from bakeoff.catalogue.ledger import Ledger, reject_rows
from bakeoff.catalogue.params import DatasetParams

_PLACEHOLDER_PRODUCTS, _PLACEHOLDER_LABELS, _PLACEHOLDER_TIMES = 5, 3, 3
_CHAINING_BITS = 12


def settle_duplicates(table: pd.DataFrame, dataset: DatasetParams, ledger: Ledger) -> pd.DataFrame:
    """Give near-duplicates one `group_id`, and drop copies but the first where that is wanted, not recoloured variants.

    So do products that the source says belong together, even where duplicates are kept. What is surely one picture,
    colours compared, is one `cluster`, in which labels that disagree lower each other's weight. The official test
    set loses no copies.
    """
    known = table["group"].fillna(table.index.to_series().map("\0{}".format))
    table["group_id"] = table.index.to_series().groupby(known).transform("min")
    table["cluster"], table["weight"] = table.index, 1.0
    if dataset.duplicates == "keep":
        return table
    if dataset.phash_distance > _CHAINING_BITS:
        _warn(
            f"dataset.phash_distance is {dataset.phash_distance}: above {_CHAINING_BITS} bits, different photos chain "
            "into one group (at 18, 333 of 418 drawings); 4 to 8 is usual"
        )
    table = _reject_placeholders(table, ledger)
    if not len(table):
        return table
    hashes, mirrored = (table[name].to_numpy(np.uint64) for name in ("phash", "mirrored"))
    found = find_duplicates(
        table["digest"].tolist(),
        hashes,
        distance=dataset.phash_distance,
        mirrored=mirrored,
        views=table["views"].tolist(),
        groups=table["group"].tolist(),
    )
    table["group_id"], table["cluster"] = found
    own: Any = table.groupby(["cluster", "label"])["label"].transform("size")
    table["weight"] = own / table.groupby("cluster")["label"].transform("size")  # the share with the product's label
    _warn_of_conflicts(table)
    if dataset.duplicates == "drop":
        is_test = (table["official_split"] == "test").to_numpy()
        order = np.argsort(~is_test, kind="stable")  # a copy of a test photo goes, a test photo never does
        clusters, places = np.unique(found.copies[order], return_index=True)
        first = order[places][np.searchsorted(clusters, found.copies)]
        kept = zip(table["product_id"].iloc[first], table["label"].iloc[first], table["label"], strict=True)
        details = [f"of {name}" + (f", a photo of {label}" if label != own else "") for name, label, own in kept]
        is_copy = (first != np.arange(len(table))) & ~is_test
        table = reject_rows(table, is_copy, "duplicate_image", details, ledger)
        for name in ("group_id", "cluster"):
            table[name] = table.index.to_series().groupby(table[name]).transform("min")
    return table


def _reject_placeholders(table: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Reject photos that stand in for many products of many labels, far more than other repeated photos."""
    counts = table.groupby(["digest", "label"]).size().groupby("digest").agg(["sum", "max", "size"])
    n, repeated = counts["sum"], counts.loc[counts["sum"] > 1, "sum"]
    counts = counts[(n >= _PLACEHOLDER_PRODUCTS) & (counts["size"] >= _PLACEHOLDER_LABELS) & (counts["max"] <= n / 2)]
    usual = [repeated.drop(digest).median() for digest in counts.index]  # NaN where no other is repeated
    least = np.where(np.isnan(usual), len(table) / 100, _PLACEHOLDER_TIMES * np.array(usual))
    counts = counts[counts["sum"] >= least]
    told = {digest: f"one photo is that of {n} products of {k} classes" for digest, n, _, k in counts.itertuples()}
    for detail in told.values():
        _warn(f"{detail}, so they are rejected (reason: placeholder)")
    details = [told.get(digest, "") for digest in table["digest"]]
    return reject_rows(table, table["digest"].isin(told).to_numpy(), "placeholder", details, ledger)


def _warn_of_conflicts(table: pd.DataFrame) -> None:
    """Tell of clusters of the same or nearly the same photo with several labels."""
    n_labels = table.groupby("cluster")["label"].nunique()
    several = n_labels[n_labels > 1]
    if len(several):
        own = table[table["cluster"] == several.index[0]]
        shown = ", ".join(f"{name} ({label})" for label, name in own.groupby("label")["product_id"].first()[:5].items())
        _warn(f"{len(several)} photos, the same or nearly the same, have several labels, for example {shown}")


def _warn(sentence: str) -> None:
    sys.stderr.write(f"bakeoff: WARNING: {sentence}.\n")
