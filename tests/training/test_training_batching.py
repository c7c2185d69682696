"""Cutting rows into batches, by hand; both frameworks use it."""

from __future__ import annotations

import numpy as np
import pytest

from bakeoff.data.batching import batch_slice, n_batches, split_batches


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "sizes"),
    [
        (7, 3, [3, 4]),  # 3 + 3 + 1: the single row joins
        (8, 3, [3, 3, 2]),
        (6, 3, [3, 3]),
        (1, 3, [1]),  # nothing to join
        (3, 1, [1, 1, 1]),  # asked for one by one
        (4, 2, [2, 2]),
        (5, 2, [2, 3]),
        (0, 3, []),
    ],
)
def test_sizes(n_rows: int, batch_size: int, sizes: list[int]) -> None:
    batches = split_batches(np.arange(n_rows), batch_size)
    assert [len(batch) for batch in batches] == sizes
    assert n_batches(n_rows, batch_size) == len(sizes)
    assert [row for batch in batches for row in batch] == list(range(n_rows))


def test_a_slice_of_the_order() -> None:
    assert [batch_slice(index, 7, 3) for index in (0, 1)] == [slice(0, 3), slice(3, 7)]
