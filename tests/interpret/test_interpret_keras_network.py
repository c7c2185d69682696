"""The baseline's end of the pipe: slopes and maps by hand, whatever the network's shape, and answers over the wire."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest

from bakeoff.core.errors import MemoryExhaustedError
from bakeoff.interpret import keras_worker
from bakeoff.interpret.subject import NotExplainable
from bakeoff.records.settings import Geometry

# numpy 2 warns wherever Keras 3.15 turns a variable into an array
_KERAS_ARRAY = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
pytestmark = [pytest.mark.tf, pytest.mark.filterwarnings(_KERAS_ARRAY)]
LABELS = ["blue", "green", "red"]
SIDE = 32


@pytest.fixture
def opened():
    """Return what makes a `KerasNetwork` of a model."""
    pytest.importorskip("tensorflow")
    from bakeoff.baseline_tf.model import score_model
    from bakeoff.baseline_tf.runtime import Device
    from bakeoff.baseline_tf.sequence import Preprocessing
    from bakeoff.interpret.keras_network import KerasNetwork
    from bakeoff.predictors.keras_predictor import KerasFacts, KerasPredictor

    def make(model) -> KerasNetwork:
        facts = KerasFacts(
            labels=LABELS,
            preprocessing=Preprocessing(image_size=SIDE),
            score=score_model(model)[1],
            loss="cross_entropy",
            n_parameters=1,
            file_mib=1.0,
            source="model.keras",
        )
        return KerasNetwork(KerasPredictor(lambda: model, facts, device=Device("cpu", "test", 1)))

    return make


def build(head: str, *, nested: int = 0):
    """Return a foreign model: 4 x 4 maps of 5 channels, pooled in one of several ways, then one dense layer."""
    from bakeoff.baseline_tf.runtime import keras

    layers = keras.layers
    images = keras.Input((SIDE, SIDE, 3))
    maps = layers.Conv2D(5, 8, strides=8, activation="relu", bias_initializer="ones", name="last")(
        layers.Rescaling(1 / 255)(images)
    )
    if head == "flatten":
        pooled = layers.Flatten()(maps)
    else:
        pooled = layers.GlobalAveragePooling2D(keepdims=head == "kept")(maps)
        pooled = layers.Flatten()(layers.Dropout(0.5)(pooled))
    backbone = keras.Model(images, pooled)
    for _ in range(nested):
        images = keras.Input((SIDE, SIDE, 3))
        backbone = keras.Model(images, backbone(images))
    scores = layers.Dense(3, activation="softmax" if head == "softmax" else None, name="dense")(backbone.output)
    return keras.Model(backbone.input, keras.ops.take(scores, [2, 0, 1], axis=-1))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((4, SIDE, SIDE, 3)).astype(np.float32)


WEIGHTS = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]


@pytest.mark.parametrize(("head", "nested"), [("plain", 0), ("plain", 2), ("kept", 1), ("flatten", 1)])
def test_the_last_map_and_its_slope_by_hand(opened, images, head, nested):
    """Behind the map everything is linear: a mean or none, and the dense layer, whose outputs are turned round."""
    model = build(head, nested=nested)
    network = opened(model)
    maps, slopes = network.feature_map(images, WEIGHTS)
    assert maps.shape == slopes.shape == (4, 5, 4, 4)
    kernel, bias = (variable.numpy() for variable in model.get_layer("dense").weights)
    by_class = kernel[:, [2, 0, 1]].T  # (3, D)
    if head == "flatten":
        expected = by_class.reshape(3, 4, 4, 5).transpose(0, 3, 1, 2)
    else:
        expected = np.broadcast_to(by_class[:, :, None, None] / 16, (3, 5, 4, 4))
    np.testing.assert_allclose(slopes, expected[[0, 1, 2, 0]], atol=1e-6)
    scores = np.einsum("nchw,kchw->nk", maps, expected) + bias[[2, 0, 1]]
    np.testing.assert_allclose(network.scores(images), scores, atol=1e-5)
    np.testing.assert_allclose(network.features(images), maps.mean((2, 3)), atol=1e-6)


def test_slopes_of_an_image_equal_finite_differences(opened, images):
    network = opened(build("softmax", nested=1))
    slopes = network.slopes(images, WEIGHTS)
    assert slopes.shape == images.shape
    lengths = np.linalg.norm(slopes.reshape(4, -1), axis=1)
    direction = slopes / lengths[:, None, None, None]
    ahead, behind = ((network.scores(images + step * direction) * WEIGHTS).sum(1) for step in (0.01, -0.01))
    np.testing.assert_allclose((ahead - behind) / 0.02, lengths, rtol=0.02)


def test_what_is_explained_is_named(opened, images):
    assert opened(build("plain")).describe()["score"] == "logit"
    network = opened(build("softmax"))
    told = network.describe()
    assert (told["score"], told["labels"], type(told["preprocessing"])) == ("probability", LABELS, Geometry)
    np.testing.assert_allclose(network.scores(images), network.probabilities(images), atol=1e-6)


def test_a_network_without_maps_says_so(opened, images):
    from bakeoff.baseline_tf.runtime import keras

    model = keras.Sequential([keras.Input((SIDE, SIDE, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
    network = opened(model)
    assert network.slopes(images, WEIGHTS).shape == images.shape
    with pytest.raises(NotExplainable, match="its network has no map of features before it pools them"):
        network.feature_map(images, WEIGHTS)


def test_random_weights_are_all_others_and_photos_are_normalised_alike(opened, images):
    from bakeoff.baseline_tf.model import build_backbone, build_classifier, draw_anew, parts_of
    from bakeoff.baseline_tf.runtime import keras

    backbone = build_backbone(SIDE, imagenet_rescaling=True)
    model = build_classifier(backbone, n_classes=3, loss="cross_entropy", dropout=0.2, seed=0)
    for part in parts_of(model):
        if isinstance(part, keras.layers.Normalization):
            part.load_own_variables({"0": np.float32([0.4] * 3), "1": np.float32([0.3] * 3), "2": np.int32(0)})
        else:
            part.set_weights([one + 0.01 if one.dtype == np.float32 else one for one in part.get_weights()])
    fresh = draw_anew(model, 5)
    kinds = {part.__class__.__name__: [] for part in parts_of(model)}
    for old, new in zip(parts_of(model), parts_of(fresh), strict=True):
        same = [np.array_equal(a, b) for a, b in zip(old.get_weights(), new.get_weights(), strict=True)]
        kinds[old.__class__.__name__] += same
    assert kinds.pop("Normalization") == [True] * 3
    assert not any(kinds["Conv2D"] + kinds["DepthwiseConv2D"] + kinds["BatchNormalization"])
    network = opened(model)
    scores, other = network.randomised(5).scores(images), network.randomised(6).scores(images)
    np.testing.assert_allclose(scores, opened(fresh).scores(images), atol=1e-6)
    assert np.abs(scores - other).max() > 0


def test_memory_that_runs_out_is_told(opened, images, monkeypatch):
    from bakeoff.baseline_tf.runtime import tf

    def exhausted(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "failed to allocate memory")

    network = opened(build("plain"))
    monkeypatch.setattr(network, "_slopes", exhausted)
    told = r"baseline_tf: explaining 4 photos of 32 x 32 px: out of memory; lower interpret\.batch_px, or set compute"
    with pytest.raises(MemoryExhaustedError, match=told):
        network.slopes(images, WEIGHTS)


def test_answers_and_problems_go_over_the_wire(opened, images, monkeypatch, tmp_path):
    from bakeoff.baseline_tf.runtime import keras

    layers = [keras.Input((SIDE, SIDE, 3)), keras.layers.Flatten(), keras.layers.Dense(3)]
    network = opened(keras.Sequential(layers))
    monkeypatch.setattr("bakeoff.interpret.keras_network.open_network", lambda folder, *, device, threads: network)
    asked = [(0, "scores", (images,)), (0, "features", (images,)), (0, "randomised", (1,)), (1, "scores", (images,))]
    questions, answers = io.BytesIO(b"".join(pickle.dumps(one) for one in [*asked, asked[0]])), io.BytesIO()
    keras_worker.serve(tmp_path, "cpu", 1, questions, answers)
    answers.seek(0)
    first, problem, number, other, last = (pickle.load(answers) for _ in range(5))
    assert answers.read() == b""
    assert (type(problem), number) == (NotExplainable, 1)
    np.testing.assert_array_equal(first, last)
    assert np.abs(first - other).max() > 1e-3
