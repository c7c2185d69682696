"""Captum's infidelity and sensitivity of maps whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from bakeoff.interpret.perturbation import infidelity_of, sensitivity_of
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
    return infidelity_of(subject, image, 1, heat=heat, n_squares=n_squares)


@pytest.mark.parametrize("unit", [1.0, 7.0])
def test_the_exact_map_of_a_linear_network_is_faithful_in_any_unit(subject, image, unit):
    assert _infidelity(subject, image, unit * exact_map(subject, image[None], TARGET)[0]) == pytest.approx(0, abs=1e-5)


def test_a_map_of_nothing_foretells_nothing_and_a_random_one_little(subject, image):
    assert _infidelity(subject, image, np.zeros((SIDE, SIDE))) == 1
    assert 0.5 < (_infidelity(subject, image, np.random.default_rng(5).normal(size=(SIDE, SIDE))) or 0) <= 1


def test_a_network_that_nothing_changes_has_no_infidelity(image):
    flat = LinearSubject(np.zeros((SIDE, SIDE, 3, 2)))
    assert _infidelity(flat, image, np.ones((SIDE, SIDE))) is None


@pytest.mark.parametrize("batch_images", [1, 3, 100])
def test_memory_bounds_change_no_figure(subject, image, batch_images):
    heat = exact_map(subject, image[None], TARGET)[0] + np.random.default_rng(2).normal(size=(SIDE, SIDE))
    whole = _infidelity(subject, image, heat, 7)
    subject.batch_images = batch_images
    assert _infidelity(subject, image, heat, 7) == pytest.approx(whole, rel=1e-5)


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
