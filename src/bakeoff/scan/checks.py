"""Refuse wrong inputs of the selective scan by name, before any implementation sees them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from bakeoff.errors import TrainingError


def check_inputs(tensors: dict[str, Tensor | None]) -> None:
    """Check shapes, dtypes and devices against u (b, d, L) and A (d, n).

    Args:
        tensors: the arguments of `selective_scan` by name; None where left out.

    Raises:
        TrainingError: names the argument, what was expected and what came.
    """
    u, A = tensors["u"], tensors["A"]
    for name in ("u", "delta", "A", "B", "C"):
        if tensors[name] is None:
            raise TrainingError(f"selective_scan: {name} is needed, got None.")
    assert u is not None
    assert A is not None
    _check_rank("u", u, "(b, d, L)", ranks=(3,))
    _check_rank("A", A, "(d, n)", ranks=(2,))
    b, d, length = u.shape
    _check_shape("A", A, (d, A.shape[1]))
    n = A.shape[1]
    for name, shape in {"delta": (b, d, length), "z": (b, d, length), "D": (d,), "delta_bias": (d,)}.items():
        tensor = tensors[name]
        if tensor is not None:
            _check_shape(name, tensor, shape)
    for name in ("B", "C"):
        _check_input_matrix(name, tensors[name], (b, n, length), n_channels=d)
    for name, tensor in tensors.items():
        if tensor is not None:
            _check_kind(name, tensor, u)


def _check_input_matrix(name: str, tensor: Tensor | None, shape: tuple[int, int, int], *, n_channels: int) -> None:
    assert tensor is not None
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
    if not tensor.is_floating_point():
        raise TrainingError(f"selective_scan: {name} must be real floating point, got {tensor.dtype}.")
    if tensor.device != u.device:
        raise TrainingError(f"selective_scan: {name} must be on u's device {u.device}, got {tensor.device}.")
