from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.decision.pareto import pareto_front
from bakeoff.report.labels import place_labels
from bakeoff.statistics.wilson import wilson_interval


def test_interval_of_81_of_263():
    # Newcombe (1998), table I: 81/263 by the score method without continuity correction
    low, high = wilson_interval(81 / 263, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_interval_of_nobody_is_the_closed_form():
    # p = 0: the upper end is z^2 / (n + z^2) = 3.8415 / 13.8415 for n = 10
    low, high = wilson_interval(0.0, 10)
    assert low == pytest.approx(0.0, abs=1e-15)
    assert high == pytest.approx(0.277533, abs=1e-6)


def test_interval_at_accuracy_one_stays_below_one_and_without_products_is_everything():
    low, high = wilson_interval(1.0, 10)
    assert (round(low, 6), round(high, 6)) == (0.722467, 1.0)
    assert wilson_interval(0.7, 0) == (0.0, 1.0)


@given(st.integers(1, 500), st.floats(0, 1))
def test_interval_holds_the_accuracy(n, accuracy):
    low, high = wilson_interval(accuracy, n)
    assert 0 <= low <= accuracy + 1e-12
    assert accuracy - 1e-12 <= high <= 1


def test_front_by_hand():
    # (10, .80) and (20, .90) and (40, .95) are on it; (20, .85) loses to (20, .90); (50, .95) to (40, .95)
    front = pareto_front([10, 20, 20, 40, 50], [0.80, 0.90, 0.85, 0.95, 0.95])
    assert front.tolist() == [True, True, False, True, False]


def test_front_keeps_equal_points_and_leaves_out_the_unknown():
    assert pareto_front([5, 5, np.nan, 4], [0.9, 0.9, 1.0, np.nan]).tolist() == [True, True, False, False]
    assert pareto_front([], []).tolist() == []


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12))
def test_every_point_off_the_front_is_beaten_by_one_on_it(points):
    front = pareto_front([cost for cost, _ in points], [gain for _, gain in points])
    assert front.any()
    kept = [point for point, keep in zip(points, front, strict=True) if keep]
    for (cost, gain), keep in zip(points, front, strict=True):
        beaten = any(c <= cost and g >= gain and (c, g) != (cost, gain) for c, g in kept)
        assert beaten != keep


def boxes_overlap(a, b) -> bool:
    return bool((a[:2] < b[2:]).all() and (b[:2] < a[2:]).all())


def test_labels_cover_neither_each_other_nor_points_nor_leave_the_axes():
    generator = np.random.default_rng(0)
    points = np.column_stack([generator.uniform(100, 900, 15), generator.uniform(80, 520, 15)])
    points[1] = points[0] + [2, 14]  # a candidate in its two modes: nearly the same time
    sizes = np.tile([120.0, 12.0], (15, 1))
    corners = place_labels(points, sizes, (60, 60, 1000, 560))
    boxes = np.concatenate([corners, corners + sizes], axis=1)
    for i in range(15):
        assert (boxes[i, :2] >= 60).all()
        assert boxes[i, 2] <= 1000
        assert boxes[i, 3] <= 560
        assert not any(boxes_overlap(boxes[i], boxes[j]) for j in range(i))
        assert not any(boxes_overlap(boxes[i], np.concatenate([point - 6, point + 6])) for point in points)


def test_a_lone_label_stands_right_of_its_point_and_placement_is_deterministic():
    point, size, bounds = np.array([[200.0, 100.0]]), np.array([[50.0, 10.0]]), (0.0, 0.0, 400.0, 200.0)
    corner = place_labels(point, size, bounds)
    assert corner.tolist() == [[211.0, 95.0]]
    assert (place_labels(point, size, bounds) == corner).all()


def test_a_label_keeps_off_a_line():
    point, size = np.array([[200.0, 100.0]]), np.array([[50.0, 10.0]])
    line = np.column_stack([np.arange(210.0, 300.0, 6), np.full(15, 100.0)])
    assert place_labels(point, size, (0.0, 0.0, 400.0, 200.0), lines=line).tolist() == [[139.0, 95.0]]
