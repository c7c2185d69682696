from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.statistics.binning import equal_mass_bins


def test_bins_by_hand():
    assert equal_mass_bins(np.array([0.5, 0.1, 0.9, 0.3, 0.7]), 2).tolist() == [0, 0, 1, 0, 1]  # three and two
    assert equal_mass_bins(np.array([0.2, 0.2, 0.2, 0.2, 0.9, 0.1]), 3).tolist() == [1, 1, 1, 1, 2, 0]
    assert equal_mass_bins(np.full(100, 0.7), 10).tolist() == [4] * 100
    assert equal_mass_bins(np.array([0.3]), 15).tolist() == [0]


@given(st.lists(st.integers(0, 20), min_size=1, max_size=80), st.integers(1, 20))
def test_equal_values_share_a_bin_and_bins_ascend(values, n_bins):
    bins = equal_mass_bins(np.array(values) / 20, n_bins)
    assert len(set(zip(values, bins.tolist(), strict=True))) == len(set(values))
    assert (np.diff(bins[np.argsort(values, kind="stable")]) >= 0).all()
    assert bins.max() < n_bins


@given(st.integers(1, 200), st.integers(1, 20))
def test_distinct_values_fill_bins_evenly(n, n_bins):
    values = np.random.default_rng(n).permutation(n)
    wanted = [len(part) for part in np.array_split(values, n_bins)]
    assert np.bincount(equal_mass_bins(values, n_bins), minlength=n_bins).tolist() == wanted
