"""Multiply-adds against published figures and against hand counts, file sizes against written files."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def _network(name: str):
    from bakeoff.backbones.compat import import_timm

    return import_timm().create_model(name, pretrained=False).eval()


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("mobilenetv2_100", 0.30),  # Sandler et al. 2018, table 4: 300 M
        pytest.param("resnet50", 4.1, marks=pytest.mark.slow),  # torchvision's table of weights: 4.09
        pytest.param("swin_tiny_patch4_window7_224", 4.5, marks=pytest.mark.slow),  # Liu et al. 2021, table 1: 4.5 G
    ],
)
def test_published_multiply_adds(name: str, published: float) -> None:
    from bakeoff.predictors.torch_predictor import count_gmacs

    assert count_gmacs(_network(name), 224, torch.device("cpu")) == pytest.approx(published, rel=0.05)


def test_a_layer_by_hand() -> None:
    from bakeoff.predictors.torch_predictor import count_gmacs

    network = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3), torch.nn.Flatten(), torch.nn.Linear(5 * 4, 7)).eval()
    assert count_gmacs(network, 4, torch.device("cpu")) == pytest.approx((4 * 5 * 27 + 20 * 7) / 1e9)


def test_the_scan_is_counted() -> None:
    from bakeoff.predictors.torch_predictor import count_gmacs
    from bakeoff.scan.dispatch import selective_scan

    b, d, n, length = 2, 6, 3, 5
    u, delta = torch.rand(b, d, length), torch.rand(b, d, length)
    states = (-torch.rand(d, n), torch.rand(b, n, length), torch.rand(b, n, length))

    class Scan(torch.nn.Module):
        def forward(self, _images: torch.Tensor) -> object:
            return selective_scan(u, delta, *states, torch.rand(d))

    assert count_gmacs(Scan(), 4, torch.device("cpu")) == pytest.approx(b * d * length * (4 * n + 2) / 1e9)


def test_file_size_is_that_of_the_file(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    from bakeoff.predictors.torch_predictor import file_mib

    network = _network("test_resnet.r160_in1k")
    path = tmp_path / "network.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, path)
    assert file_mib(network) * 2**20 == pytest.approx(path.stat().st_size, rel=0.001)
