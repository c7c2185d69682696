from __future__ import annotations

import numpy as np
import pytest

from bakeoff.decision.outcomes import Outcomes
from bakeoff.decision.pairs import pair_gains

pytestmark = pytest.mark.torch


def answers(predicted, n_labels=3):
    return (np.eye(n_labels, dtype=np.float32) * 0.7 + 0.1)[np.array(predicted)]


SIDES = "cnn-frozen", "tfidf-original"
NAME = "cnn-frozen+tfidf-original-mean"
TRUE = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
FIRST = [0, 0, 0, 1, 1, 1, 2, 2, 2, 0]  # wrong at 3, 6, 7, 9
SECOND = [0, 1, 1, 1, 1, 2, 1, 1, 0, 0]  # wrong at 1, 2, 3, 5, 8, 9
PAIR = [0, 0, 0, 1, 1, 1, 1, 1, 2, 1]  # wrong at 3, 9


def gain(first, second, fused, true=TRUE, groups=None):
    """What a pair gains by its sides' and its own predicted classes, (N,) or (S, N)."""
    predicted = {name: np.atleast_2d(one) for name, one in zip((*SIDES, NAME), (first, second, fused), strict=True)}
    probabilities = {name: [answers(row) for row in one] for name, one in predicted.items()}
    outcomes = Outcomes(np.asarray(true), 3, predicted, probabilities, groups=groups)
    (found,) = pair_gains(outcomes, n_resamples=500)
    return found


@pytest.fixture(scope="module")
def found():
    return gain(FIRST, SECOND, PAIR)


def test_accuracies_and_what_no_choice_can_exceed(found):
    assert (found.accuracy_first, found.accuracy_second, found.accuracy) == (0.6, 0.4, 0.8)
    assert found.accuracy_oracle == 0.8  # both are wrong at 3 and 9
    assert (found.better, found.first, found.second) == (SIDES[0], *SIDES)


def test_phi_of_the_mistakes_by_hand(found):
    # both right 2 (0, 4), first alone 4 (1, 2, 5, 8), second alone 2 (6, 7), neither 2 (3, 9)
    assert found.error_correlation == pytest.approx((2 * 2 - 4 * 2) / np.sqrt(6 * 4 * 4 * 6))


def test_mcnemar_against_the_better_side_by_hand(found):
    assert (found.b, found.c, found.test) == (2, 0, "mcnemar_exact")
    assert found.p_value == pytest.approx(0.5)
    assert found.difference == pytest.approx(0.2)
    assert found.low <= 0.2 <= found.high


def test_classes_come_with_what_they_gain(found):
    assert [one.label_id for one in found.classes] == [2, 1, 0]
    gained = found.classes[1]
    # class 1: of 4 products 2 are found and 1 of class 0 is taken for it, then 4 and 2
    assert (gained.n, gained.before, gained.after) == (4, pytest.approx(4 / 7), pytest.approx(8 / 10))
    assert {one.label_id: one.verdict for one in found.classes}[2] == "undecided"
    for one in found.classes:
        assert one.low <= one.after - one.before <= one.high


def test_confusions_that_went_and_came(found):
    assert [(one.true, one.predicted, one.before, one.after) for one in found.removed] == [(1, 2, 2, 0), (2, 0, 1, 0)]
    assert [(one.true, one.predicted, one.before, one.after) for one in found.added] == [(2, 1, 0, 1)]


def test_what_is_surely_gained_and_lost_is_told():
    true = np.repeat([0, 1, 2], 60)
    first, second = np.where(true == 0, 1, true), np.zeros(180, dtype=np.int64)
    fused = np.where(true == 2, 1, true)
    found = gain(first, second, fused, true)
    assert {one.label_id: one.verdict for one in found.classes}[0] == "gains"
    assert {one.label_id: one.verdict for one in found.classes}[2] == "loses"
    assert found.error_correlation == pytest.approx(-1)  # each is right where the other is wrong


def test_the_second_side_may_be_the_better_and_exchanging_them_changes_names_alone(found):
    turned = gain(SECOND, FIRST, PAIR)
    assert turned.better == SIDES[1]
    names = {"better", "accuracy_first", "accuracy_second"}
    assert turned.model_dump(exclude=names) == found.model_dump(exclude=names)


def test_a_side_that_is_always_right_has_no_correlation():
    found = gain(TRUE, SECOND, PAIR)
    assert found.error_correlation is None
    assert found.difference == pytest.approx(-0.2)


def test_products_that_belong_together_count_as_such(found):
    grouped = gain(FIRST, SECOND, PAIR, groups=np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]))
    assert grouped.test == "sign_flip_exact"
    assert grouped.p_value == pytest.approx(1.0)  # both products that differ are in one group
    assert (grouped.accuracy, grouped.b) == (found.accuracy, found.b)


def test_seeds_are_averaged_where_all_three_have_as_many(found):
    doubled = gain(np.stack([FIRST, FIRST]), np.stack([SECOND, SECOND]), np.stack([PAIR, PAIR]))
    assert (found.n_seeds, doubled.n_seeds) == (1, 2)
    assert doubled.removed == found.removed
    names = {"accuracy_first", "accuracy_second", "accuracy", "accuracy_oracle", "difference"}
    assert doubled.model_dump(include=names) == pytest.approx(found.model_dump(include=names))


@pytest.mark.parametrize("n_seeds", [0, 2])
def test_a_pair_whose_side_has_no_result_or_another_number_of_them_is_left_out(n_seeds):
    predicted = {name: np.array([PAIR]) for name in (SIDES[0], NAME)}
    if n_seeds:
        predicted[SIDES[1]] = np.stack([SECOND] * n_seeds)
    outcomes = Outcomes(TRUE, 3, predicted, {name: [answers(PAIR)] for name in predicted})
    assert pair_gains(outcomes, n_resamples=500) == []
