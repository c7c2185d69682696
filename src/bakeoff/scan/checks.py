"""Refuse wrong inputs of the selective scan by name, before any implementation sees them."""

from typing import Any

import torch
from torch import Tensor

from bakeoff.core.errors import TrainingError
from bakeoff.scan.inputs import Inputs

_RANKS = {
    "u": ("(b, d, L)", (3,)),
    "A": ("(d, n)", (2,)),
    "B": ("(b, n, L) or (b, g, n, L)", (3, 4)),
    "C": ("(b, n, L) or (b, g, n, L)", (3, 4)),
}
_TYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


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
    """Refuse a NaN in A, whose every product would be NaN; on a CPU alone, since a GPU would have to be waited for.

    Raises:
        TrainingError: A holds a NaN.
    """
    if inputs.A.device.type == "cpu" and bool(torch.isnan(inputs.A).any()):
        row, column = torch.isnan(inputs.A).nonzero()[0].tolist()
        raise TrainingError(
            f"selective_scan: A must hold no NaN, got one at ({row}, {column}); where A comes from training, the run "
            "has diverged: lower the learning rate."
        )
