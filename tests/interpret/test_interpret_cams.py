"""The maps from a network's last layer and from its attention: by hand, and against torchcam."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from small_networks import N_CLASSES, photo_classifier, red_and_green, settings, subject

from bakeoff.backbones.classifier import build_classifier
from bakeoff.interpret.methods import METHODS
from bakeoff.interpret.subject import NotExplainable
from bakeoff.interpret.upsample import upsampled
from bakeoff.records.recipe import HeadParams

pytestmark = pytest.mark.torch
WEIGHTS = np.array([[2, -1], [-1, 3], [0, 0]], np.float32)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


def attribute(name, network, images, targets):
    method = METHODS[name]
    return method.attribute(network, images, np.array(targets), method.Settings())


@pytest.fixture(scope="module")
def photos():
    return np.random.default_rng(0).random((3, 32, 32, 3), dtype=np.float32)


@pytest.fixture(scope="module")
def by_hand():
    return subject(red_and_green(WEIGHTS), 32)


@pytest.mark.parametrize("targets", [[0, 1, 1], [1, 0, 2]])
def test_the_maps_of_a_linear_head_by_hand(by_hand, photos, targets):
    red, green = photos[..., 0], photos[..., 1]
    w, v = WEIGHTS[targets].T[:, :, None, None]
    places = 32 * 32
    cam = w * red + v * green
    np.testing.assert_allclose(attribute("cam", by_hand, photos, targets), cam, atol=1e-5)
    np.testing.assert_allclose(
        attribute("grad_cam", by_hand, photos, targets), np.maximum(cam, 0) / places, rtol=1e-4, atol=1e-9
    )
    positive = np.maximum(w, 0) * red + np.maximum(v, 0) * green
    np.testing.assert_allclose(
        attribute("layer_cam", by_hand, photos, targets), positive / places, rtol=1e-4, atol=1e-9
    )

    def weight(slope, channel):  # the same at every place: alpha times the positive gradient, summed over them
        return np.maximum(slope, 0) / (2 + slope / places * channel.sum(axis=(1, 2), keepdims=True))

    plus_plus = weight(w, red) * red + weight(v, green) * green
    np.testing.assert_allclose(
        attribute("grad_cam_plus_plus", by_hand, photos, targets), np.maximum(plus_plus, 0), rtol=1e-4, atol=1e-9
    )


def test_cam_averages_to_the_score_less_the_bias(by_hand, photos):
    targets = np.array([0, 1, 1])
    found = attribute("cam", by_hand, photos, targets)
    np.testing.assert_allclose(found.mean(axis=(1, 2)), by_hand.scores(photos)[np.arange(3), targets] - 0.3, atol=1e-5)


def varying(maps, slopes):
    """Return a stand-in whose last map and gradient are given: only there a gradient can be set place by place."""
    return SimpleNamespace(image_size=maps.shape[2], feature_map=lambda images, targets: (maps, slopes))


def test_gradients_that_differ_by_place_count_place_by_place():
    maps = np.array([[[[1, 2], [3, 4]]]], np.float32)
    slopes = np.array([[[[1, -1], [0, 2]]]], np.float32)
    asked = (np.zeros((1, 2, 2, 3)), [0])
    np.testing.assert_allclose(attribute("grad_cam", varying(maps, slopes), *asked), maps[:, 0] * 0.5)
    np.testing.assert_allclose(attribute("layer_cam", varying(maps, slopes), *asked), [[[1, 0], [0, 8]]])
    weight = 1 / (2 + 10) + 2 * 4 / (2 * 4 + 8 * 10)  # alpha = g² / (2 g² + g³ · 10), times the gradient
    np.testing.assert_allclose(
        attribute("grad_cam_plus_plus", varying(maps, slopes), *asked), maps[:, 0] * weight, rtol=1e-6
    )
    with pytest.raises(NotExplainable, match="the head is not linear on the average of the last map"):
        attribute("cam", varying(maps, slopes), *asked)


@pytest.fixture(scope="module")
def resnet():
    classifier = build_classifier(settings(64), n_classes=N_CLASSES, seed=0, weights_dir=None)
    with torch.no_grad():
        weight = classifier.head.get_parameter("1.weight")
        weight.mul_(100)  # torchcam adds 1e-8 to squared gradients, which must be small beside them
        weight[1] = -weight[0]  # one of the two scores is positive, so that rectified maps are not empty
    return photo_classifier(classifier, 64)


@pytest.mark.parametrize("name", ["cam", "grad_cam", "grad_cam_plus_plus", "layer_cam"])
def test_equals_torchcam_on_resnet18(resnet, name):
    from torchcam import methods

    layer = "classifier.backbone.layer4"
    theirs = {
        "cam": lambda: methods.CAM(resnet, layer, "classifier.head.1"),
        "grad_cam": lambda: methods.GradCAM(resnet, layer),
        # Not its GradCAMpp: in 0.5.0 it divides a copy, which leaves alpha at g². Without noise this one is the same.
        "grad_cam_plus_plus": lambda: methods.SmoothGradCAMpp(resnet, layer, num_samples=1, std=1e-12),
        "layer_cam": lambda: methods.LayerCAM(resnet, layer),
    }
    images = np.random.default_rng(1).random((2, 64, 64, 3), dtype=np.float32)
    batch = torch.from_numpy(images).permute(0, 3, 1, 2).requires_grad_(True)
    with theirs[name]() as extractor:
        scores = resnet(batch)
        targets = scores.argmax(dim=1).tolist()
        (expected,) = extractor(targets, scores, normalized=False)
    expected = expected.detach().numpy()
    assert expected.shape == (2, 2, 2)
    found = attribute(name, subject(resnet, 64), images, targets)
    scale = np.abs(expected).max()
    assert scale > 0
    np.testing.assert_allclose(found / scale, upsampled(expected / scale, 64), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "hidden"), [("plain_cnn", []), ("resnet18", [128]), ("test_convnext", []), ("test_vit", [])]
)
def test_cam_is_refused_where_the_head_is_not_linear_on_the_average(name, hidden):
    head = HeadParams(hidden=hidden, batch_norm=False, dropout=0.0)
    classifier = build_classifier(settings(64, name=name, head=head), n_classes=N_CLASSES, seed=0, weights_dir=None)
    network = subject(photo_classifier(classifier, 64), 64)
    photos = np.random.default_rng(0).random((3, 64, 64, 3), dtype=np.float32)
    with pytest.raises(NotExplainable, match="the head is not linear on the average of the last map"):
        attribute("cam", network, photos, [0, 1, 2])
    assert attribute("layer_cam", network, photos, [0, 1, 2]).any()


def test_maps_are_bilinear_between_the_centres_of_their_places():
    (found,) = upsampled(np.array([[[0, 4], [8, 12]]]), 4)
    np.testing.assert_allclose(found, [[0, 1, 3, 4], [2, 3, 5, 6], [6, 7, 9, 10], [8, 9, 11, 12]])
    assert found.dtype == np.float32


def attending(*blocks, read):
    """Return a stand-in for a network of which only the attention of its blocks and its head is known."""
    found = np.array([blocks], np.float32), np.array([read], np.float32)
    return SimpleNamespace(image_size=2, attention=lambda images: found)


def test_rollout_by_hand_on_three_tokens():
    first = [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    second = [[0.5, 0.5, 0], [0, 0, 1], [0, 1, 0]]
    # Half identity: [[.5, 0, .5], [0, 1, 0], [.5, 0, .5]], then [[.75, .25, 0], [0, .5, .5], [0, .5, .5]] times that;
    # the class token's row is [.375, .25, .375], and the third token the only patch.
    found = attribute("attention_rollout", attending(first, second, read=[1, 0, 0]), np.zeros((1, 2, 2, 3)), [0])
    np.testing.assert_allclose(found, np.full((1, 2, 2), 0.375))


def test_rollout_reads_the_rows_of_the_tokens_that_the_head_reads():
    with_class = np.full((5, 5), 0.2)
    with_class[0] = [0, 0.4, 0.3, 0.2, 0.1]
    found = attribute("attention_rollout", attending(with_class, read=[1, 0, 0, 0, 0]), np.zeros((1, 2, 2, 3)), [0])
    np.testing.assert_allclose(found, [[[0.2, 0.15], [0.1, 0.05]]], rtol=1e-6)
    patches = np.full((1, 2, 2), 0.1 + 0.5 / 4)  # half identity: 1 / 8 each
    given = attending(with_class, read=[0, 0.25, 0.25, 0.25, 0.25])
    np.testing.assert_allclose(attribute("attention_rollout", given, np.zeros((1, 2, 2, 3)), [0]), patches, rtol=1e-6)
    without = attending(np.tile([0.1, 0.2, 0.3, 0.4], (4, 1)), read=[0.25, 0.25, 0.25, 0.25])
    found = attribute("attention_rollout", without, np.zeros((1, 2, 2, 3)), [0])
    np.testing.assert_allclose(found, [[[0.175, 0.225], [0.275, 0.325]]], rtol=1e-6)


def test_rollout_is_the_same_for_every_class_and_adds_up_with_the_prefix():
    classifier = build_classifier(settings(64, name="test_vit"), n_classes=N_CLASSES, seed=0, weights_dir=None)
    network = subject(photo_classifier(classifier, 64), 64)
    images = np.random.default_rng(2).random((3, 64, 64, 3), dtype=np.float32)
    found = attribute("attention_rollout", network, images, [0, 1, 2])
    np.testing.assert_array_equal(found, attribute("attention_rollout", network, images, [2, 2, 2]))
    assert found.min() > 0
    sums = found.mean(axis=(1, 2)) * 16  # 4 x 4 patches; upsampling weighs their centres alike but for the edges
    assert ((sums > 0.3) & (sums < 1.0)).all()
