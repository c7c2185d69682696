"""Building, freezing, and seeds of the classifier on small timm networks."""

import pytest

torch = pytest.importorskip("torch")
from bakeoff.backbones.classifier import build_classifier, build_head, n_parameters, set_mode  # noqa: E402
from bakeoff.core.errors import ParamsError  # noqa: E402
from bakeoff.core.modes import parse_mode  # noqa: E402
from bakeoff.records.recipe import HeadParams  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def build(settings, *, seed=0, n_classes=3):
    return build_classifier(settings, n_classes=n_classes, seed=seed, weights_dir=None)


def step(classifier, size=64):
    """One optimiser step in training mode; returns (parameters, buffers) before it, by name."""
    parameters = {key: value.detach().clone() for key, value in classifier.named_parameters()}
    buffers = {key: value.clone() for key, value in classifier.named_buffers()}
    classifier.train()
    optimiser = torch.optim.SGD([p for p in classifier.parameters() if p.requires_grad], lr=0.5)
    loss = torch.nn.functional.cross_entropy(classifier(torch.randn(4, 3, size, size)), torch.tensor([0, 1, 2, 0]))
    loss.backward()
    optimiser.step()
    return parameters, buffers


def test_head_layers_in_order():
    head = build_head(HeadParams(hidden=[5, 4], batch_norm=True, dropout=0.5), n_features=6, n_classes=3)
    kinds = [type(layer).__name__ for layer in head]
    assert kinds == ["Linear", "BatchNorm1d", "ReLU", "Dropout"] * 2 + ["Dropout", "Linear"]
    # 6*5+5 + 2*5 + 5*4+4 + 2*4 + 4*3+3 = 35 + 10 + 24 + 8 + 15
    assert n_parameters(head) == 92
    plain = build_head(HeadParams(hidden=[], batch_norm=True, dropout=0.2), n_features=6, n_classes=3)
    assert [type(layer).__name__ for layer in plain] == ["Dropout", "Linear"]


def test_logits_are_the_head_on_the_features(settings):
    classifier = build(settings()).eval()
    images = torch.randn(2, 3, 64, 64)
    features = classifier.features(images)
    assert features.shape == (2, classifier.n_features) == (2, 512)
    torch.testing.assert_close(classifier(images), classifier.head(features))
    # ResNet-18 without its 1000-class layer has 11,176,512 parameters (11,689,512 - 513,000); the head adds 512*3 + 3.
    assert n_parameters(classifier) == 11_176_512 + 1_539


def test_width_is_the_pooled_one_where_timm_has_two(settings):
    classifier = build(settings(name="mobilenetv3_small_050", weights_id=None))
    assert classifier.features(torch.randn(2, 3, 64, 64)).shape[1] == classifier.n_features == 1024


def test_frozen_changes_no_parameter_and_no_statistic_of_the_backbone(settings):
    classifier = build(settings())
    set_mode(classifier, parse_mode("frozen"))
    assert n_parameters(classifier, trainable_only=True) == 512 * 3 + 3
    parameters, buffers = step(classifier)
    assert not classifier.backbone.training
    assert classifier.head.training
    for key, value in classifier.named_parameters():
        assert torch.equal(value, parameters[key]) == key.startswith("backbone."), key
    assert buffers
    assert all(torch.equal(value, buffers[key]) for key, value in classifier.named_buffers())


def test_finetune_changes_every_parameter_and_statistic(settings):
    classifier = build(settings())
    set_mode(classifier, parse_mode("frozen"))
    set_mode(classifier, parse_mode("finetune"))
    assert n_parameters(classifier, trainable_only=True) == n_parameters(classifier)
    for parameter in classifier.backbone.parameters():
        parameter.data += 0.01  # ResNet starts its residual branches at zero, where no gradient passes
    parameters, buffers = step(classifier)
    assert [key for key, value in classifier.named_parameters() if torch.equal(value, parameters[key])] == []
    assert [key for key, value in classifier.named_buffers() if torch.equal(value, buffers[key])] == []


def test_set_mode_keeps_eval_and_refuses_unknown(settings):
    classifier = build(settings()).eval()
    set_mode(classifier, parse_mode("finetune"))
    assert not classifier.training
    with pytest.raises(ParamsError, match=r"mode partial_9: this backbone has \d stages"):
        set_mode(classifier, parse_mode("partial_9"))


def test_the_seed_decides_the_start_and_the_global_state_stays(settings):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, same, other = (build(settings(), seed=seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(one[key], same[key]) for key in one)
    for key in ("backbone.conv1.weight", "head.1.weight"):
        assert not torch.equal(one[key], other[key])


def test_another_size_for_a_network_with_fixed_input(settings):
    preprocessing = settings().preprocessing.model_copy(update={"image_size": 32})
    deit = settings(name="vit_tiny_patch16_224.augreg_in21k_ft_in1k", preprocessing=preprocessing)
    assert build(deit).eval()(torch.randn(1, 3, 32, 32)).shape == (1, 3)


def test_a_size_the_network_cannot_take_is_a_clear_error(settings, monkeypatch):
    from bakeoff.backbones import networks

    def swallow_nothing(name, image_size):
        return {"img_size": image_size}

    monkeypatch.setattr(networks, "timm_arguments", swallow_nothing)
    with pytest.raises(ParamsError, match=r"resnet18.a1_in1k cannot be built for 64 px: .*leave image_size null"):
        build(settings())
