"""Nearest train neighbours: by hand, across blocks, and what is refused."""

import numpy as np
import pytest

from bakeoff.core.errors import DataError
from bakeoff.data import neighbours
from bakeoff.data.neighbours import nearest_train_neighbours


def test_the_nearest_by_angle_whatever_the_length_and_of_equals_the_first():
    train = np.array([[5, 0], [0, 1], [-1, 0], [0, 3]], dtype=np.float32)
    test = np.array([[2, 0], [3, 4], [0, 0]], dtype=np.float32)
    index, similarity = nearest_train_neighbours(test, train)
    assert (index.dtype, similarity.dtype) == (np.int64, np.float32)
    assert index.tolist() == [0, 1, 0]
    assert similarity.tolist() == pytest.approx([1, 0.8, 0])


def test_blocks_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    test, train = rng.normal(size=(23, 5)).astype(np.float32), rng.normal(size=(41, 5)).astype(np.float32)
    train[30] = train[7]  # in another block
    cosine = (test @ train.T) / np.linalg.norm(test, axis=1)[:, None] / np.linalg.norm(train, axis=1)
    monkeypatch.setattr(neighbours, "_BLOCK", 6)
    index, similarity = nearest_train_neighbours(test, train)
    assert index.tolist() == cosine.argmax(axis=1).tolist()
    assert similarity == pytest.approx(cosine.max(axis=1), abs=1e-6)


@pytest.mark.parametrize(("test", "train"), [((2, 3), (2, 4)), ((2, 3), (0, 3)), ((2,), (2,))])
def test_shapes_that_do_not_fit_are_refused(test, train):
    with pytest.raises(DataError, match=r"must be \(N, D\) and \(M, D\), M at least 1; got"):
        nearest_train_neighbours(np.zeros(test, dtype=np.float32), np.zeros(train, dtype=np.float32))
