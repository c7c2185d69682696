from __future__ import annotations

import numpy as np
import pytest

from bakeoff.core.errors import DataError, WeightsError

# Keras itself warns that .h5 is its legacy format
pytestmark = [pytest.mark.tf, pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")]

CLASSES = ["red", "blue", "green"]
LABELS = ["blue", "green", "red"]


@pytest.fixture(scope="module")
def earlier(backbone):
    """The earlier project's classifier, classes in an order of its own."""
    from bakeoff.baseline_tf.runtime import keras

    keras.utils.set_random_seed(1)
    outputs = keras.layers.Dense(3, activation="softmax", name="top")(backbone.output)
    return keras.Model(backbone.input, outputs, name="earlier")


def load(params, path, class_names=CLASSES, **changes):
    from bakeoff.baseline_tf.earlier_model import load_earlier_model

    changed = params(mode="as_is", weights_file=str(path), class_names="classes.txt", **changes)
    return load_earlier_model(changed, weights_file=path, class_names=class_names, labels=LABELS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["keras", "legacy", "native", "legacy_weights"])
def test_outputs_are_put_into_the_catalogues_order(kind, tmp_path, earlier, params, pixels, write_legacy):
    """Also of the model saved as ours and loaded again, for one that comes whole and one that is rebuilt."""
    from bakeoff.baseline_tf.runtime import keras

    path = tmp_path / {"keras": "m.keras", "native": "m.weights.h5"}.get(kind, "m.h5")
    if kind == "legacy_weights":
        write_legacy(path, earlier)
    elif kind == "native":
        earlier.save_weights(path)
    else:
        earlier.save(path)
    model = load(params, path)
    expected = earlier(pixels, training=False).numpy()[:, [1, 2, 0]]
    np.testing.assert_allclose(model(pixels, training=False).numpy(), expected, atol=1e-6)
    if kind in ("keras", "native"):
        model.save(tmp_path / "ours.keras")
        again = keras.models.load_model(tmp_path / "ours.keras")
        np.testing.assert_allclose(again(pixels, training=False).numpy(), expected, atol=1e-6)


def test_classes_that_differ_are_refused_with_both_sides(tmp_path, earlier, params):
    earlier.save(tmp_path / "m.keras")
    with pytest.raises(DataError, match=r"only in baseline\.class_names: \['pink'\]; only in the catalogue: \['red'\]"):
        load(params, tmp_path / "m.keras", ["pink", "blue", "green"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5"])
def test_another_number_of_outputs_is_refused(name, tmp_path, backbone, params):
    from bakeoff.baseline_tf.runtime import keras

    five = keras.Model(backbone.input, keras.layers.Dense(5, activation="softmax")(backbone.output))
    five.save(tmp_path / name) if name.endswith(".keras") else five.save_weights(tmp_path / name)
    with pytest.raises(WeightsError, match=r"has 5 outputs, but baseline\.class_names lists 3 classes"):
        load(params, tmp_path / name)


def test_weights_alone_with_a_deeper_head_are_refused(tmp_path, backbone, params):
    from bakeoff.baseline_tf.runtime import keras

    hidden = keras.layers.Dense(8, name="hidden")(backbone.output)
    keras.Model(backbone.input, keras.layers.Dense(3, name="top")(hidden)).save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(WeightsError, match=r"is not one dense layer on 1280 features .*\['hidden', 'top'\]"):
        load(params, tmp_path / "m.weights.h5")


def test_another_network_is_refused(tmp_path, params):
    from bakeoff.baseline_tf.runtime import keras

    other = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
    other.save(tmp_path / "m.keras")
    with pytest.raises(WeightsError, match="does not hold an EfficientNet-B0"):
        load(params, tmp_path / "m.keras")


def test_a_backbone_without_a_head_is_refused(tmp_path, params):
    from bakeoff.baseline_tf.runtime import keras

    net = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(32, 32, 3))
    net.save(tmp_path / "m.keras")
    with pytest.raises(WeightsError, match=r"must give one score per class, \(N, K\), its output is"):
        load(params, tmp_path / "m.keras")


def test_images_that_are_not_square_are_refused(tmp_path, params):
    from bakeoff.baseline_tf.runtime import keras

    net = keras.applications.EfficientNetB0(include_top=True, classes=3, weights=None, input_shape=(32, 64, 3))
    net.save(tmp_path / "m.keras")
    with pytest.raises(WeightsError, match="must take square RGB images"):
        load(params, tmp_path / "m.keras")


def test_code_in_a_model_file_is_not_run(tmp_path, backbone, params):
    from bakeoff.baseline_tf.runtime import keras

    shifted = keras.layers.Lambda(lambda x: x + 1)(backbone.output)
    keras.Model(backbone.input, keras.layers.Dense(3)(shifted)).save(tmp_path / "m.keras")
    with pytest.raises(WeightsError, match="cannot be rebuilt by Keras"):
        load(params, tmp_path / "m.keras")
