"""Refuse wrong inputs of the selective scan by name, before any implementation sees them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from bakeoff.core.errors import TrainingError
from bakeoff.scan.inputs import Inputs


def check_inputs(inputs: Inputs) -> None:
    """Check shapes, dtypes and devices against u (b, d, L) and A (d, n)."""
    given = _given(inputs)
    _check_rank("u", inputs.u, "(b, d, L)", ranks=(3,))
    _check_rank("A", inputs.A, "(d, n)", ranks=(2,))
    b, d, length, n = inputs.shape
    for name, axis, size in (("u", "L", length), ("A", "n", n)):
        if size < 1:
            shape = tuple(given[name].shape)
            raise TrainingError(f"selective_scan: {name} must have {axis} of at least 1, got the shape {shape}.")
    sequence = (b, d, length)
    shapes: dict[str, tuple[int, ...]] = {"A": (d, n), "delta": sequence, "z": sequence, "D": (d,), "delta_bias": (d,)}
    for name, tensor in given.items():
        if name in shapes:
            _check_shape(name, tensor, shapes[name])
    for name in ("B", "C"):
        _check_input_matrix(name, given[name], (b, n, length), n_channels=d)
    for name, tensor in given.items():
        _check_kind(name, tensor, inputs.u)


def _given(inputs: Inputs) -> dict[str, Tensor]:
    given: dict[str, Tensor] = {}
    for name, tensor in zip(Inputs._fields[:8], inputs.tensors, strict=True):
        if tensor is None and name in ("u", "delta", "A", "B", "C"):
            raise TrainingError(f"selective_scan: {name} is needed, got None.")
        if tensor is not None:
            if not isinstance(tensor, Tensor):
                raise TrainingError(f"selective_scan: {name} must be a tensor, got {type(tensor).__name__}.")
            given[name] = tensor
    return given


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


def _check_input_matrix(name: str, tensor: Tensor, shape: tuple[int, int, int], *, n_channels: int) -> None:
    _check_rank(name, tensor, "(b, n, L) or (b, g, n, L)", ranks=(3, 4))
    if tensor.ndim == 3:
        _check_shape(name, tensor, shape)
        return
    groups = tensor.shape[1]
    _check_shape(name, tensor, (shape[0], groups, *shape[1:]))
    if groups == 0 or n_channels % groups:
        raise TrainingError(f"selective_scan: {name}'s groups must divide d = {n_channels}, got {groups}.")


def _check_rank(name: str, tensor: Tensor, wanted: str, *, ranks: Sequence[int]) -> None:
    if tensor.ndim not in ranks:
        raise TrainingError(f"selective_scan: {name} must have the shape {wanted}, got {tuple(tensor.shape)}.")


def _check_shape(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != shape:
        raise TrainingError(f"selective_scan: {name} must have the shape {shape}, got {tuple(tensor.shape)}.")


def _check_kind(name: str, tensor: Tensor, u: Tensor) -> None:
    if tensor.dtype not in (torch.float32, torch.float64, torch.bfloat16, torch.float16):
        raise TrainingError(
            f"selective_scan: {name} must be float32, float64, bfloat16 or float16 (real floating point), "
            f"got {tensor.dtype}."
        )
    if tensor.device != u.device:
        raise TrainingError(f"selective_scan: {name} must be on u's device {u.device}, got {tensor.device}.")
