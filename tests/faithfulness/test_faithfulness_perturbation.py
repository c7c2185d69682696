"""Captum's infidelity and sensitivity of maps whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from bakeoff.faithfulness.perturbation import CoveredPhoto, infidelity_of, sensitivity_of
from linear_subject import LinearSubject, exact_map

pytestmark = pytest.mark.torch
SIDE = 16
TARGET = np.array([1])


@pytest.fixture
def subject() -> LinearSubject:
    return LinearSubject(np.random.default_rng(0).normal(scale=0.3, size=(SIDE, SIDE, 3, 2)))


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(1).random((SIDE, SIDE, 3), dtype=np.float32)


def _infidelity(subject: LinearSubject, image: np.ndarray, heat: np.ndarray, n_squares: int = 40) -> float | None:
    return infidelity_of(CoveredPhoto(subject, image, 1, n_squares=n_squares), heat)


@pytest.mark.parametrize("unit", [1.0, 7.0])
def test_the_exact_map_of_a_linear_network_is_faithful_in_any_unit(subject, image, unit):
    assert _infidelity(subject, image, unit * exact_map(subject, image[None], TARGET)[0]) == pytest.approx(0, abs=1e-5)


def test_a_map_of_nothing_foretells_nothing_and_a_random_one_little(subject, image):
    assert _infidelity(subject, image, np.zeros((SIDE, SIDE))) == 1
    assert 0.5 < (_infidelity(subject, image, np.random.default_rng(5).normal(size=(SIDE, SIDE))) or 0) <= 1


def test_a_network_that_nothing_changes_has_no_infidelity(image):
    flat = LinearSubject(np.zeros((SIDE, SIDE, 3, 2)))
    assert _infidelity(flat, image, np.ones((SIDE, SIDE))) is None


def test_infidelity_of_one_pixel_by_hand(image):
    """The logit is one pixel's brightness; a map that names its neighbour foretells nothing where squares part them."""
    weights = np.zeros((SIDE, SIDE, 3, 2))
    weights[0, 0, :, 1] = 1
    heat = np.zeros((SIDE, SIDE))
    heat[8, 8] = 1
    photo = CoveredPhoto(LinearSubject(weights), image, 1, n_squares=60)
    first, middle = photo.squares[:, 0, 0], photo.squares[:, 8, 8]
    assert first.any()
    assert not first.all()
    # With change c below `first` and the best factor b, the mean of (b middle - c first)² over that of (c first)².
    expected = 1 - (first & middle).sum() ** 2 / (middle.sum() * first.sum())
    assert infidelity_of(photo, heat) == pytest.approx(expected, abs=1e-5)


def test_the_answers_to_squares_are_asked_for_once(image):
    class Counting(LinearSubject):
        n_asked = 0

        def masked_scores(self, images: np.ndarray) -> np.ndarray:
            self.n_asked += len(images)
            return self.scores(images)

    subject = Counting(np.random.default_rng(0).normal(size=(SIDE, SIDE, 3, 2)))
    photo = CoveredPhoto(subject, image, 1, n_squares=9)
    first = infidelity_of(photo, image[..., 0])
    assert subject.n_asked == 1 + len({square.tobytes() for square in photo.squares})
    assert (infidelity_of(photo, image[..., 0]), subject.n_asked) == (first, subject.n_asked)


def test_a_constant_map_is_not_sensitive(image):
    found = sensitivity_of(lambda images, _: np.ones(images.shape[:3], np.float32), image, 1, n_noises=3)
    assert found == 0


def test_the_sensitivity_of_the_photo_itself_by_hand(image):
    """A map that is the photo's brightness moves by the mean of three noises of at most 0.02."""
    found = sensitivity_of(lambda images, _: images.mean(axis=3), np.full_like(image, 0.5), 1, n_noises=20)
    typical = 0.02 / np.sqrt(3) / np.sqrt(3) / 0.5  # of a uniform noise, its mean over 3 channels, of the norm
    assert typical < found < 1.3 * typical
    assert sensitivity_of(lambda images, _: images.mean(axis=3), image, 1, n_noises=2) == pytest.approx(
        sensitivity_of(lambda images, _: images.mean(axis=3), image, 1, n_noises=2)
    )


def test_the_noisy_photos_stay_photos_and_gradients_are_on():
    import torch

    seen = []

    def attribute(images: np.ndarray, targets: np.ndarray) -> np.ndarray:
        seen.append((images.min(), images.max(), targets.tolist(), torch.is_grad_enabled()))
        return images.mean(axis=3)

    sensitivity_of(attribute, np.ones((SIDE, SIDE, 3), np.float32), 2, n_noises=4)
    assert [one[2:] for one in seen] == [([2], True), ([2] * 4, True)]
    assert seen[1][1] == 1
    assert 0.97 < seen[1][0] < 1
