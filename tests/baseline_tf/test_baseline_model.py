from __future__ import annotations

import math

import numpy as np
import pytest

pytestmark = [pytest.mark.tf]


def predict(net, images):
    """Without a graph: tracing an EfficientNet-B0 takes seconds; test_baseline_predictor has the traced pass."""
    return net(images, training=False).numpy()


def test_loaded_by_path_equals_keras_own_imagenet_route(notop_file, pixels, monkeypatch):
    from keras.src.utils import file_utils

    from bakeoff.baseline_tf.model import build_backbone
    from bakeoff.baseline_tf.runtime import keras
    from bakeoff.baseline_tf.weights_file import load_backbone, read_weights_file

    asked = []

    def get_file(name, *args, **kwargs):
        asked.append(name)
        return str(notop_file)

    monkeypatch.setattr(file_utils, "get_file", get_file)
    theirs = keras.applications.EfficientNetB0(
        include_top=False, weights="imagenet", input_shape=(32, 32, 3), pooling="avg"
    )
    ours = build_backbone(32, imagenet_rescaling=True)
    load_backbone(ours, read_weights_file(notop_file))
    without = build_backbone(32, imagenet_rescaling=False)
    load_backbone(without, read_weights_file(notop_file))
    assert asked == ["efficientnetb0_notop.h5"]
    np.testing.assert_array_equal(predict(ours, pixels), predict(theirs, pixels))
    assert np.abs(predict(without, pixels) - predict(theirs, pixels)).max() > 1e-3


def test_the_extra_layer_divides_by_the_root_of_the_channels_std():
    from bakeoff.baseline_tf.model import build_backbone
    from bakeoff.baseline_tf.runtime import keras

    net = build_backbone(32, imagenet_rescaling=True)
    scales = [layer.scale for layer in net.layers if isinstance(layer, keras.layers.Rescaling)]
    assert scales[0] == 1 / 255
    np.testing.assert_allclose(scales[1], [1 / math.sqrt(std) for std in (0.229, 0.224, 0.225)])


def test_parameters_are_counted_as_pytorch_counts_them(backbone):
    from bakeoff.baseline_tf.model import build_classifier, count_parameters

    backbone.trainable = False
    classifier = build_classifier(backbone, n_classes=3, loss="bce", dropout=0.2, seed=0)
    assert (
        count_parameters(classifier) == 4_007_548 + 1280 * 3 + 3
    )  # timm's efficientnet_b0 has 4,007,548 without its head
    assert count_parameters(classifier, trainable_only=True) == 1280 * 3 + 3


@pytest.mark.parametrize(("loss", "activation"), [("cross_entropy", "softmax"), ("bce", "sigmoid")])
def test_the_head_ends_as_the_loss_wants_and_shares_its_weights(pixels, loss, activation):
    from bakeoff.baseline_tf.forward import compile_forward, to_probabilities
    from bakeoff.baseline_tf.model import build_classifier, build_head, score_model
    from baseline_tf.conftest import build_three_layers

    backbone = build_three_layers(32, imagenet_rescaling=True)
    backbone.trainable = False
    classifier = build_classifier(backbone, n_classes=3, loss=loss, dropout=0.5, seed=0)
    assert classifier.get_layer("probabilities").activation.__name__ == activation
    scores, what = score_model(classifier)
    logits = predict(scores, pixels)
    head = compile_forward(build_head(classifier))(predict(backbone, pixels))
    np.testing.assert_allclose(head, logits, atol=1e-5)
    assert what == "logits"
    kind = {"softmax": "softmax", "sigmoid": "sigmoid_normalised"}[activation]
    outputs = predict(classifier, pixels)
    expected = outputs / outputs.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(to_probabilities(logits, score=what, kind=kind), expected, atol=1e-6)
