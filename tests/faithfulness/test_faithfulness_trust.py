"""The rule by which a method is trusted, against curves and boxes by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bakeoff.faithfulness.trust import MIN_PHOTOS, Measured, summarise

FLAT = np.full((2, 3), 0.5)
GOOD = np.array([[1.0, 0.2, 0.0], [0.0, 0.8, 1.0]])  # areas 0.35 and 0.65 against a random map's 0.5
HIT, MISS = (1.0, 0.9, 0.2), (0.0, 0.1, 0.2)


def _measured(curves: np.ndarray = GOOD, *, noise: int = 0, **changes) -> Measured:
    shifted = curves + np.array([0, 0.1 * np.sin(noise), 0])
    values = {"infidelity": 0.4, "sensitivity": None, "same_when_random": 0.1, "pointing": None}
    return Measured(curves=shifted, random_curves=FLAT, **(values | changes))


def _photos(n: int = 20, curves: np.ndarray = GOOD, **changes) -> list[Measured]:
    return [_measured(curves, noise=i, **changes) for i in range(n)]


def test_gains_by_hand():
    found = summarise("M", [_measured(), _measured()], None)
    assert found.deletion.area == pytest.approx(0.35)
    assert found.insertion.area == pytest.approx(0.65)
    assert found.deletion.gain == found.insertion.gain == pytest.approx(0.15)
    assert (found.deletion.gain_low, found.deletion.gain_high) == pytest.approx((0.15, 0.15))
    assert found.deletion.probabilities == pytest.approx([1, 0.2, 0])
    assert (found.infidelity, found.sensitivity, found.same_when_random) == (pytest.approx(0.4), None, 0.1)


def test_a_good_method_is_trusted_with_its_figures():
    found = summarise("M", _photos(), None)
    assert found.trust == "yes"
    assert found.sentence.startswith("it is better than a random map (deletion +0.15 [+0.1")
    assert found.deletion.gain_low < found.deletion.gain < found.deletion.gain_high


@pytest.mark.parametrize(
    ("photos", "trust", "words"),
    [
        (_photos(same_when_random=0.7), "no", "network that knows nothing (rank correlation 0.70)"),
        (_photos(same_when_random=0.5), "yes", "better"),
        (_photos(same_when_random=None), "undecided", "could not be tried on a network that knows nothing"),
        (_photos(curves=1 - GOOD), "no", "a random map finds what the answer depends on better (deletion -0.15"),
        (_photos(curves=FLAT), "undecided", "could not be told from a random map on 20 photos"),
        (_photos(curves=np.stack([GOOD[0], 1 - GOOD[1]])), "yes", "insertion -0.15"),
        (_photos(pointing=HIT), "yes", "points into the box in 100% of photos, 20% by chance"),
        (_photos(pointing=MISS), "no", "it points into the box in 0% of photos, 20% by chance"),
        (_photos(16) + _photos(4, pointing=HIT), "yes", "100% of photos"),
        (_photos(pointing=HIT)[:5] + _photos(pointing=MISS)[:15], "undecided", "but points into the box in 25%"),
        (_photos(MIN_PHOTOS - 1), "undecided", "7 photos are too few to tell; 8 are needed"),
        (_photos(1), "undecided", "1 photos are too few"),
    ],
)
def test_the_rule(photos, trust, words):
    found = summarise("M", photos, None)
    assert words in found.sentence
    assert found.trust == trust


def test_a_single_photo_tells_nothing_of_others():
    found = summarise("M", _photos(1), None)
    assert (found.deletion.gain_low, found.deletion.gain_high) == (-1, 1)
    assert found.n == 1


def test_maps_of_a_candidate_that_did_not_learn_are_not_trusted():
    found = summarise("M", _photos(), "accuracy 0.2 is no better than the largest class")
    assert found.trust == "no"
    assert "did not learn (accuracy 0.2 is no better than the largest class)" in found.sentence


def test_pointing_by_hand():
    found = summarise("M", [*_photos(3, pointing=HIT), *_photos(1, pointing=MISS), *_photos(2)], None).pointing
    assert found is not None
    assert (found.n, found.share, found.top_in_box) == (4, 0.75, 0.75)
    assert (found.chance, found.top_share) == (pytest.approx(0.2), pytest.approx(0.7))
    assert found.share_low < 0.75 < found.share_high
