"""The arguments of one selective scan: wrong ones refused by name, and what all implementations agree on about them."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from bakeoff.core.errors import TrainingError

_RANKS: dict[str, tuple[str, tuple[int, ...]]] = {"u": ("(b, d, L)", (3,)), "A": ("(d, n)", (2,))}
_RANKS |= dict.fromkeys(("B", "C"), ("(b, n, L) or (b, g, n, L)", (3, 4)))
_TYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


class Inputs(NamedTuple):
    """The arguments of `selective_scan`, checked."""

    u: Tensor  # (b, d, L)
    delta: Tensor  # (b, d, L)
    A: Tensor  # (d, n)
    B: Tensor  # (b, n, L) or (b, g, n, L)
    C: Tensor  # (b, n, L) or (b, g, n, L)
    D: Tensor | None = None  # (d,)
    z: Tensor | None = None  # (b, d, L)
    delta_bias: Tensor | None = None  # (d,)
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


def check_inputs(inputs: Inputs) -> None:
    """Check shapes, dtypes and devices against u (b, d, L) and A (d, n)."""
    given: dict[str, Any] = dict(zip(Inputs._fields[:8], inputs.tensors, strict=True))
    for name, tensor in given.items():
        if tensor is None and name in ("u", "delta", "A", "B", "C"):
            raise TrainingError(f"selective_scan: {name} is needed, got None.")
        if not isinstance(tensor, Tensor | None):
            raise TrainingError(f"selective_scan: {name} must be a tensor, got {type(tensor).__name__}.")
    for name, (wanted, ranks) in _RANKS.items():
        if given[name].ndim not in ranks:
            raise TrainingError(f"selective_scan: {name} must have the shape {wanted}, got {tuple(given[name].shape)}.")
    b, d, length, n = inputs.shape
    for name, axis, size in (("u", "L", length), ("A", "n", n)):
        if size < 1:
            shape = tuple(given[name].shape)
            raise TrainingError(f"selective_scan: {name} must have {axis} of at least 1, got the shape {shape}.")
    shapes = dict.fromkeys(("u", "delta", "z"), (b, d, length)) | {"A": (d, n), "D": (d,), "delta_bias": (d,)}
    shapes |= {name: (b, *given[name].shape[1:-2], n, length) for name in ("B", "C")}
    for name, tensor in given.items():
        if tensor is not None:
            _check_tensor(name, tensor, shapes[name], inputs.u)


def _check_tensor(name: str, tensor: Tensor, shape: tuple[int, ...], u: Tensor) -> None:
    if tuple(tensor.shape) != shape:
        raise TrainingError(f"selective_scan: {name} must have the shape {shape}, got {tuple(tensor.shape)}.")
    if len(shape) == 4 and (shape[1] == 0 or u.shape[1] % shape[1]):
        raise TrainingError(f"selective_scan: {name}'s groups must divide d = {u.shape[1]}, got {shape[1]}.")
    if tensor.dtype not in _TYPES:
        raise TrainingError(
            f"selective_scan: {name} must be float32, float64, bfloat16 or float16 (real floating point), "
            f"got {tensor.dtype}."
        )
    if tensor.device != u.device:
        raise TrainingError(f"selective_scan: {name} must be on u's device {u.device}, got {tensor.device}.")


def check_values(inputs: Inputs) -> None:
    """Raise a TrainingError for a NaN in A, which spoils every product; on a CPU alone: a GPU would be waited for."""
    if inputs.A.device.type == "cpu" and bool(torch.isnan(inputs.A).any()):
        row, column = torch.isnan(inputs.A).nonzero()[0].tolist()
        raise TrainingError(
            f"selective_scan: A must hold no NaN, got one at ({row}, {column}); where A comes from training, the run "
            "has diverged: lower the learning rate."
        )
