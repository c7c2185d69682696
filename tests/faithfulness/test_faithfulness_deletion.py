"""Deletion, insertion, pointing and rank correlation against numbers by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.faithfulness.deletion import (
    answer_curves,
    areas_under,
    box_pixels,
    random_map,
    rank_correlation,
    rank_pixels,
    top_in_box,
)
from linear_subject import LinearSubject, exact_map

SIDE = 16
TIES = random_map(SIDE, 1)


def _corner_subject() -> LinearSubject:
    """Class 1 where the upper left quarter is bright; the rest of the photo speaks neither for nor against."""
    weights = np.zeros((SIDE, SIDE, 3, 2))
    weights[:8, :8, :, 1] = 6 / (64 * 3 * 0.5)  # logit 6 of a white quarter
    return LinearSubject(weights)


def _areas(subject: LinearSubject, image: np.ndarray, heat: np.ndarray, steps: int = 8) -> np.ndarray:
    return areas_under(answer_curves(subject.probabilities, image, 1, rank_pixels(heat, TIES), steps=steps))


def test_the_curves_of_a_white_corner_by_hand():
    """A quarter of the pixels holds the whole logit: deleted in 4 steps it falls 6, 0, 0, 0, 0."""
    subject, image = _corner_subject(), np.ones((SIDE, SIDE, 3), dtype=np.float32)
    heat = exact_map(subject, image[None], np.array([1]))[0]
    curves = answer_curves(subject.probabilities, image, 1, rank_pixels(heat, TIES), steps=4)
    sure = 1 / (1 + np.exp(-6))
    np.testing.assert_allclose(curves[0], [sure, 0.5, 0.5, 0.5, 0.5], atol=1e-6)
    np.testing.assert_allclose(curves[1], sure, atol=1e-6, err_msg="the blur of a white photo is the photo")
    assert areas_under(curves)[0] == pytest.approx(0.5 + (sure - 0.5) / 8)


def test_insertion_starts_from_the_blur_and_ends_at_the_photo():
    subject, image = _corner_subject(), np.full((SIDE, SIDE, 3), 0.5, dtype=np.float32)
    image[3:5, 3:5] = 1
    heat = image.mean(axis=2)
    curves = answer_curves(subject.probabilities, image, 1, rank_pixels(heat, TIES), steps=64)
    whole = subject.probabilities(image[None])[0, 1]
    assert curves[0, 0] == pytest.approx(whole)
    assert curves[0, -1] == pytest.approx(0.5)
    assert curves[1, -1] == pytest.approx(whole)
    assert curves[1, 1] == pytest.approx(curves[1].max()), "four pixels, the whole object, come in the first step"
    assert 0.5 < curves[1, 0] <= whole


@pytest.mark.parametrize("seed", range(5))
def test_the_exact_map_beats_a_random_one_and_the_opposite_map_loses(seed):
    generator = np.random.default_rng(seed)
    subject = LinearSubject(generator.normal(scale=0.3, size=(SIDE, SIDE, 3, 2)))
    image = generator.random((SIDE, SIDE, 3), dtype=np.float32)
    heat = exact_map(subject, image[None], np.array([1]))[0]
    best, random, worst = (_areas(subject, image, one) for one in (heat, TIES, -heat))
    assert best[0] < random[0] < worst[0]
    assert worst[1] < random[1] < best[1]


def test_a_map_without_differences_is_the_random_map():
    subject, image = _corner_subject(), np.random.default_rng(0).random((SIDE, SIDE, 3), dtype=np.float32)
    np.testing.assert_array_equal(_areas(subject, image, np.zeros((SIDE, SIDE))), _areas(subject, image, TIES))


@given(st.integers(0, 2**32 - 1))
def test_ranks_count_every_pixel_once_and_follow_the_map(seed):
    heat = np.random.default_rng(seed).integers(0, 4, size=(6, 6))
    ranks = rank_pixels(heat, random_map(6, seed))
    assert sorted(ranks.ravel().tolist()) == list(range(36))
    ordered = heat.ravel()[np.argsort(ranks.ravel())]
    assert (np.diff(ordered) <= 0).all()


def test_the_pointing_game_and_the_top_pixels_by_hand():
    heat = np.arange(16.0).reshape(4, 4)  # the largest are 15, 14, 13, 12: the lowest row from the right
    inside = box_pixels(np.array([2, 2, 4, 4]), 4)  # lower right quarter: 10, 11, 14, 15
    ranks = rank_pixels(heat, np.zeros((4, 4)))
    assert top_in_box(ranks, inside, 0) == 1
    assert top_in_box(ranks, inside, 0.25) == 0.5
    assert top_in_box(ranks, inside, 1) == 0.5, "no more than the four pixels that the box holds"
    assert top_in_box(rank_pixels(-heat, np.zeros((4, 4))), inside, 0) == 0


def test_a_box_holds_the_pixels_whose_centre_it_holds():
    assert np.argwhere(box_pixels(np.array([0.4, 1.0, 2.5, 1.9]), 4)).tolist() == [[1, 0], [1, 1]]
    assert not box_pixels(np.full(4, np.nan), 4).any()


def test_rank_correlation_by_hand():
    first = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert rank_correlation(first, np.exp(first)) == pytest.approx(1)
    assert rank_correlation(first, -first) == pytest.approx(1), "the same picture with the sign turned"
    assert rank_correlation(first, np.array([[1.0, 2.0], [4.0, 3.0]])) == pytest.approx(0.8)  # 1 - 6 * 2 / (4 * 15)
    assert rank_correlation(first, np.ones((2, 2))) is None, "a flat map has no ranks"
