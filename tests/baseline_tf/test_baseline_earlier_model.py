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
    from bakeoff.baseline_tf.initial import load_earlier_model

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


@pytest.fixture(scope="module")
def keras_layers():
    from bakeoff.baseline_tf.runtime import keras

    return keras, keras.layers


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "policy"),
    [("m.keras", "mixed_float16"), ("m.h5", "float32"), ("m.weights.h5", "float32")],
)
def test_a_sequential_model_with_augmentation_answers_as_before_it_was_saved(
    name, policy, tmp_path, backbone, params, pixels, keras_layers
):
    keras, layers = keras_layers
    keras.utils.set_random_seed(1)
    keras.mixed_precision.set_global_policy(policy)
    try:
        augment = keras.Sequential([layers.RandomFlip(), layers.RandomZoom(0.1)], name="augment")
        top = layers.Dense(3, activation="softmax", dtype="float32")
        model = keras.Sequential([keras.Input((32, 32, 3)), augment, backbone, layers.Dropout(0.3), top])
    finally:
        keras.mixed_precision.set_global_policy("float32")
    model.save_weights(tmp_path / name) if name.endswith("weights.h5") else model.save(tmp_path / name)
    expected = model(pixels, training=False).numpy()[:, [1, 2, 0]]
    np.testing.assert_allclose(load(params, tmp_path / name)(pixels, training=False).numpy(), expected, atol=1e-4)


def altered(kind, backbone, keras, layers):
    """A classifier with a layer that holds no weights and alters what the backbone sees or gives."""
    images = keras.Input((32, 32, 3))
    before = {"rescaling": layers.Rescaling(0.5), "lambda": layers.Lambda(lambda x: x * 0.5, output_shape=(32, 32, 3))}
    maps = keras.Model(backbone.input, backbone.layers[-1].input)(before.get(kind, lambda x: x)(images))
    pooling = layers.GlobalMaxPooling2D() if kind == "global_max_pooling2d" else layers.GlobalAveragePooling2D()
    return keras.Model(images, layers.Dense(3, activation="softmax", name="top")(pooling(maps)))


@pytest.mark.parametrize("kind", ["rescaling", "lambda", "global_max_pooling2d"])
@pytest.mark.parametrize("legacy", [True, False])
def test_weights_alone_of_a_model_that_does_more_are_refused(
    kind, legacy, tmp_path, backbone, params, keras_layers, write_legacy
):
    path = tmp_path / ("m.h5" if legacy else "m.weights.h5")
    model = altered(kind, backbone, *keras_layers)
    write_legacy(path, model) if legacy else model.save_weights(path)
    with pytest.raises(WeightsError, match=rf"not one dense layer on 1280 features .*\['{kind}\S*', 'top'\]"):
        load(params, path)


def test_weights_that_are_no_numbers_are_refused(tmp_path, earlier, params):
    top = earlier.get_layer("top")
    before = top.get_weights()
    top.set_weights([before[0] * np.nan, before[1]])
    earlier.save_weights(tmp_path / "m.weights.h5")
    top.set_weights(before)
    with pytest.raises(WeightsError, match=r"m\.weights\.h5 holds NaN or infinite numbers in top; give an earlier"):
        load(params, tmp_path / "m.weights.h5")


def test_code_in_a_model_file_is_not_run(tmp_path, backbone, params):
    from bakeoff.baseline_tf.runtime import keras

    shifted = keras.layers.Lambda(lambda x: x + 1)(backbone.output)
    keras.Model(backbone.input, keras.layers.Dense(3)(shifted)).save(tmp_path / "m.keras")
    with pytest.raises(WeightsError, match=r"cannot be rebuilt by Keras .*no Lambda, no class of its own"):
        load(params, tmp_path / "m.keras")
