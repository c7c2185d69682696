"""What every implementation of the scan does around its loop: working precision, step sizes, groups, the gate."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Prepared(NamedTuple):
    """Inputs in the working precision: float64 where any input is, else float32, whatever the inputs' type."""

    u: Tensor
    """(b, d, L)"""
    delta: Tensor
    """(b, d, L), bias added and softplus applied where asked."""
    A: Tensor
    """(d, n)"""
    B: Tensor
    """(b, g, n, L)"""
    C: Tensor
    """(b, g, n, L)"""


def prepare(tensors: dict[str, Tensor | None], *, delta_softplus: bool) -> Prepared:
    """Return the five inputs of the recurrence; `tensors` holds the arguments of `selective_scan` by name."""
    given = [tensor for tensor in tensors.values() if tensor is not None]
    dtype = torch.float64 if any(tensor.dtype == torch.float64 for tensor in given) else torch.float32
    u, delta, A, B, C = (_required(tensors, name).to(dtype) for name in ("u", "delta", "A", "B", "C"))
    bias = tensors["delta_bias"]
    if bias is not None:
        delta = delta + bias.to(dtype)[:, None]
    if delta_softplus:
        delta = F.softplus(delta)
    return Prepared(u, delta, A, _grouped(B), _grouped(C))


def finish(y: Tensor, prepared: Prepared, tensors: dict[str, Tensor | None]) -> Tensor:
    """Return y (b, d, L) with the skip D u added and the gate silu(z) applied, in u's own type."""
    skip, z = tensors["D"], tensors["z"]
    if skip is not None:
        y = y + skip.to(y.dtype)[:, None] * prepared.u
    if z is not None:
        y = y * F.silu(z.to(y.dtype))
    return y.to(_required(tensors, "u").dtype)


def _required(tensors: dict[str, Tensor | None], name: str) -> Tensor:
    tensor = tensors[name]
    assert tensor is not None
    return tensor


def _grouped(matrix: Tensor) -> Tensor:
    return matrix if matrix.ndim == 4 else matrix[:, None]
