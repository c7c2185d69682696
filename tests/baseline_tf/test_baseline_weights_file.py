from __future__ import annotations

import numpy as np
import pytest

from bakeoff.core.errors import WeightsError

# Keras itself warns that .h5 is its legacy format
pytestmark = [pytest.mark.tf, pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")]


@pytest.fixture(scope="module")
def classifier(backbone):
    from bakeoff.baseline_tf.model import build_classifier

    return build_classifier(backbone, n_classes=3, loss="cross_entropy", dropout=0.2, seed=0)


@pytest.fixture(scope="module")
def emptied(backbone):
    """The same network, all zeros; every test that asks for it starts it anew."""
    from bakeoff.baseline_tf.model import build_backbone

    return build_backbone(32, imagenet_rescaling=True)


@pytest.fixture(scope="module")
def flat(backbone):
    """The same network as Keras' users often build it: one flat graph."""
    from bakeoff.baseline_tf.runtime import keras

    return keras.Model(backbone.input, keras.layers.Dense(3, activation="softmax", name="top")(backbone.output))


def write(kind, folder, net, write_legacy_weights):
    path = folder / {"keras": "m.keras", "native": "m.weights.h5"}.get(kind.split("-")[0], "m.h5")
    if kind.startswith("legacy_weights"):
        write_legacy_weights(path, net)
    elif kind.startswith("native"):
        net.save_weights(path)
    else:
        net.save(path)
    return path


KINDS = ["keras-nested", "keras-flat", "native-nested", "native-flat", "legacy-nested", "legacy-flat"]
KINDS += ["legacy_weights-nested", "legacy_weights-flat"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_the_same_backbone(kind, tmp_path, classifier, flat, backbone, emptied, write_legacy):
    from bakeoff.baseline_tf.weights_file import load_backbone, read_weights_file

    weights = read_weights_file(write(kind, tmp_path, flat if kind.endswith("flat") else classifier, write_legacy))
    emptied.set_weights([np.zeros_like(values) for values in emptied.get_weights()])
    load_backbone(emptied, weights)
    for ours, theirs in zip(emptied.get_weights(), backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert list(weights.others()) == ["top" if kind.endswith("flat") else "logits"]
    assert weights.imagenet_rescaling is (None if kind == "legacy_weights-nested" else True)
    assert weights.whole_model is kind.startswith(("keras", "legacy-"))


def test_a_network_without_the_extra_layer_is_told_apart(tmp_path):
    from bakeoff.baseline_tf.model import build_backbone
    from bakeoff.baseline_tf.weights_file import read_weights_file

    plain = build_backbone(32, imagenet_rescaling=False)
    for name in ("plain.keras", "plain.weights.h5"):
        plain.save(tmp_path / name) if name.endswith("keras") else plain.save_weights(tmp_path / name)
        assert read_weights_file(tmp_path / name).imagenet_rescaling is False


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    from bakeoff.baseline_tf.weights_file import read_weights_file

    with pytest.raises(WeightsError, match=r"gone\.h5 is missing"):
        read_weights_file(tmp_path / "gone.h5")


def test_another_ending_lists_the_legal_ones(tmp_path):
    from bakeoff.baseline_tf.weights_file import read_weights_file

    (tmp_path / "m.pt").write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"must end in one of \.weights\.h5, \.h5, \.hdf5, \.keras"):
        read_weights_file(tmp_path / "m.pt")


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.weights.h5"])
def test_a_file_that_is_something_else(tmp_path, name):
    from bakeoff.baseline_tf.weights_file import read_weights_file

    (tmp_path / name).write_bytes(b"<html>not found</html>")
    with pytest.raises(WeightsError, match="is not a Keras weights file"):
        read_weights_file(tmp_path / name)


def test_another_architecture_is_refused(tmp_path, backbone):
    from bakeoff.baseline_tf.runtime import keras
    from bakeoff.baseline_tf.weights_file import load_backbone, read_weights_file

    other = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="stem_other")])
    other.save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(
        WeightsError, match=r"does not hold an EfficientNet-B0: \d+ of \d+ layers are missing .* too many"
    ):
        load_backbone(backbone, read_weights_file(tmp_path / "other.weights.h5"))


@pytest.mark.slow
def test_a_deeper_efficientnet_is_refused(tmp_path, backbone):
    from bakeoff.baseline_tf.runtime import keras
    from bakeoff.baseline_tf.weights_file import load_backbone, read_weights_file

    deeper = keras.applications.EfficientNetB1(include_top=False, weights=None, input_shape=(32, 32, 3))
    deeper.save_weights(tmp_path / "b1.weights.h5")
    with pytest.raises(WeightsError, match="layers are too many"):
        load_backbone(backbone, read_weights_file(tmp_path / "b1.weights.h5"))


def test_another_shape_is_refused(notop_file, backbone):
    import dataclasses

    from bakeoff.baseline_tf.weights_file import load_backbone, read_weights_file

    weights = read_weights_file(notop_file)
    narrow = dataclasses.replace(weights, layers=weights.layers | {"stem_conv": [np.zeros((3, 3, 3, 16))]})
    with pytest.raises(WeightsError, match=r"layer stem_conv needs arrays of shape \[\(3, 3, 3, 32\)\]"):
        load_backbone(backbone, narrow)
