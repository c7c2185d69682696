from __future__ import annotations

import shutil

import numpy as np
import pytest

from bakeoff.core.errors import EvaluationError, SetupError
from bakeoff.data.batching import PREDICT_BATCH
from bakeoff.data.predictions import read_predictions
from bakeoff.data.products import Photos
from records_made import training_record

pytestmark = pytest.mark.tf


@pytest.fixture(scope="module")
def predictor(frozen_dir):
    from bakeoff.predictors.keras_predictor import load_keras_predictor

    return load_keras_predictor(frozen_dir, device="cpu", threads=1)


def test_images_are_in_0_to_1_and_of_the_models_size(predictor, colours):
    images = predictor.images(colours.at(colours.rows("test")))
    assert images.shape == (3, 32, 32, 3)
    assert images.dtype == np.float32
    assert 0.5 < images.max() <= 1
    assert predictor.image_size == 32


def test_products_and_photos_give_the_same_probabilities_whatever_the_batches(predictor, colours):
    rows = np.arange(PREDICT_BATCH + 3) % 30
    products = colours.at(rows)
    by_products, by_images = predictor.predict(products), predictor.predict_images(predictor.images(products))
    assert by_products.dtype == np.float32
    np.testing.assert_allclose(by_products.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(by_images, by_products)
    np.testing.assert_array_equal(predictor.predict(Photos([products.photo(n) for n in range(35)])), by_products)
    np.testing.assert_allclose(by_products[PREDICT_BATCH:], predictor.predict(colours.at(rows[-3:])), atol=1e-6)
    np.testing.assert_allclose(predictor.predict(colours.at([4])), by_products[4:5], atol=1e-5)


def test_what_the_trainer_wrote_are_the_reloaded_networks_own_bits(predictor, frozen_dir, colours):
    written = read_predictions(frozen_dir / "predictions.parquet", catalogue=colours)
    np.testing.assert_array_equal(predictor.predict(colours.at(range(30))), written.probabilities)
    products = written.products
    assert products.groupby("split")["origin"].unique().explode().to_dict() == {
        "train": "in_sample",
        "validation": "held_out",
        "test": "held_out",
    }


def test_the_loss_that_was_written_is_keras_cross_entropy_of_the_logits(predictor, frozen_dir, colours):
    from bakeoff.baseline_tf.runtime import keras

    products = read_predictions(frozen_dir / "predictions.parquet").products
    logits = predictor.network(predictor.images(colours.at(range(30))) * 255, training=False).numpy()
    losses = keras.losses.CategoricalCrossentropy(from_logits=True, reduction=None)
    expected = losses(np.eye(3, dtype=np.float32)[colours.label_ids(range(30))], logits).numpy()
    assert products["loss"].to_numpy() == pytest.approx(expected, rel=1e-3, abs=1e-5)
    assert predictor.probability_kind == "softmax"


def test_the_compiled_call_runs_and_returns_nothing(predictor, colours):
    call = predictor.compiled_call(predictor.images(colours.at([0])))
    assert call() is None


def test_the_description_carries_what_the_records_need(predictor, frozen_dir):
    wanted = {"framework", "device", "device_name", "threads", "dtype", "memory_format", "n_parameters", "file_mib"}
    assert wanted | {"allocator", "versions"} <= set(predictor.description)
    assert predictor.description["threads"] == 1
    predictor.set_threads(1)
    with pytest.raises(SetupError, match="cannot change to 1000 any more"):
        predictor.set_threads(1000)


def test_one_pass_equals_the_batches(predictor, colours):
    products = colours.at(colours.rows("train")[:9])
    pixels = np.stack([predictor.transform(products.photo(position)) for position in range(9)])
    assert pixels.dtype == np.uint8
    np.testing.assert_allclose(predictor.forward(pixels), predictor.predict(products), atol=1e-5)
    assert predictor.device_peak_mib(reset=True) is None


def test_multiply_adds_and_the_file(predictor, frozen_dir):
    gmacs, method = predictor.count_gmacs()
    assert gmacs == pytest.approx(0.39 * (32 / 224) ** 2, rel=0.25)  # Tan and Le 2019: 0.39 G at 224 px
    assert method == "tf.compat.v1.profiler"
    assert predictor.description["file_mib"] * 2**20 == (frozen_dir / "model.keras").stat().st_size
    assert predictor.description["runtime"] == predictor.speed_up() == "tf.function"


@pytest.mark.slow
def test_the_network_that_is_measured_is_the_one_that_is_trained(predictor, colours, params, tmp_path):
    """Speed needs no training: another one's network has the same size, conditions and multiply-adds."""
    from bakeoff.core.machine import ComputeParams
    from bakeoff.speed.baseline import open_baseline

    compute = ComputeParams(device="cpu", threads=1)
    network = open_baseline(params(), colours.labels, compute=compute, weights_dir=tmp_path)
    told, trained = network.description, predictor.description
    assert {**told, "file_mib": None} == {**trained, "file_mib": None}
    assert told["file_mib"] == pytest.approx(trained["file_mib"], rel=0.15)
    assert network.count_gmacs() == predictor.count_gmacs()


def test_a_folder_without_a_model_is_refused(frozen_dir, tmp_path):
    from bakeoff.predictors.keras_predictor import load_keras_predictor

    with pytest.raises(EvaluationError, match=r"training\.json is missing; run `dvc repro"):
        load_keras_predictor(tmp_path)
    shutil.copy(frozen_dir / "training.json", tmp_path)
    with pytest.raises(EvaluationError, match=r"model\.keras is missing; run `dvc repro baseline_tf`"):
        load_keras_predictor(tmp_path)


def test_a_candidates_folder_is_refused(tmp_path):
    from bakeoff.predictors.keras_predictor import load_keras_predictor

    training_record("swin_t-frozen").write(tmp_path / "training.json")
    with pytest.raises(EvaluationError, match="holds a pytorch training; expected the baseline's"):
        load_keras_predictor(tmp_path)


def test_the_framework_of_the_record_opens_it(frozen_dir, predictor, colours):
    from bakeoff.predictors.protocol import load_predictor

    found = load_predictor(frozen_dir, device="cpu").predict(colours.at([0, 1]))
    np.testing.assert_array_equal(found, predictor.predict(colours.at([0, 1])))


def test_the_predictions_are_of_one_catalogue_alone(frozen_dir, colours):
    import dataclasses

    other = dataclasses.replace(colours, labels=["a", "b", "c"])
    with pytest.raises(EvaluationError, match=r"label sets differ: .* label 0 is 'blue' there and 'a' here"):
        read_predictions(frozen_dir / "predictions.parquet", catalogue=other)
