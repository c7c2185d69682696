"""The arguments of one selective scan, and what every implementation agrees on about them."""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Inputs(NamedTuple):
    """The arguments of `selective_scan`, checked."""

    u: Tensor
    """(b, d, L)"""
    delta: Tensor
    """(b, d, L)"""
    A: Tensor
    """(d, n)"""
    B: Tensor
    """(b, n, L) or (b, g, n, L)"""
    C: Tensor
    """(b, n, L) or (b, g, n, L)"""
    D: Tensor | None = None
    """(d,)"""
    z: Tensor | None = None
    """(b, d, L)"""
    delta_bias: Tensor | None = None
    """(d,)"""
    delta_softplus: bool = False

    @property
    def tensors(self) -> tuple[Tensor | None, ...]:
        """The eight tensors in the order of the signature."""
        return self[:8]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """b, d, L and n."""
        b, d, length = self.u.shape
        return b, d, length, self.A.shape[1]

    @property
    def working(self) -> torch.dtype:
        """Type of the state: float64 where any input is, else float32, whatever the inputs' type."""
        given = [tensor.dtype for tensor in self.tensors if tensor is not None]
        return torch.float64 if torch.float64 in given else torch.float32


Gradients = list[Tensor | None]
"""The gradient of each tensor argument in the signature's order, of its shape and type; None where it was not given."""


def grouped(matrix: Tensor) -> Tensor:
    """Return B or C as (b, g, n, L)."""
    return matrix if matrix.ndim == 4 else matrix[:, None]


def common_groups(inputs: Inputs) -> int:
    """Return the least number of groups of channels in which neither B nor C changes."""
    return math.lcm(grouped(inputs.B).shape[1], grouped(inputs.C).shape[1])


def with_groups(matrix: Tensor, groups: int) -> Tensor:
    """Return B or C as (b, groups, n, L), each of its own groups repeated."""
    matrix = grouped(matrix)
    repeats = groups // matrix.shape[1]
    return matrix if repeats == 1 else matrix.repeat_interleave(repeats, dim=1)


def as_given(inputs: Inputs, *raw: Tensor | None) -> Gradients:
    """Return gradients in the shape and type of their tensors: B's and C's (b, groups, n, L) added up by own groups."""
    gradients: Gradients = []
    for name, tensor, gradient in zip(Inputs._fields[:8], inputs.tensors, raw, strict=True):
        if tensor is None or gradient is None:
            gradients.append(None)
            continue
        if name in ("B", "C") and gradient.numel() != tensor.numel():
            own = gradient.unflatten(1, (grouped(tensor).shape[1], -1)).sum(2)
        else:
            own = gradient
        gradients.append(own.reshape(tensor.shape).to(tensor.dtype))
    return gradients
