"""Nested shares of the train split: each holds the smaller ones, with every class in proportion and groups whole."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bakeoff.catalogue.folds import order_groups


def nested_shares(products: pd.DataFrame, shares: Sequence[float], *, seed: int) -> list[np.ndarray]:
    """Return the groups in each share of the products, int64; all of them in 1.

    The groups of a class are put into an order of the seed's own, and a group is in the share if less than the share
    of its class comes before it. So the first group of every class is in every share, and a class exceeds its share by
    one group at most, save where a group holds several classes.

    Args:
        products: `product_id`, `label_id` and `group_id`, one row per product; the order of rows does not matter.
        shares: each above 0 and at most 1.
        seed: of the order.
    """
    table = products[["product_id", "label_id", "group_id"]].copy()
    table["order"] = table["group_id"].map(order_groups(products, seed))
    table = table.sort_values(["order", "product_id"])
    by_class = table.groupby("label_id")["group_id"]
    before = (by_class.cumcount() / by_class.transform("size")).groupby(table["group_id"]).min()
    return [before.index.to_numpy(np.int64)[before.to_numpy() < share] for share in shares]
