from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest

from bakeoff.core.errors import DataError, EvaluationError, SetupError

pytestmark = pytest.mark.tf


@pytest.fixture(scope="module")
def predictor(frozen_dir, colours):
    from bakeoff.baseline_tf.predictor import load_keras_predictor

    return load_keras_predictor(frozen_dir, colours, batch_size=8, device="cpu", threads=1)


def test_images_are_in_0_to_1_and_of_the_models_size(predictor, colours):
    images = predictor.images(colours.rows("test"))
    assert images.shape == (3, 32, 32, 3)
    assert images.dtype == np.float32
    assert 0.5 < images.max() <= 1
    assert predictor.image_size == 32


def test_rows_and_images_give_the_same_probabilities_whatever_the_batches(predictor):
    rows = list(range(11))
    batches = list(predictor.predict(rows))
    assert [len(batch) for batch in batches] == [8, 3]
    by_rows, by_images = np.concatenate(batches), predictor.predict_images(predictor.images(rows))
    assert by_rows.dtype == np.float32
    np.testing.assert_allclose(by_rows.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(by_images, by_rows, atol=1e-5)
    np.testing.assert_allclose(predictor.predict_images(predictor.images([4])), by_rows[4:5], atol=1e-5)


def test_gradients_are_the_slope_of_the_logit(predictor, colours):
    images = predictor.images([0, 1])
    targets = np.array([0, 2])
    gradients = predictor.gradients(images, targets)
    assert gradients.shape == images.shape
    direction = gradients[1] / np.linalg.norm(gradients[1])
    step = 0.01

    def logit(moved):
        return predictor.network(moved[None] * 255, training=False).numpy()[0, 2]

    slope = (logit(images[1] + step * direction) - logit(images[1] - step * direction)) / (2 * step)
    assert slope == pytest.approx(np.linalg.norm(gradients[1]), rel=0.05)


def test_targets_must_be_classes(predictor):
    with pytest.raises(EvaluationError, match="targets must be one class index from 0 to 2 per image"):
        predictor.gradients(predictor.images([0]), np.array([3]))


def test_training_loss_is_the_mean_cross_entropy(predictor, colours):
    rows = colours.rows("validation")
    probabilities = np.concatenate(list(predictor.predict(rows))).astype(np.float64)
    expected = -np.log(probabilities[np.arange(3), colours.label_ids(rows)]).mean()
    assert predictor.training_loss(rows) == pytest.approx(expected, rel=1e-4)
    assert (predictor.loss_name, predictor.probability_kind) == ("cross_entropy", "softmax")


def test_the_compiled_call_runs_and_returns_nothing(predictor):
    call = predictor.compiled_call(predictor.images([0]))
    assert call() is None


def test_the_description_carries_what_the_records_need(predictor, frozen_dir):
    wanted = {"framework", "device", "device_name", "threads", "dtype", "memory_format", "n_parameters", "size_mib"}
    assert wanted | {"allocator", "versions"} <= set(predictor.description)
    assert predictor.description["threads"] == 1
    predictor.set_threads(1)
    with pytest.raises(SetupError, match="cannot change to 1000 any more"):
        predictor.set_threads(1000)


def test_one_pass_equals_the_batches(predictor, colours):
    rows = colours.rows("train")[:9]
    photos = [colours.store.read(int(row)) for row in colours.image_rows(rows)]
    pixels = np.stack([predictor.transform(photo) for photo in photos])
    assert pixels.dtype == np.uint8
    np.testing.assert_allclose(predictor.forward(pixels), predictor.predict_images(predictor.images(rows)), atol=1e-5)
    assert predictor.device_peak_mib(reset=True) is None


def test_multiply_adds_and_structure(predictor, frozen_dir):
    gmacs, method = predictor.count_gmacs()
    assert gmacs == pytest.approx(0.39 * (32 / 224) ** 2, rel=0.25)  # Tan and Le 2019: 0.39 G at 224 px
    assert method == "tf.compat.v1.profiler"
    assert predictor.structure["n_classes"] == 3
    assert predictor.description["file_mib"] * 2**20 == (frozen_dir / "model.keras").stat().st_size
    assert predictor.description["runtime"] == "tf.function"


def test_a_folder_without_a_model_is_refused(frozen_dir, colours, tmp_path):
    from bakeoff.baseline_tf.predictor import load_keras_predictor

    with pytest.raises(EvaluationError, match=r"training\.json is missing; run `dvc repro baseline_tf`"):
        load_keras_predictor(tmp_path, colours, batch_size=8)
    shutil.copy(frozen_dir / "training.json", tmp_path)
    with pytest.raises(EvaluationError, match=r"model\.keras is missing"):
        load_keras_predictor(tmp_path, colours, batch_size=8)


def test_another_catalogue_is_refused(frozen_dir, colours):
    from bakeoff.baseline_tf.predictor import load_keras_predictor

    other = dataclasses.replace(colours, labels=["a", "b", "c"])
    with pytest.raises(DataError, match=r"was trained for the classes \['blue', 'green', 'red'\], the catalogue has"):
        load_keras_predictor(frozen_dir, other, batch_size=8)
