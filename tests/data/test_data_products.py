"""Products by position: of a packed catalogue, some of it, or photos of a user's own."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from PIL import Image

from bakeoff.core.errors import DataError
from bakeoff.data.photo import as_image
from bakeoff.data.products import Photos, Products, StoredProducts
from numpy_predictor import make_catalogue


@pytest.fixture
def catalogue(tmp_path):
    """Its products lie in another order than their photos in the store."""
    made = make_catalogue(tmp_path)
    table = made.products.iloc[::-1].reset_index(drop=True)
    return type(made)(table, made.labels, made.store, made.dataset)


def shown(products: Products) -> list[bytes]:
    return [products.photo(position).tobytes() for position in range(len(products))]


def test_positions_of_the_catalogue_lead_to_rows_of_the_store(catalogue):
    products = catalogue.at([2, 0, 2])
    assert products.rows.tolist() == [27, 29, 27]
    assert shown(products) == [catalogue.store.read(row).tobytes() for row in (27, 29, 27)]
    assert as_image(products.photo(0)).mode == "RGB"
    assert shown(catalogue.at(catalogue.rows("test"))) == [
        catalogue.store.read(int(row)).tobytes()
        for row in catalogue.products["image"][catalogue.products["split"] == "test"]
    ]


def test_some_of_some_products(catalogue):
    products = catalogue.at(np.arange(10))
    assert shown(products.at([9, 1])) == shown(catalogue.at([9, 1]))
    assert isinstance(products.at([9, 1]), StoredProducts)
    assert len(products.at([])) == len(catalogue.at([])) == 0


def test_they_can_be_sent_to_another_process(catalogue):
    products = catalogue.at([5, 6])
    assert shown(pickle.loads(pickle.dumps(products))) == shown(products)


def test_a_row_that_the_store_lacks_is_told(catalogue):
    with pytest.raises(DataError, match="has rows 0 to 29, got row 30"):
        StoredProducts(catalogue.store, np.array([30])).photo(0)


def test_photos_are_products(catalogue):
    photos = [Image.new("RGB", (20, 16), "teal"), Image.new("RGB", (8, 8), "red")]
    assert len(Photos(photos)) == 2
    assert Photos(photos).photo(1) is photos[1]
    assert shown(Photos([catalogue.at([3]).photo(0)])) == shown(catalogue.at([3]))
