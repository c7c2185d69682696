from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.core.errors import EvaluationError
from bakeoff.statistics.cliques import indistinguishable
from bakeoff.statistics.seeds import split_variance


def symmetric(n, apart):
    p_values = np.ones((n, n))
    for i, j in apart:
        p_values[i, j] = p_values[j, i] = 0.01
    return p_values


def test_groups_may_share_a_candidate():
    # A is told from C and D, B from D
    found = indistinguishable(list("ABCD"), symmetric(4, [(0, 2), (0, 3), (1, 3)]), 0.05)
    assert found == [["A", "B"], ["B", "C"], ["C", "D"]]


def test_all_alike_is_one_group_and_none_alike_is_no_group():
    assert indistinguishable(list("ABC"), symmetric(3, [])) == [["A", "B", "C"]]
    assert indistinguishable(list("ABC"), symmetric(3, [(0, 1), (0, 2), (1, 2)])) == []
    assert indistinguishable(["A"], np.ones((1, 1))) == []
    assert indistinguishable([], np.ones((0, 0))) == []


def test_a_p_value_of_exactly_alpha_tells_apart():
    assert indistinguishable(["A", "B"], np.array([[1, 0.05], [0.05, 1]]), 0.05) == []


@given(st.integers(1, 7), st.integers(0, 10_000))
def test_groups_are_alike_maximal_and_complete(n, seed):
    upper = np.triu(np.random.default_rng(seed).random((n, n)) < 0.4, 1)
    p_values = symmetric(n, np.argwhere(upper))
    groups = indistinguishable(list(range(n)), p_values)
    runs = [set(range(i, j)) for i in range(n) for j in range(i + 2, n + 1) if not upper[i:j, i:j].any()]
    assert [set(group) for group in groups] == [run for run in runs if not any(run < other for other in runs)]


@pytest.mark.parametrize(
    ("p_values", "message"),
    [
        (np.ones((2, 3)), "every pair"),
        (np.array([[1, np.nan], [np.nan, 1]]), r"lie in \[0, 1\]"),
        (np.array([[1, 2.0], [2.0, 1]]), r"lie in \[0, 1\]"),
        (np.array([[1, 0.1], [0.2, 1]]), "same number"),
    ],
)
def test_cliques_refuse_what_is_no_table_of_p_values(p_values, message):
    with pytest.raises(EvaluationError, match=message):
        indistinguishable(["A", "B"], p_values)


def test_seeds_that_agree_leave_all_to_the_data():
    row = np.repeat([True, False], [6, 4])
    found = split_variance(np.stack([row, row, row]))
    assert (found["n_seeds"], found["n"]) == (3, 10)
    assert found["mean"] == pytest.approx(0.6)
    assert found["sd_seeds"] == 0
    assert found["sd_data"] == pytest.approx(np.sqrt(0.6 * 0.4 / 9))
    assert found["sd_mean"] == pytest.approx(np.sqrt(0.6 * 0.4 / 9))
    assert found["share_data"] == pytest.approx(1)


def test_variance_parts_by_hand():
    # two seeds, four products; seed means 3/4 and 1/4: MS seeds = 4 var(.75, .25) = 0.5
    found = split_variance(np.array([[1, 1, 1, 0], [1, 0, 0, 0]]))
    # product means 1 .5 .5 0: MS products = 2 * (1/6) = 1/3; rest: +-1/4 in every cell: 8/16 over 3 degrees = 1/6
    assert found["sd_seeds"] == pytest.approx(np.sqrt(0.125))
    seed, product, rest = (0.5 - 1 / 6) / 4, (1 / 3 - 1 / 6) / 2, 1 / 6
    data = product / 4 + rest / 8
    assert found["sd_mean"] == pytest.approx(np.sqrt(data + seed / 2))
    assert found["share_data"] == pytest.approx(data / (data + seed / 2))


def test_variance_parts_are_those_of_a_simulation():
    rng, means, told = np.random.default_rng(0), [], []
    for _ in range(400):
        chance = np.clip(rng.beta(4, 2, 200) + rng.normal(0, 0.08, (4, 1)), 0, 1)
        correct = rng.random((4, 200)) < chance
        means.append(correct.mean())
        told.append(split_variance(correct)["sd_mean"])
    assert np.sqrt(np.mean(np.square(told))) == pytest.approx(np.std(means), rel=0.1)


def test_one_seed_or_one_product_cannot_tell():
    one = split_variance(np.array([[True, False, True]]))
    assert one["sd_seeds"] is None
    assert one["sd_mean"] is None
    assert one["sd_data"] == pytest.approx(np.sqrt(2 / 3 * 1 / 3 / 2))
    assert split_variance(np.array([[True], [False]]))["sd_data"] is None
    faultless = split_variance(np.ones((3, 5), dtype=bool))
    assert (faultless["sd_mean"], faultless["share_data"]) == (0, None)


def test_seeds_refuse_bad_arrays():
    for bad in (np.ones(3), np.ones((0, 3))):
        with pytest.raises(EvaluationError, match=r"by seed and product \(S, N\)"):
            split_variance(bad)
    with pytest.raises(EvaluationError, match="other values"):
        split_variance(np.array([[0.5, 1.0]]))


@pytest.mark.slow
def test_the_benchmark_of_this_name_does_not_hide_pythons_module():
    benchmarks = Path(__file__).parents[2] / "benchmarks"
    code = "import statistics; print(statistics.median([1, 2, 4]), statistics.__file__)"
    paths = f"import sys; sys.path[:0] = [{str(benchmarks)!r}, {str(benchmarks.parent / 'src')!r}]; "
    told = subprocess.run([sys.executable, "-c", paths + code], capture_output=True, text=True, check=True).stdout
    assert told.startswith("2 ")
    assert "benchmarks" not in told
