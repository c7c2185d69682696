"""What a product of several photos has of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bakeoff.data.table import Catalogue


def test_the_mean_of_photos_is_in_the_order_of_products_whatever_the_order_of_their_names():
    ids, products = ["z", "b", "z#2", "a", "b#2"], ["z", "b", "z", "a", "b"]
    nothing: Any = None
    table = pd.DataFrame({"product_id": ids, "photo_of": products})
    catalogue = Catalogue(table.astype("string"), ["A", "B"], store=nothing, dataset=nothing)
    values = np.array([[1, 10], [2, 20], [3, 30], [4, 40], [6, 60]], dtype=np.float32)
    assert catalogue.by_product().products["product_id"].tolist() == ["z", "b", "a"]
    assert catalogue.mean_of_photos(values).tolist() == [[2, 20], [4, 40], [4, 40]]
    one_each = Catalogue(table[["product_id"]], ["A", "B"], store=nothing, dataset=nothing)
    assert one_each.mean_of_photos(values) is values
