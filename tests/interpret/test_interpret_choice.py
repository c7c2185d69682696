from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bakeoff.data.predictions import Predictions
from bakeoff.interpret.choice import choose_photos, safe_name


def _predictions(rows):
    table = pd.DataFrame(rows, columns=["product_id", "split", "label_id", "predicted", "p"])
    probabilities = np.zeros((len(table), 3), np.float32)
    for place, row in enumerate(table.itertuples()):
        probabilities[place] = (1 - row.p) / 2
        probabilities[place, row.predicted] = row.p
    return Predictions(table[["product_id", "split", "label_id"]], probabilities, ["a", "b", "c"])


PREDICTIONS = _predictions(
    [
        ("train", "train", 0, 0, 1.0),
        ("a1", "test", 0, 0, 0.99),
        ("a2", "test", 0, 0, 0.98),
        ("b1", "test", 1, 1, 0.70),
        ("a3", "test", 0, 2, 0.60),
        ("c1", "test", 2, 0, 0.90),
        ("c2", "test", 2, 1, 0.95),
    ]
)


def test_most_confident_first_and_across_classes():
    chosen = choose_photos(PREDICTIONS, n_correct=3, n_wrong=3)
    assert [photo.product_id for photo in chosen] == ["a1", "b1", "a2", "c2", "a3", "c1"]
    assert [photo.correct for photo in chosen] == [True] * 3 + [False] * 3
    assert (chosen[0].row, chosen[3].true, chosen[3].predicted) == (1, 2, 1)
    assert chosen[3].probability == pytest.approx(0.95)


def test_one_of_each():
    assert [photo.product_id for photo in choose_photos(PREDICTIONS, n_correct=1, n_wrong=1)] == ["a1", "c2"]


def test_fewer_exist():
    assert len(choose_photos(PREDICTIONS, n_correct=9, n_wrong=0)) == 3


def test_ties_go_by_product_id():
    tied = _predictions([("z", "test", 0, 0, 0.9), ("k", "test", 0, 0, 0.9)])
    assert choose_photos(tied, n_correct=1, n_wrong=0)[0].product_id == "k"


@pytest.mark.parametrize(
    "product_id", ["../../etc/passwd", "a/b", "", ".hidden", "café", "x" * 300, "a b", "nul\0", "a.b"]
)
def test_unsafe_ids_become_safe_names(product_id):
    name = safe_name(product_id)
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
    assert not name.startswith((".", "-"))
    assert 0 < len(name) <= 60


def test_names_differ_where_ids_differ():
    ids = ["a/b", "a_b", "a b", "a?b", "a.b"]
    assert len({safe_name(name) for name in ids}) == len(ids)
    assert safe_name("2d4e-11_A") == "2d4e-11_A"
