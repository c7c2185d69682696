from __future__ import annotations

import numpy as np
import pytest

from bakeoff.core.errors import EvaluationError
from bakeoff.interpret.generic import (
    GREY,
    GenericExplainer,
    integrated_gradients,
    legendre_path,
    occlusion,
    occlusion_windows,
)
from bakeoff.interpret.params import InterpretParams
from numpy_predictor import SIDE, NumpyPredictor, make_catalogue


def test_legendre_rule_integrates_polynomials_exactly():
    nodes, weights = legendre_path(3)
    assert weights.sum() == pytest.approx(1)
    assert (weights * nodes**5).sum() == pytest.approx(1 / 6)  # exact up to degree 2 n - 1


def test_gradients_of_a_square_by_hand():
    # F(x) = sum x^2, dF = 2x; along the path from 0.5 to x the integral is x + 0.5, so each share is x^2 - 0.25
    image = np.array([[[0.0, 0.25, 1.0]]], dtype=np.float32)
    shares = integrated_gradients(lambda points, _: 2 * points, image, 0, steps=2)
    np.testing.assert_allclose(shares, image**2 - 0.25, atol=1e-6)


@pytest.mark.parametrize("steps", [1, 12, 40])
def test_completeness_on_the_linear_predictor(tmp_path, steps):
    catalogue = make_catalogue(tmp_path)
    predictor = NumpyPredictor(catalogue.labels)
    image = predictor.images(catalogue.at([5]))[0]
    shares = integrated_gradients(predictor.gradients, image, 1, steps=steps)
    grey = np.full_like(image, GREY)
    assert shares.sum() == pytest.approx(
        predictor.logits(image[None])[0, 1] - predictor.logits(grey[None])[0, 1], abs=1e-4
    )
    np.testing.assert_allclose(shares, (image - GREY) * predictor.weights[..., 1], atol=1e-6)


def test_occlusion_by_hand():
    # score = sum of all values; windows of 2 at 0, 2, 3-cut: a 1 x 5 photo's last window covers one pixel
    image = np.full((2, 5, 3), 0.7, np.float32)
    drops = occlusion(lambda x: x.sum(axis=(1, 2, 3)), image, window_px=2, stride_px=2)
    np.testing.assert_allclose(drops[:, :4], 0.2 * 3 * 4, rtol=1e-4)
    np.testing.assert_allclose(drops[:, 4], 0.2 * 3 * 2, rtol=1e-4)


def test_occlusion_averages_overlaps():
    image = np.zeros((2, 3, 3), np.float32)
    image[:, 0] = 1
    drops = occlusion(lambda x: x[:, :, 0].sum(axis=(1, 2)), image, window_px=2, stride_px=1)
    np.testing.assert_allclose(drops, [[3, 1.5, 0], [3, 1.5, 0]], atol=1e-5)


def test_quick_profile_costs_49_windows_and_one_photo():
    assert len(list(occlusion_windows((224, 224), window_px=56, stride_px=32))) == 49
    counted = []

    def scores(images):
        counted.append(len(images))
        return images.mean(axis=(1, 2, 3))

    occlusion(scores, np.zeros((224, 224, 3), np.float32), window_px=56, stride_px=32)
    assert sum(counted) == 50


@pytest.mark.parametrize(("window_px", "stride_px"), [(20, 4), (4, 5)])
def test_windows_that_do_not_fit(window_px, stride_px):
    with pytest.raises(EvaluationError, match="do not fit a photo of 16 x 16 px: expected stride <= window <= photo"):
        list(occlusion_windows((16, 16), window_px=window_px, stride_px=stride_px))


@pytest.mark.parametrize(("kind", "score"), [("softmax", "logit"), ("as_is", "probability")])
def test_explainer_names_its_scores(tmp_path, kind, score):
    catalogue = make_catalogue(tmp_path)
    predictor = NumpyPredictor(catalogue.labels, probability_kind=kind)
    size = {"integrated_gradients_steps": 4, "occlusion_window_px": 8, "occlusion_stride_px": 8}
    params = InterpretParams(n_correct=1, n_wrong=1, channel_repeats=1, channel_max_rows=None, **size)
    explainer = GenericExplainer(predictor, params)
    assert explainer.scores == {"integrated_gradients": score, "occlusion": "probability"}
    image = predictor.images(catalogue.at([0]))[0]
    assert explainer.integrated_gradients(image, 0).shape == (SIDE, SIDE, 3)
    drops = explainer.occlusion(image, 0)
    covered = image.copy()
    covered[:8, :8] = GREY
    expected = predictor.predict_images(image[None])[0, 0] - predictor.predict_images(covered[None])[0, 0]
    np.testing.assert_allclose(drops[:8, :8], expected, atol=1e-6)
