"""Each method on a linear network, where the right map is known by hand, and against Captum's own settings."""

from __future__ import annotations

import numpy as np
import pytest

from bakeoff.interpret.explain import explain
from bakeoff.interpret.methods import METHODS
from bakeoff.interpret.subject import NotExplainable
from bakeoff.interpret.superpixels import superpixels
from interpret_params import params
from linear_subject import LinearSubject, exact_map

pytestmark = pytest.mark.torch
SIDE = 16
TARGETS = np.array([2, 0])


@pytest.fixture(scope="module")
def subject():
    generator = np.random.default_rng(0)
    found = LinearSubject(generator.normal(size=(SIDE, SIDE, 3, 3)) / SIDE)
    found.background = generator.random((4, SIDE, SIDE, 3), dtype=np.float32)
    return found


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).random((2, SIDE, SIDE, 3), dtype=np.float32)


def attribute(name, subject, images, targets=TARGETS, **changes):
    method = METHODS[name]
    return method.attribute(subject, images, targets, params(**{name: changes}).settings(name))


def quarters(values):
    """Return the sums over 8 x 8 px of maps (N, 16, 16), spread evenly over each."""
    sums = values.reshape(-1, 2, 8, 2, 8).sum(axis=(2, 4))
    return np.repeat(np.repeat(sums, 8, axis=1), 8, axis=2) / 64


@pytest.fixture
def in_quarters(monkeypatch):
    """Divide every photo into four squares of 8 x 8 px."""
    rows, columns = np.indices((SIDE, SIDE)) // 8
    monkeypatch.setattr("skimage.segmentation.slic", lambda *given, **options: 2 * rows + columns)


def test_integrated_gradients_are_what_each_pixel_adds_to_the_logit(subject, images):
    found = attribute("integrated_gradients", subject, images)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, exact_map(subject, images, TARGETS), atol=1e-6)


@pytest.mark.parametrize("name", ["black", "mean", "blurred", "grey"])
def test_integrated_gradients_start_from_the_baseline_and_add_up(subject, images, name):
    settings = params(integrated_gradients={"baseline": name}).settings("integrated_gradients")
    module = METHODS["integrated_gradients"]
    start = module.adds_up_from(subject, images, settings)
    mean = subject.background.mean(axis=(0, 1, 2))
    expected = {"black": 0 * images, "mean": 0 * images + mean, "grey": 0 * images + 0.5}.get(name)
    if expected is not None:
        np.testing.assert_allclose(start, expected, atol=1e-6)
    else:
        assert 0 < start.std() < images.std() / 3
    sums = module.attribute(subject, images, TARGETS, settings).sum(axis=(1, 2))
    gained = (subject.scores(images) - subject.scores(start))[np.arange(2), TARGETS]
    np.testing.assert_allclose(sums, gained, atol=1e-4)


def test_occlusion_of_windows_side_by_side_is_the_sum_in_each(subject, images):
    found = attribute("occlusion", subject, images, window_px=8, stride_px=8)
    np.testing.assert_allclose(found, quarters(exact_map(subject, images, TARGETS)) * 64, atol=1e-5)


def test_occlusion_averages_overlaps_and_cuts_windows_at_the_edge(subject):
    white = np.full((1, SIDE, SIDE, 3), 0.5, np.float32)
    white[0, :, 0] = 1  # a column, all of whose weight lies in the windows that begin there
    drop = ((white - 0.5) * subject.weights[..., 1]).sum(axis=3)[0]
    found = attribute("occlusion", subject, white, np.array([1]), window_px=10, stride_px=4)[0]
    np.testing.assert_allclose(found[:4, :4], drop[:10].sum(), atol=1e-5)  # one window covers these
    starts = (0, 4, 8)  # the last one is cut
    for row in (5, 15):
        over = [drop[start : start + 10].sum() for start in starts if start <= row < start + 10]
        assert found[row, 0] == pytest.approx(np.mean(over), abs=1e-5)
    np.testing.assert_allclose(found[:, 10:], 0, atol=1e-6)


def test_kernel_shap_finds_the_sum_in_each_superpixel(subject, images, in_quarters):
    found = attribute("kernel_shap", subject, images, samples=64)
    np.testing.assert_allclose(found, quarters(exact_map(subject, images, TARGETS)), atol=1e-5)


def test_integrated_gradients_occlusion_and_shap_agree_on_a_linear_network(subject, images, in_quarters):
    by_gradients = quarters(attribute("integrated_gradients", subject, images))
    by_occlusion = attribute("occlusion", subject, images, window_px=8, stride_px=8) / 64
    by_shap = attribute("kernel_shap", subject, images, samples=64)
    np.testing.assert_allclose(by_gradients, by_occlusion, atol=1e-5)
    np.testing.assert_allclose(by_gradients, by_shap, atol=1e-5)


def test_lime_fits_the_same_weights_shrunk(subject, images, in_quarters):
    strong = LinearSubject(subject.weights * 100)  # beside which the penalty is small
    exact = quarters(exact_map(strong, images, TARGETS))
    found = attribute("lime", strong, images, samples=200)
    np.testing.assert_allclose(found, exact, atol=0.02 * np.abs(exact).max())
    assert np.abs(found).sum() < np.abs(exact).sum()


def test_gradient_shap_is_the_mean_over_train_photos(subject, images):
    found = attribute("gradient_shap", subject, images, samples=4000)
    slopes = subject.gradients(images, TARGETS)
    expected = ((images - subject.background.mean(axis=0)) * slopes).sum(axis=3)
    np.testing.assert_allclose(found, expected, atol=0.05 * np.abs(expected).max())


def test_smoothgrad_of_a_linear_network_is_the_magnitude_of_its_weights(subject, images):
    found = attribute("smoothgrad", subject, images)
    np.testing.assert_allclose(found, np.abs(subject.gradients(images, TARGETS)).sum(axis=3), atol=1e-6)


@pytest.mark.parametrize("name", ["smoothgrad", "gradient_shap", "kernel_shap", "lime"])
def test_drawn_numbers_are_the_same_each_time_and_for_each_photo_alone(subject, images, name):
    state = np.random.get_state()[1].copy()
    found = attribute(name, subject, images)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    alone = attribute(name, subject, images[1:], TARGETS[1:])
    np.testing.assert_array_equal(found[1:], alone)


def test_a_second_class_of_the_same_photo_asks_the_network_nothing_new(images):
    asked = []

    class Counting(LinearSubject):
        def masked_scores(self, photos):
            asked.append(len(photos))
            return self.scores(photos)

    counting = Counting(np.random.default_rng(3).normal(size=(SIDE, SIDE, 3, 3)))
    attribute("kernel_shap", counting, images[:1], np.array([0]), samples=30)
    first = sum(asked)
    assert 0 < first <= 32
    attribute("kernel_shap", counting, images[:1], np.array([1]), samples=30)
    assert sum(asked) == first
    assert max(asked) <= counting.batch_images


def test_a_photo_of_one_superpixel_is_told_and_nothing_else_is_lost(subject):
    flat = np.full((SIDE, SIDE, 3), 0.3, np.float32)
    given = params(kernel_shap={"n_segments": 1}, lime={"n_segments": 1})
    for name in ("kernel_shap", "lime"):
        found = explain(subject, flat, 0, name, given)
        assert found.map is None
        assert found.note.endswith("the photo is a single superpixel: there is nothing to compare; raise n_segments.")
    assert explain(subject, flat, 0, "occlusion", given).map is not None


def test_noise_is_divided_like_any_photo(subject, images):
    assert superpixels(subject, images[0], params().settings("kernel_shap")).n > 3
    assert np.isfinite(attribute("kernel_shap", subject, images)).all()


@pytest.mark.parametrize(("window_px", "stride_px"), [(20, 4), (4, 5)])
def test_windows_that_do_not_fit(subject, images, window_px, stride_px):
    with pytest.raises(NotExplainable, match="do not fit a photo of 16 x 16 px: expected stride <= window <= photo"):
        attribute("occlusion", subject, images, window_px=window_px, stride_px=stride_px)


def test_the_gap_to_the_promised_sum_is_told(subject, images):
    found = explain(subject, images[0], 1, "integrated_gradients", params())
    assert abs(found.completeness_gap) < 1e-4
    assert explain(subject, images[0], 1, "occlusion", params()).completeness_gap is None


def test_out_of_memory_is_one_sentence(images):
    import torch

    from bakeoff.core.errors import EvaluationError

    class Full(LinearSubject):
        @property
        def differentiable(self):
            def run(photos):
                raise torch.OutOfMemoryError("CUDA out of memory.")

            return run

    full = Full(np.ones((SIDE, SIDE, 3, 3)))
    with pytest.raises(
        EvaluationError, match=r"Integrated Gradients with up to 16 photos .*: out of memory; lower interp"
    ):
        explain(full, images[0], 1, "integrated_gradients", params())
