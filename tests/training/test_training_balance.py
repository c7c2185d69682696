"""Which rows an epoch holds, and what SMOTE, ADASYN and Tomek links make of features: numbers by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from bakeoff.core.errors import TrainingError
from bakeoff.core.modes import parse_mode
from bakeoff.core.seeding import derive_seed
from bakeoff.learning.balance import BalanceParams, check_class_sizes, class_targets
from bakeoff.learning.recipe import recipe_problem
from bakeoff.records.recipe import HeadParams
from training.conftest import recipe

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

LABELS = np.array([0] * 6 + [1] * 4 + [3] * 1)


def balance(name: str, **params: Any) -> Any:
    return TypeAdapter(BalanceParams).validate_python({"name": name} | params if params else name)


def rows_of(params: Any, *, labels: np.ndarray = LABELS, seed: int = 0, epoch: int = 1) -> np.ndarray:
    from bakeoff.training.balance import epoch_rows

    rows = epoch_rows(labels, seed, epoch, params)
    assert rows.dtype == np.int64
    return rows


@pytest.mark.parametrize("name", ["none", "smote", "adasyn", "tomek"])
def test_without_a_balance_the_order_is_todays(name: str) -> None:
    for seed, epoch, n in ((0, 1, 11), (3, 7, 1), (1, 2, 0), (2**31, 1, 500)):
        found = rows_of(balance(name), labels=np.zeros(n, np.int64), seed=seed, epoch=epoch)
        generator = torch.Generator().manual_seed(derive_seed(seed, "order", epoch))
        assert found.tolist() == torch.randperm(n, generator=generator).tolist()


@pytest.mark.parametrize(
    ("name", "target", "expected"),
    [
        ("oversample", None, {0: [1] * 6, 1: [1, 1, 2, 2], 3: [6]}),
        ("oversample", 5, {0: [1] * 6, 1: [1, 1, 1, 2], 3: [5]}),
        ("undersample", None, {0: [1], 1: [1], 3: [1]}),
        ("undersample", 3, {0: [1] * 3, 1: [1] * 3, 3: [1]}),
        ("resample", None, {0: [1] * 4, 1: [1] * 4, 3: [4]}),  # 11 rows of three classes
        ("resample", 5, {0: [1] * 5, 1: [1, 1, 1, 2], 3: [5]}),
    ],
)
def test_classes_reach_their_target_by_hand(name: str, target: int | None, expected: dict[int, list[int]]) -> None:
    params = balance(name, target_per_class=target)
    rows = rows_of(params)
    times = np.bincount(rows, minlength=len(LABELS))
    found = {label: sorted(n for n in times[label == LABELS].tolist() if n) for label in expected}
    assert found == expected
    assert class_targets(LABELS, params) == {label: sum(n) for label, n in expected.items()}
    assert rows.tolist() == rows_of(params).tolist()
    others = [rows_of(params, epoch=epoch).tolist() for epoch in range(2, 20)]
    assert {len(other) for other in others} == {len(rows)}
    assert rows.tolist() not in others[:1]
    seen = {row for other in others for row in other}
    assert seen == set(range(len(LABELS)))  # undersampling leaves out other rows each time


def test_classes_are_not_left_in_blocks() -> None:
    labels = np.repeat([0, 1], [300, 100])
    drawn = labels[rows_of(balance("oversample"), labels=labels)]
    assert 120 < drawn[:300].sum() < 180  # 150 expected, standard deviation 6


def test_the_weighted_sampler_draws_every_class_as_often() -> None:
    labels = np.repeat([0, 1, 3], [9000, 900, 100])
    rows = rows_of(balance("weighted_sampler"), labels=labels)
    assert len(rows) == 10000
    # a third each: standard deviation sqrt(10000 · 1/3 · 2/3) = 47
    assert np.bincount(labels[rows])[[0, 1, 3]] == pytest.approx([10000 / 3] * 3, abs=200)
    assert len(np.unique(rows[labels[rows] == 3])) == 100
    # with replacement: of 9000 rows drawn 3333 times, 9000 · (1 - e^(-1/2.7)) = 2786 ± 20 differ
    assert len(np.unique(rows[labels[rows] == 0])) == pytest.approx(2786, abs=100)
    assert rows.tolist() == rows_of(balance("weighted_sampler"), labels=labels).tolist()
    assert rows.tolist() != rows_of(balance("weighted_sampler"), labels=labels, epoch=2).tolist()
    assert rows.tolist() != rows_of(balance("weighted_sampler"), labels=labels, seed=1).tolist()
    assert rows_of(balance("weighted_sampler"), labels=labels[:0]).tolist() == []


def line(*groups: tuple[int, list[float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features on a line, (N, 1), their labels, and weights 0.5."""
    labels = np.repeat([label for label, _ in groups], [len(places) for _, places in groups])
    features = np.array([place for _, places in groups for place in places], np.float32)[:, None]
    return features, labels, np.full(len(labels), 0.5, np.float32)


def resampled(data: tuple[np.ndarray, np.ndarray, np.ndarray], params: Any, *, seed: int = 0) -> tuple[Any, ...]:
    from bakeoff.training.balance import resample_features

    found = resample_features(*data, params, seed)
    assert [part.dtype.name for part in found] == ["float32", "int64", "float32", "int64"]
    assert len({len(part) for part in found}) == 1
    return found


MIXED = line((0, [float(n) for n in range(12)]), (1, [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]))


@pytest.mark.parametrize(("target", "n_new"), [(None, 6), (8, 2), (20, 22), (6, 0)])
def test_smote_makes_rows_between_neighbours_of_a_class(target: int | None, n_new: int) -> None:
    params = balance("smote", target_per_class=target)
    features, labels, weights, rows = resampled(MIXED, params)
    n = len(MIXED[1])
    assert len(labels) == n + n_new
    assert features[:n].tolist() == MIXED[0].tolist()
    assert rows.tolist() == [*range(n), *[-1] * n_new]
    assert weights.tolist() == [0.5] * n + [1] * n_new
    new = features[n:][labels[n:] == 1]
    assert ((new >= 0.5) & (new <= 5.5)).all()
    again = resampled(MIXED, params)
    assert all(
        np.array_equal(left, right) for left, right in zip((features, labels, weights, rows), again, strict=True)
    )
    if n_new:
        assert not np.array_equal(features, resampled(MIXED, params, seed=1)[0])


def test_adasyn_makes_rows_where_the_other_class_is_near() -> None:
    # Class 1: six rows far from class 0, and one between its rows, whose neighbours alone are of class 0.
    data = line((0, [float(n) for n in range(20)]), (1, [9.5, 100, 101, 102, 103, 104, 105]))
    features, labels, weights, rows = resampled(data, balance("adasyn"))
    assert np.bincount(labels).tolist() == [20, 20]
    assert rows[27:].tolist() == [-1] * 13
    assert weights[27:].tolist() == [1] * 13
    # all of the density lies on 9.5: each new row is between it and one of its five nearest, 100 to 104
    assert ((features[27:] >= 9.5) & (features[27:] <= 104)).all()
    assert features.tolist() == resampled(data, balance("adasyn"))[0].tolist()


def test_adasyn_without_a_neighbour_of_another_class_says_so() -> None:
    apart = line((0, [float(n) for n in range(12)]), (1, [100.0, 101, 102, 103, 104, 105]))
    with pytest.raises(
        TrainingError, match=r"around class number 1 the 5 nearest rows are all of its own; set balance: s"
    ):
        resampled(apart, balance("adasyn"))


def test_adasyns_shares_may_all_round_to_none() -> None:
    # one row is asked for, and six have a third of it or less
    found = resampled(line((0, [float(n) for n in range(7)]), (1, [n + 0.5 for n in range(6)])), balance("adasyn"))
    assert np.bincount(found[1]).tolist() == [7, 6]


def test_tomek_links_lose_the_row_of_the_larger_class() -> None:
    data = line((0, [0, 1, 2, 10]), (1, [10.1, 20, 20.5]))
    features, labels, weights, rows = resampled(data, balance("tomek"))
    assert rows.tolist() == [0, 1, 2, 4, 5, 6]  # 10 and 10.1 are each other's nearest; 10 is of the larger class
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert features.ravel().tolist() == pytest.approx([0, 1, 2, 10.1, 20, 20.5])
    assert weights.tolist() == [0.5] * 6


def test_tomek_links_leave_no_class_without_rows() -> None:
    data = line((0, [0, 1, 2, 3, 4, 5, 6]), (1, [20.1, 40]), (2, [20.0]))
    assert resampled(data, balance("tomek"))[3].tolist() == [*range(7), 8, 9]
    lone = line((0, [0, 1, 2, 3, 4, 5, 6]), (1, [20.1, 20.2]), (2, [40.1]), (3, [40.0]))
    assert resampled(lone, balance("tomek"))[3].tolist() == list(range(11))  # class 2 is smallest, 3 would vanish


@pytest.mark.parametrize("name", ["none", "weighted_sampler", "oversample", "undersample", "resample"])
def test_what_draws_rows_leaves_features_as_they_are(name: str) -> None:
    for found, given in zip(resampled(MIXED, balance(name)), (*MIXED, np.arange(18)), strict=True):
        assert np.array_equal(found, given)


def test_a_balance_that_needs_features_is_refused_for_photos() -> None:
    head = HeadParams(hidden=[], batch_norm=False, dropout=0.2)
    frozen, finetune = parse_mode("frozen"), parse_mode("finetune")
    for name in ("none", "weighted_sampler", "oversample", "undersample", "resample"):
        assert recipe_problem(recipe(balance=name), finetune, head) is None
    for name in ("smote", "adasyn", "tomek"):
        assert recipe_problem(recipe(balance=name), frozen, head) is None
        for refused, mode in ((recipe(balance=name), finetune), (recipe(balance=name, augment="flip"), frozen)):
            told = f"balance is {name}, which needs cached features, but {mode.name} learns"
            assert str(recipe_problem(refused, mode, head)).startswith(told)


def test_a_class_too_small_for_neighbours_is_named() -> None:
    names, labels = ["car", "bus", "tram"], np.repeat([0, 1, 2], [9, 5, 6])
    for name in ("smote", "adasyn"):
        with pytest.raises(TrainingError, match=r"needs 6 train rows .* class 'bus' has 5; choose oversample"):
            check_class_sizes(balance(name), labels, names)
        check_class_sizes(balance(name), labels[labels != 1], names)
        check_class_sizes(balance(name, target_per_class=5), labels, names)  # no new row of bus is asked for
        with pytest.raises(TrainingError, match="all train rows are of one class"):
            check_class_sizes(balance(name, target_per_class=20), labels[:9], names)
    for name in ("tomek", "oversample", "none"):
        check_class_sizes(balance(name), labels, names)


def test_unknown_balances_and_targets_below_one_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"'none', 'weighted_sampler', 'tomek', 'oversample', .* 'adasyn'"):
        balance("rose")
    for name in ("oversample", "undersample", "resample", "smote", "adasyn"):
        with pytest.raises(ValidationError, match="greater than or equal to 1"):
            balance(name, target_per_class=0)
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        balance("tomek", target_per_class=3)
