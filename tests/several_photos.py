"""Catalogues whose products have 3, 2 and 1 photos, and the mean over a product's photos by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bakeoff.data.table import Catalogue
from bakeoff.evaluation.params import AutomationParams, EvaluateParams

PHOTOS_PER_CLASS = 18
"""Of a catalogue to make: six of each class in each split, those of three products."""
N_PRODUCTS = {"train": 9, "validation": 9, "test": 9}
PARAMS = EvaluateParams(
    top_k=[2],
    n_bootstrap=100,
    n_bootstrap_ece=100,
    calibration_bins=5,
    automation=AutomationParams(precision=0.9),
)


def with_several_photos(catalogue: Catalogue) -> Catalogue:
    """Return a catalogue of 54 photos, whose classes take turns, as one of 27 products."""
    number = np.arange(54)
    place = number // 3  # within its class
    first = number - 3 * np.array([0, 1, 2, 0, 1, 0])[place % 6]
    known = {"photo_of": [f"p{one}" for one in first], "group_id": first}
    splits = np.array(["train", "validation", "test"])[place // 6]
    return replace(catalogue, products=catalogue.products.assign(split=splits, **known))


def mean_by_product(catalogue: Catalogue, values: np.ndarray) -> dict[str, np.ndarray]:
    """Return the mean of the rows (54, K) of each product, by its id, in the order of the catalogue."""
    found: dict[str, list[np.ndarray]] = {}
    for product, row in zip(catalogue.products["photo_of"], values, strict=True):
        found.setdefault(product, []).append(row)
    assert sorted(map(len, found.values())) == [1] * 9 + [2] * 9 + [3] * 9
    return {product: np.mean(rows, axis=0) for product, rows in found.items()}
