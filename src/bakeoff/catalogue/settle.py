"""What becomes of products: grouped, weighted or left out by the picture they share; none goes without a reason."""

import sys
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.catalogue.duplicates import find_duplicates
from bakeoff.catalogue.params import DatasetParams, PrepareParams
from bakeoff.catalogue.sources.base import RawProduct
from bakeoff.core.errors import DataError
from bakeoff.core.names import readable
from bakeoff.data.decode import Rejection
from bakeoff.data.table import SPLITS, count_values

_PLACEHOLDER_PRODUCTS, _PLACEHOLDER_LABELS, _PLACEHOLDER_TIMES = 5, 3, 3
_CHAINING_BITS = 12


class Ledger(list[tuple[str, ...]]):
    """What `prepare` has rejected so far, for rejected.csv: product id, image, label, reason and detail."""

    def reject(self, product: RawProduct, refusal: Rejection) -> None:
        """Note that a product is left out, and why."""
        row = (product.product_id, product.shown_image, product.label or "", refusal.reason, refusal.detail)
        self.append(tuple(map(readable, row)))

    def reasons(self) -> dict[str, int]:
        """Return how many were rejected for each reason, the most frequent first."""
        return count_values(pd.Series([row[3] for row in self], dtype=object))


def reject_rows(
    table: pd.DataFrame, refused: np.ndarray, reason: str, details: list[str], ledger: Ledger
) -> pd.DataFrame:
    """Reject the rows where `refused` (N,) bool is true, each with its detail, and return the others, renumbered."""
    for position in np.flatnonzero(refused):
        row = table.iloc[position]
        ledger.reject(RawProduct(*row[["product_id", "image_path", "label"]]), Rejection(reason, details[position]))
    return table.iloc[np.flatnonzero(~refused)].reset_index(drop=True)


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
    digests, views, groups = (table[name].tolist() for name in ("digest", "views", "group"))
    near = dataset.phash_distance
    found = find_duplicates(digests, hashes, distance=near, mirrored=mirrored, views=views, groups=groups)
    table["group_id"], table["cluster"] = found
    own: Any = table.groupby(["cluster", "label"])["label"].transform("size")
    table["weight"] = own / table.groupby("cluster")["label"].transform("size")  # the share with the product's label
    n_labels = table.groupby("cluster")["label"].nunique()
    if len(several := n_labels[n_labels > 1]):
        first = table[table["cluster"] == several.index[0]].groupby("label")["product_id"].first()
        shown = ", ".join(f"{name} ({label})" for label, name in first[:5].items())
        _warn(f"{len(several)} photos, the same or nearly the same, have several labels, for example {shown}")
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


def settle_small_classes(table: pd.DataFrame, params: PrepareParams, ledger: Ledger, *, at_least: int) -> pd.DataFrame:
    """Reject classes with fewer than `at_least` products; as params say, those with fewer groups than splits."""
    sizes = np.asarray(table.groupby("label")["product_id"].transform("nunique"))
    details = [f"{n} products, dataset.min_class_size is {at_least}" for n in sizes]
    table = reject_rows(table, sizes < at_least, "class_too_small", details, ledger)
    n_groups = table.groupby("label")["group_id"].nunique()
    small = n_groups[n_groups < len(SPLITS)]
    if len(small) and params.class_too_small == "error":
        listed = ", ".join(f"{label!r} ({n})" for label, n in small.items())
        raise DataError(
            f"every class needs at least {len(SPLITS)} different photos, one for each split; too small: {listed}. "
            "Add photos, list the class in dataset.exclude_labels, or set prepare.class_too_small: reject."
        )
    details = [f"{small.get(label)} different photos, {len(SPLITS)} needed" for label in table["label"]]
    return reject_rows(table, table["label"].isin(list(small.index)).to_numpy(), "class_too_small", details, ledger)


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


def _warn(sentence: str) -> None:
    sys.stderr.write(f"bakeoff: WARNING: {sentence}.\n")
