"""The packed copy for a CPU computes the same and leaves the original alone."""

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from bakeoff.backbones.inference import PackedConv2d, PackedLinear, for_cpu_inference  # noqa: E402
from bakeoff.backbones.mamba import build_mambavision  # noqa: E402
from bakeoff.errors import SetupError  # noqa: E402

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
        self.conv1, self.norm1, self.act1 = nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8), nn.GELU(approximate="tanh")
        self.fc1, self.act, self.fc2 = nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 4, bias=False)

    def forward(self, images):
        maps = self.act1(self.norm1(self.conv1(self.stem(images))))
        return self.fc2(self.act(self.fc1(maps.mean((2, 3)))))


def settled(network):
    """Batch norms with statistics and weights of their own."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
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


@pytest.mark.slow
def test_mambavision_agrees():
    torch.manual_seed(0)
    network = settled(build_mambavision("mamba_vision_T"))
    images = torch.rand(2, 3, 224, 224)
    with torch.no_grad():
        expected = network(images)
        difference = (for_cpu_inference(network)(images) - expected).abs().max()
    assert difference < 1e-5 * expected.abs().max()


def test_without_onednn_it_says_so(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    with pytest.raises(SetupError, match="needs a PyTorch with oneDNN"):
        for_cpu_inference(nn.Linear(2, 2))
