from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bakeoff.data.predictions import Predictions
from bakeoff.interpret.photos import KINDS, choose_photos, safe_name


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


def choose(predictions=PREDICTIONS, *, n_shared=0, max_shared=None, **n_own):
    return choose_photos(predictions, n_shared=n_shared, max_shared=max_shared, n_own=dict.fromkeys(KINDS, 0) | n_own)


def ids(chosen):
    return [photo.product_id for photo in chosen]


def test_the_surest_and_the_least_sure_of_each_class_in_turn():
    assert ids(choose(right_sure=3)) == ["a1", "b1", "a2"]
    assert ids(choose(right_unsure=2)) == ["b1", "a2"]
    assert ids(choose(wrong_sure=2)) == ["c2", "a3"]
    assert ids(choose(wrong_unsure=2)) == ["a3", "c1"]
    wrong = choose(wrong_sure=1)[0]
    assert (wrong.row, wrong.true, wrong.predicted, wrong.counter, wrong.kind) == (6, 2, 1, 2, "wrong_sure")


def test_the_class_that_might_have_been_is_the_true_one_or_the_second():
    rows = _predictions([("w", "test", 1, 0, 0.9), ("r", "test", 0, 0, 0.9)])
    rows.probabilities[1] = (0.6, 0.1, 0.3)
    assert [photo.counter for photo in choose(rows, wrong_sure=1, right_sure=1)] == [2, 1]


def test_no_photo_is_explained_twice():
    chosen = choose(n_shared=9, right_sure=3, wrong_sure=3)
    assert sorted(ids(chosen)) == sorted(["a1", "a2", "b1", "a3", "c1", "c2"])
    assert {photo.kind for photo in chosen} == {"shared"}
    assert len(set(ids(choose(right_sure=2, right_unsure=2)))) == 3


def test_every_candidate_shares_the_same_photos_whatever_it_predicts():
    rows = [(f"p{place}", "test", place % 3) for place in range(30)]
    generator = np.random.default_rng(0)
    candidates = [
        _predictions([(*row, int(generator.integers(3)), float(generator.uniform(0.4, 1))) for row in rows])
        for _ in range(5)
    ]
    shared = [ids(choose(one, n_shared=2, max_shared=4)) for one in candidates]
    assert len({tuple(names) for names in shared}) == 1
    assert len(shared[0]) == 4
    classes = [int(name[1:]) % 3 for name in shared[0]]
    assert set(classes[:3]) == {0, 1, 2}, "a photo of each class before a second one of any"
    more = candidates[0].products.assign(split="train")
    joined = pd.concat([more.assign(product_id=more["product_id"] + "x"), candidates[0].products], ignore_index=True)
    grown = Predictions(joined, np.tile(candidates[0].probabilities, (2, 1)), ["a", "b", "c"])
    assert ids(choose(grown, n_shared=2, max_shared=4)) == shared[0], "other products change nothing"


def test_fewer_exist():
    assert len(choose(right_sure=9)) == 3
    assert choose(_predictions([("only", "train", 0, 0, 1.0)]), n_shared=1, right_sure=1) == []


def test_ties_go_by_product_id():
    tied = _predictions([("z", "test", 0, 0, 0.9), ("k", "test", 0, 0, 0.9)])
    assert ids(choose(tied, right_sure=1)) == ["k"]


@pytest.mark.parametrize(
    "product_id", ["../../etc/passwd", "a/b", "", ".hidden", "café", "x" * 300, "a b", "nul\0", "a.b"]
)
def test_unsafe_ids_become_safe_names(product_id):
    name = safe_name(product_id)
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
    assert not name.startswith((".", "-"))
    assert 0 < len(name) <= 60


def test_names_differ_where_ids_differ():
    names = ["a/b", "a_b", "a b", "a?b", "a.b"]
    assert len({safe_name(name) for name in names}) == len(names)
    assert safe_name("2d4e-11_A") == "2d4e-11_A"
