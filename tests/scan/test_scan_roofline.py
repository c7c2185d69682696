"""The memory floor of the scan, worked out by hand."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
import torch

from bakeoff.scan.inputs import Inputs

pytestmark = pytest.mark.torch


@pytest.fixture
def roofline(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    yield __import__("roofline")
    sys.modules.pop("roofline")


def test_traffic_by_hand(roofline):
    # b = 2, d = 3, L = 5, n = 4. u, delta (2, 3, 5) bfloat16: 60 bytes each; A (3, 4) float32: 48;
    # B, C (2, 4, 5) bfloat16: 80 each; D (3,) float32: 12. Together 340.
    sequence, matrix = torch.zeros(2, 3, 5, dtype=torch.bfloat16), torch.zeros(2, 4, 5, dtype=torch.bfloat16)
    inputs = Inputs(sequence, sequence, torch.zeros(3, 4), matrix, matrix, torch.zeros(3))
    assert roofline.traffic_bytes(inputs) == 340 + 60 + 2 * 3 * 4 * 4  # y as u, the last state in float32
    assert roofline.traffic_bytes(inputs, backward=True) == 340 + 60 + 340
    gated = inputs._replace(z=torch.zeros(2, 3, 5))
    assert roofline.traffic_bytes(gated) - roofline.traffic_bytes(inputs) == 120


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU here")
def test_figures_of_a_gpu_are_above_the_floor(roofline):
    sequence, matrix = torch.rand(32, 160, 196, device="cuda"), torch.rand(32, 8, 196, device="cuda")
    figures = roofline.gpu_figures(
        Inputs(sequence, sequence, -torch.rand(160, 8, device="cuda"), matrix, matrix), "triton"
    )
    assert figures["forward_ratio"] > 0.5  # a tensor that fits the cache may beat the memory
    assert figures["backward_us"] > figures["forward_us"] > 0
