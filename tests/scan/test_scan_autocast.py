"""Autocast around the scan changes no type inside it: the state stays float32."""

import pytest

pytest.importorskip("torch")
import torch

from bakeoff.scan.dispatch import selective_scan

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("implementation", ["reference", "torch", "auto"])
def test_autocast_does_not_reach_the_scan(implementation):
    generator = torch.Generator().manual_seed(0)
    u, delta = torch.randn(2, 8, 50, generator=generator), torch.rand(2, 8, 50, generator=generator)
    A = -torch.rand(8, 4, generator=generator)
    B, C = torch.randn(2, 4, 50, generator=generator), torch.randn(2, 4, 50, generator=generator)
    plain = selective_scan(u, delta, A, B, C, implementation=implementation)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = selective_scan(u, delta, A, B, C, implementation=implementation)
    assert torch.equal(plain, under)
