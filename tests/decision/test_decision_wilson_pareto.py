from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.decision.pareto import pareto_front
from bakeoff.report.labels import leader, place_labels
from bakeoff.statistics.interval import wilson_interval


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
    names = [f"mobilenetv2-{i:02d}-tuned" for i in range(15)]
    boxes = place_labels(names, points, (60, 60, 1000, 560), font_px=12)
    for i in range(15):
        assert (boxes[i, :2] >= 60).all()
        assert boxes[i, 2] <= 1000
        assert boxes[i, 3] <= 560
        assert not any(boxes_overlap(boxes[i], boxes[j]) for j in range(i))
        assert not any(boxes_overlap(boxes[i], np.concatenate([point - 6, point + 6])) for point in points)


def test_a_lone_label_is_right_beside_its_point_and_placement_is_deterministic():
    point, bounds = np.array([[200.0, 100.0]]), (0.0, 0.0, 400.0, 200.0)
    box = place_labels(["swin_t"], point, bounds, font_px=12)
    assert 205 < box[0, 0] < 220
    assert box[0, 1] < 100 < box[0, 3]
    assert leader(point[0], box[0]) is None
    assert (place_labels(["swin_t"], point, bounds, font_px=12) == box).all()
    assert place_labels([], np.zeros((0, 2)), bounds, font_px=12).shape == (0, 4)


def test_a_label_keeps_off_a_line():
    point, line = np.array([[200.0, 100.0]]), np.array([[210.0, 100.0], [300.0, 100.0]])
    box = place_labels(["swin_t"], point, (0.0, 0.0, 400.0, 200.0), font_px=12, line=line)[0]
    assert box[3] < 100 or box[1] > 100 or box[2] < 210


def test_a_leader_goes_to_a_label_that_stands_off():
    ends = leader(np.array([0.0, 0.0]), np.array([30.0, -5.0, 60.0, 5.0]))
    assert ends is not None
    assert ends.tolist() == [[10.0, 0.0], [30.0, 0.0]]
