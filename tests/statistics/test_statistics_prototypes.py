"""Prototypes and criticisms: found by hand, and step by step as the paper's formulas have it."""

from __future__ import annotations

import numpy as np
import pytest

from bakeoff.statistics.prototypes import find_criticisms, find_prototypes
from bakeoff.statistics.two_sample import gaussian_kernel

LINE = np.array([[0], [0.1], [-0.1], [10], [10.2], [9.8], [50.0]])


def kernel_of(rows: np.ndarray, width: float = 1.0) -> np.ndarray:
    return np.exp(-((rows[:, None] - rows[None]) ** 2).sum(axis=2) / width)


def test_each_cluster_has_its_middle_and_the_lonely_point_is_what_they_tell_nothing_of():
    kernel = kernel_of(LINE)
    assert find_prototypes(kernel, 2).tolist() == [0, 3]
    assert find_criticisms(kernel, np.array([0, 3]), 1).tolist() == [6]


def test_the_kernel_by_hand():
    found = gaussian_kernel(np.array([[0.0], [1], [3]]))  # squares 1, 9 and 4, their median 4
    np.testing.assert_allclose(found, np.exp([[0, -1 / 4, -9 / 4], [-1 / 4, 0, -1], [-9 / 4, -1, 0]]))
    assert gaussian_kernel(np.array([[5.0, 6.0]])).tolist() == [[1]]
    assert gaussian_kernel(np.ones((3, 2))).tolist() == np.ones((3, 3)).tolist()


def likeness(kernel: np.ndarray, chosen: list[int]) -> float:
    """Equation 3: less the constant, minus the squared discrepancy of all rows and the chosen ones."""
    n, m = len(kernel), len(chosen)
    return 2 / (n * m) * kernel[:, chosen].sum() - kernel[np.ix_(chosen, chosen)].sum() / m**2


def criticism(kernel: np.ndarray, prototypes: list[int], chosen: list[int]) -> float:
    """Equations 4 and 5: the witness function's magnitudes, and the determinant's logarithm."""
    witness = [abs(kernel[:, one].mean() - kernel[prototypes, one].mean()) for one in chosen]
    return sum(witness) + np.linalg.slogdet(kernel[np.ix_(chosen, chosen)])[1]


@pytest.mark.parametrize("seed", range(5))
def test_every_step_takes_the_best_row(seed):
    kernel = kernel_of(np.random.default_rng(seed).normal(size=(14, 3)), width=3.0)
    prototypes = find_prototypes(kernel, 5).tolist()
    assert len({*prototypes}) == 5
    for step in range(5):
        values = [likeness(kernel, [*prototypes[:step], one]) for one in range(14) if one not in prototypes[:step]]
        assert likeness(kernel, prototypes[: step + 1]) == pytest.approx(max(values))
    criticisms = find_criticisms(kernel, np.array(prototypes), 4).tolist()
    assert len({*criticisms, *prototypes}) == 9
    for step in range(4):
        left = {*range(14)} - {*prototypes, *criticisms[:step]}
        values = [criticism(kernel, prototypes, [*criticisms[:step], one]) for one in left]
        assert criticism(kernel, prototypes, criticisms[: step + 1]) == pytest.approx(max(values))


def test_fewer_rows_than_are_wanted():
    kernel = kernel_of(LINE[:3])
    prototypes = find_prototypes(kernel, 5)
    assert sorted(prototypes.tolist()) == [0, 1, 2]
    assert find_criticisms(kernel, prototypes, 2).tolist() == []
    assert find_prototypes(np.ones((1, 1)), 3).tolist() == [0]
    assert find_criticisms(kernel, prototypes[:1], 5).size == 2


def test_copies_do_not_stop_the_search():
    kernel = np.ones((4, 4))
    prototypes = find_prototypes(kernel, 2)
    assert prototypes.tolist() == [0, 1]
    assert find_criticisms(kernel, prototypes, 3).tolist() == [2, 3]
