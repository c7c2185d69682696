from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from bakeoff.interpret import channels
from bakeoff.interpret.channels import choose_rows, draw_channels, permutation_importance
from bakeoff.records.interpretation import ChannelImportance
from numpy_predictor import NumpyPredictor, make_catalogue


@pytest.fixture
def catalogue(tmp_path):
    return make_catalogue(tmp_path, n_per_class=20)


def _measure(predictor, catalogue, rows, *, repeats=3, seed=0, advance=lambda _: None):
    label_ids, products = catalogue.label_ids(rows), catalogue.at(rows)
    correct = predictor.predict(products).argmax(axis=1) == label_ids
    predictor.n_predicted = 0
    return permutation_importance(
        predictor, products, label_ids, baseline_correct=correct, shuffles=(repeats, seed), advance=advance
    )


def test_unused_channel_costs_exactly_nothing(catalogue):
    predictor = NumpyPredictor(catalogue.labels)
    predictor.weights[..., 1, :] = 0  # the classifier never looks at green
    result = _measure(predictor, catalogue, catalogue.rows("train"))
    assert result.channels["green"] == ChannelImportance(
        accuracy=result.baseline_accuracy,
        drop=0.0,
        drop_std=0.0,
        drop_standard_error=0.0,
        drops=[0.0, 0.0, 0.0],
    )
    assert result.channels["red"].drop > 0.1
    assert result.channels["blue"].drop > 0.1


def test_planes_come_from_the_permuted_photos(catalogue, monkeypatch):
    seen = []

    class Recorder(NumpyPredictor):
        def predict_images(self, images):
            seen.append(images.copy())
            return super().predict_images(images)

    monkeypatch.setattr(channels, "BATCH_IMAGES", 5)  # several batches: donors cross their borders
    predictor = Recorder(catalogue.labels)
    rows = catalogue.rows("test")
    photos = predictor.images(catalogue.at(rows))
    _measure(predictor, catalogue, rows, repeats=1, seed=4)
    mixed = np.concatenate(seen[1:])  # after the baseline's call
    order = np.random.default_rng(4).permutation(len(rows))
    np.testing.assert_array_equal(mixed[: len(rows), ..., 0], photos[order, ..., 0])
    np.testing.assert_array_equal(mixed[: len(rows), ..., 1:], photos[..., 1:])


def test_costs_three_passes_per_repeat_and_no_baseline(catalogue):
    predictor = NumpyPredictor(catalogue.labels)
    advanced = []
    _measure(predictor, catalogue, catalogue.rows("test"), repeats=2, advance=advanced.append)
    assert predictor.n_predicted == sum(advanced) == 3 * 2 * len(catalogue.rows("test"))


def test_same_seed_same_result_and_held_equals_streamed(catalogue, monkeypatch):
    rows = catalogue.rows("train")
    first = _measure(NumpyPredictor(catalogue.labels), catalogue, rows)
    assert first == _measure(NumpyPredictor(catalogue.labels), catalogue, rows)
    monkeypatch.setattr(channels, "_HELD_BYTES", 0)
    assert first == _measure(NumpyPredictor(catalogue.labels), catalogue, rows)


def test_summary_by_hand():
    baseline = np.array([True, True, False, True])
    correct = np.array([[True, False, False, True], [False, False, True, True]])
    values = channels._summarise(baseline, correct)
    assert values.accuracy == 0.5
    assert values.drop == 0.25
    assert values.drops == [0.25, 0.25]
    assert values.drop_std == 0
    # losses per photo: 0.5, 1, -0.5, 0 -> mean 0.25, sample variance (0.0625 + 0.5625 + 0.5625 + 0.0625) / 3
    assert values.drop_standard_error == pytest.approx(np.sqrt(1.25 / 3) / 2)


def test_choose_rows():
    rows = np.arange(10, 60)
    chosen = choose_rows(rows, 7, seed=0)
    assert len(set(chosen.tolist())) == 7
    assert chosen.tolist() == sorted(chosen.tolist()) == choose_rows(rows, 7, seed=0).tolist()
    assert choose_rows(rows, None, seed=0) is rows
    assert choose_rows(rows, 99, seed=0) is rows


@pytest.mark.parametrize("repeats", [1, 4])
def test_figure(catalogue, tmp_path, repeats):
    result = _measure(NumpyPredictor(catalogue.labels), catalogue, catalogue.rows("test"), repeats=repeats)
    draw_channels(result, tmp_path / "figures" / "channels.png", title="linear-frozen")
    with Image.open(tmp_path / "figures" / "channels.png") as image:
        assert image.width > 600
