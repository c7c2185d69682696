from __future__ import annotations

import numpy as np
import pytest

from bakeoff.data.transforms import transform_photo
from bakeoff.records.settings import Geometry

pytestmark = pytest.mark.tf


@pytest.fixture
def images(colours):
    from bakeoff.baseline_tf.sequence import Batches, Preprocessing
    from bakeoff.data.transforms import read_pixels

    rows, used = colours.rows("train"), Preprocessing(image_size=32)

    def photos(chosen):
        return read_pixels(colours.at(rows[chosen]), used).astype(np.float32)

    return Batches(colours, rows, photos, batch_size=10, seed=5)


def test_it_is_a_keras_sequence_without_workers(images):
    from bakeoff.baseline_tf.runtime import keras

    assert isinstance(images, keras.utils.PyDataset)
    assert images.workers == 0


def test_24_products_in_batches_of_10_are_10_10_and_4(images):
    assert [len(images[index][0]) for index in range(len(images))] == [10, 10, 4]


def test_a_batch_holds_the_photos_in_0_to_255_and_their_one_hot_labels(images, colours):
    pixels, one_hot = images[0]
    first = colours.rows("train")[images.order[0]]
    photo = colours.at([first]).photo(0)
    used = Geometry(image_size=32, crop_pct=0.875, crop_mode="center", interpolation="bicubic")
    expected = transform_photo(photo, used)
    assert pixels.shape == (10, 32, 32, 3)
    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(pixels[0], expected)
    assert pixels.max() > 200
    np.testing.assert_array_equal(one_hot.sum(axis=1), 1)
    assert one_hot[0].argmax() == colours.label_ids([first])[0]


def test_the_order_follows_seed_and_epoch_alone(images):
    first = images.order
    images.set_epoch(1)
    second = images.order
    images.set_epoch(0)
    np.testing.assert_array_equal(images.order, first)
    assert not np.array_equal(first, second)
    assert sorted(second) == list(range(24))


def test_without_a_seed_the_order_is_the_catalogues(colours):
    from bakeoff.baseline_tf.sequence import Batches

    rows = colours.rows("validation")
    features = np.arange(6, dtype=np.float32).reshape(3, 2)
    sequence = Batches(colours, rows, features.__getitem__, batch_size=2)
    assert len(sequence) == 1  # a third row alone joins the two before it
    np.testing.assert_array_equal(sequence[0][0], features)


def test_training_weights_come_along_where_they_differ(colours):
    import dataclasses

    from bakeoff.baseline_tf.sequence import Batches

    products = colours.products.assign(weight=np.linspace(0.5, 1, len(colours.products), dtype=np.float32))
    weighted = dataclasses.replace(colours, products=products)
    rows = colours.rows("train")
    sequence = Batches(weighted, rows, np.zeros((len(rows), 2), np.float32).__getitem__, batch_size=24, seed=0)
    np.testing.assert_allclose(sequence[0][2], products["weight"].to_numpy()[rows[sequence.order]])
    assert sequence.weights_of(0).sum() == pytest.approx(products["weight"].to_numpy()[rows].sum())


def test_a_single_last_row_joins_the_batch_before(colours):
    from bakeoff.baseline_tf.sequence import Batches

    rows = colours.rows("train")  # 24 = 23 + 1
    sequence = Batches(colours, rows, np.zeros((24, 2), np.float32).__getitem__, batch_size=23, seed=0)
    assert [len(sequence[index][0]) for index in range(len(sequence))] == [24]
    assert sequence.weights_of(0).tolist() == [1.0] * 24
