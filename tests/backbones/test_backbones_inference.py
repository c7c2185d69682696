"""The packed copy for a CPU computes the same and leaves the original alone."""

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from bakeoff.backbones.compat import import_timm  # noqa: E402
from bakeoff.backbones.inference import (  # noqa: E402
    DifferentiableLinear,
    PackedConv2d,
    PackedLinear,
    for_cpu_gradients,
    for_cpu_inference,
)
from bakeoff.backbones.mamba import build_mambavision  # noqa: E402
from bakeoff.core.errors import SetupError  # noqa: E402

pytestmark = pytest.mark.torch


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, groups=8),
        )
        self.middle = nn.Sequential(nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8), nn.GELU(approximate="tanh"))
        self.mlp = import_timm().layers.Mlp(8, 16, 4, bias=(True, False))

    def forward(self, images):
        return self.mlp(self.middle(self.stem(images)).mean((2, 3)))


def settled(network):
    """Batch norms with statistics and weights of their own."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            if module.running_mean is not None:
                nn.init.uniform_(module.running_mean, -1, 1)
                nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, -1, 1)
    return network.eval()


def test_a_small_network_is_folded_packed_and_fused():
    torch.manual_seed(0)
    network = settled(Small())
    before = {key: value.clone() for key, value in network.state_dict().items()}
    packed = for_cpu_inference(network)
    images = torch.randn(5, 3, 20, 20)
    with torch.no_grad():
        torch.testing.assert_close(packed(images), network(images), rtol=1e-4, atol=1e-5)
    assert not any(isinstance(module, nn.BatchNorm2d | nn.ReLU | nn.GELU) for module in packed.modules())
    assert sum(isinstance(module, PackedLinear) for module in packed.modules()) == 2
    assert sum(isinstance(module, PackedConv2d) for module in packed.modules()) == 3
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert next(network.parameters()).requires_grad


def by_images(network, images):
    values = images.clone().requires_grad_(True)
    return torch.autograd.grad(network(values)[:, 1].sum(), values)[0]


@pytest.mark.parametrize(
    "build", [Small, lambda: import_timm().create_model("swin_tiny_patch4_window7_224", num_classes=4)]
)
def test_gradients_by_images_are_the_same_and_parameters_are_shared(build):
    torch.manual_seed(0)
    network = settled(build())
    copied = for_cpu_gradients(network)
    images = torch.rand(2, 3, 224, 224)
    expected = by_images(network, images)
    torch.testing.assert_close(by_images(copied, images), expected, rtol=0, atol=1e-5 * float(expected.abs().max()))
    linear = [module for module in copied.modules() if isinstance(module, DifferentiableLinear)]
    known = {id(one) for one in network.parameters()}
    assert linear
    assert all(id(one.weight) in known for one in linear)
    assert all(one.requires_grad for one in network.parameters())
    assert not any(isinstance(module, DifferentiableLinear) for module in network.modules())


def test_without_onednn_the_gradients_are_the_networks_own(monkeypatch):
    monkeypatch.setattr("bakeoff.backbones.inference._HAS_ONEDNN", False)
    network = Small()
    assert for_cpu_gradients(network) is network


class Same(nn.Conv2d):
    """As timm's Conv2dSame: pads by itself before what its options tell."""

    def forward(self, input):
        return super().forward(nn.functional.pad(input, (1, 1, 1, 1)))


class NormWithActivation(nn.BatchNorm2d):
    def forward(self, input):
        return super().forward(input).relu()


class GatedMlp(nn.Module):
    """As timm's GluMlp: names of a perceptron, and another order."""

    def __init__(self):
        super().__init__()
        self.fc1, self.act = nn.Linear(4, 8), nn.GELU()

    def forward(self, values):
        value, gate = self.fc1(values).chunk(2, dim=-1)
        return value * self.act(gate)


class NormFirst(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1)

    def forward(self, maps):
        return self.conv1(self.norm1(maps).relu())


class Backwards(nn.Sequential):
    def forward(self, input):
        for module in reversed(self):
            input = module(input)
        return input


def _shared():
    relu = nn.ReLU()
    return nn.Sequential(relu, nn.Conv2d(4, 4, 1), relu, nn.BatchNorm2d(4))


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (nn.Sequential(Same(4, 4, 3), nn.ReLU()), (2, 4, 6, 6)),
        (nn.Sequential(nn.Conv2d(4, 4, 1), NormWithActivation(4)), (2, 4, 6, 6)),
        (nn.Sequential(nn.Conv2d(4, 4, 3, padding="same"), nn.ReLU()), (2, 4, 6, 6)),
        (nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)), (2, 4, 6, 6)),
        (nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.Dropout(), nn.ReLU()), (2, 4, 6, 6)),
        (Backwards(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.ReLU()), (2, 4, 6, 6)),
        (_shared(), (2, 4, 6, 6)),
        (NormFirst(), (2, 4, 6, 6)),
        (GatedMlp(), (3, 4)),
        (nn.Sequential(nn.Linear(4, 4), nn.GELU()).double(), (3, 4)),
    ],
)
def test_what_only_looks_like_a_pair_is_left_alone(network, shape):
    torch.manual_seed(0)
    values = torch.randn(shape, dtype=next(network.parameters()).dtype)
    settled(network)
    with torch.no_grad():
        torch.testing.assert_close(for_cpu_inference(network)(values), network(values), rtol=1e-4, atol=1e-5)


def test_a_layer_that_does_not_surely_follow_is_left_alone():
    class Other(nn.Module):
        def __init__(self):
            super().__init__()
            self.head, self.act, self.bn = nn.Linear(4, 4), nn.GELU(), nn.BatchNorm1d(4)

        def forward(self, values):
            return self.act(values) + self.head(self.bn(values))

    torch.manual_seed(0)
    network, values = Other().eval(), torch.randn(3, 4)
    packed = for_cpu_inference(network)
    assert isinstance(packed.act, nn.GELU)
    torch.testing.assert_close(packed(values), network(values))


@pytest.mark.parametrize("name", ["efficientnet_b0", "mobilenetv2_050", "tf_efficientnet_lite0"])
def test_timms_mobile_blocks_are_folded_with_their_activations(name):
    torch.manual_seed(0)
    network = settled(import_timm().create_model(name, num_classes=0))
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        expected, packed = network(images), for_cpu_inference(network)
        # These norms' statistics are not the photos' own: fifty layers make rounding grow to 2e-4 of the largest.
        assert (packed(images) - expected).abs().max() <= 1e-3 * expected.abs().max()
    left = [module for module in packed.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(left) == (5 if name.startswith("tf_") else 0)  # behind convolutions that pad by themselves


@pytest.mark.slow
def test_mambavision_agrees():
    torch.manual_seed(0)
    network = settled(build_mambavision("mamba_vision_T"))
    images = torch.rand(2, 3, 224, 224)
    with torch.no_grad():
        expected = network(images)
        packed = for_cpu_inference(network)
        difference = (packed(images) - expected).abs().max()
    assert difference < 1e-5 * expected.abs().max()
    left = [name for name, module in packed.named_modules() if isinstance(module, nn.BatchNorm2d | nn.GELU | nn.ReLU)]
    assert left == ["network.norm"]


def test_without_onednn_it_says_so(monkeypatch):
    monkeypatch.setattr("bakeoff.backbones.inference._HAS_ONEDNN", False)
    with pytest.raises(SetupError, match="needs a PyTorch with oneDNN"):
        for_cpu_inference(nn.Linear(2, 2))
