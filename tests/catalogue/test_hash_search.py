"""All pairs of near hashes are found, each as often as need be, whatever way the search cuts them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.catalogue import duplicates
from bakeoff.catalogue.duplicates import find_near

HASHES = st.lists(st.integers(0, 2**64 - 1), max_size=30, unique=True)


def pairs(hashes: np.ndarray, distance: int) -> set[tuple[int, int]]:
    return {(int(i), int(j)) for found in find_near(hashes, distance) for i, j in found}


def all_with_all(hashes: np.ndarray, distance: int) -> set[tuple[int, int]]:
    n = len(hashes)
    return {(i, j) for i in range(n) for j in range(i + 1, n) if (hashes[i] ^ hashes[j]).bit_count() <= distance}


def test_pairs_within_the_distance_by_hand():
    hashes = np.array([0, 0b111, 2**63, 2**63 + 0b1, 0xFF << 20], np.uint64)
    assert pairs(hashes, 0) == set()
    assert pairs(hashes, 1) == {(0, 2), (2, 3)}
    assert pairs(hashes, 3) == {(0, 1), (0, 2), (0, 3), (1, 3), (2, 3)}
    assert (0, 4) in pairs(hashes, 8)


@given(hashes=HASHES, flips=st.lists(st.integers(0, 63), max_size=20), distance=st.integers(0, 20))
def test_no_pair_is_missed(hashes, flips, distance):
    near = {hashes[place % len(hashes)] ^ (1 << bit) for place, bit in enumerate(flips) if hashes}
    values = np.array(sorted({*hashes, *near}), np.uint64)
    assert pairs(values, distance) == all_with_all(values, distance)


@pytest.mark.parametrize("batch", [1, 3, 2**21])
def test_the_size_of_a_batch_changes_nothing(monkeypatch, batch):
    monkeypatch.setattr(duplicates, "_PAIRS", batch)
    rng = np.random.default_rng(0)
    values = np.unique(rng.integers(0, 2**64, 60, dtype=np.uint64) & np.uint64(0xFF00FF00FF00FF))
    assert pairs(values, 9) == all_with_all(values, 9)
    assert len(all_with_all(values, 9)) > 10
