"""Stratified folds of whole groups: the test sets of a k-fold split, and the folds for out-of-fold predictions."""

import hashlib
from collections import Counter
from typing import Any

import pandas as pd


def order_groups(products: pd.DataFrame, seed: int) -> dict[Any, tuple[str, Any]]:
    """Return each group's place in an order of the seed's own, which no other product and no order of rows changes."""
    return {
        group: (hashlib.blake2b(f"{seed}\0{first}".encode(), digest_size=8).hexdigest(), first)
        for group, first in products.groupby("group_id")["product_id"].min().items()
    }


def assign_folds(products: pd.DataFrame, n_folds: int, *, seed: int) -> dict[int, int]:
    """Return the fold of every group: `group_id` to 0 to n_folds - 1.

    Groups of several classes come first, then the largest; each goes to the fold that has least of its classes. So the
    products of a class whose groups are its own differ between folds by its largest group at most, and it lies in
    every fold if it has as many groups. The order of rows does not matter; `seed` is of the order among equals.

    Source: the greedy rule of scikit-learn's StratifiedGroupKFold, with loads per class in place of their variance.
    """
    counts: dict[int, Counter[str]] = {}
    for group, label in sorted(zip(products["group_id"], products["label"], strict=True)):
        counts.setdefault(group, Counter())[label] += 1
    order, totals = order_groups(products, seed), products["label"].value_counts().to_dict()
    loads = {label: [0] * n_folds for label in totals}
    sizes, folds = [0] * n_folds, {}
    for group in sorted(counts, key=lambda group: (-len(counts[group]), -counts[group].total(), order[group])):
        own = counts[group]
        shares = [sum(loads[label][fold] / totals[label] for label in own) for fold in range(n_folds)]
        folds[int(group)] = best = min(range(n_folds), key=lambda fold: (shares[fold], sizes[fold], fold))
        sizes[best] += own.total()
        for label, n in own.items():
            loads[label][best] += n
    return folds
