"""Many scans as one, for `torch.func.vmap`: a batched dimension becomes more channels, and its B and C more groups."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

AXES = (1, 1, 0, 1, 1, 0, 1, 0)
"""Where u, delta, A, B, C, D, z and delta_bias hold their channels, or B and C their groups."""
_MATRICES = (3, 4)


def fold(tensors: Sequence[Tensor | None], dims: Sequence[int | None], size: int) -> list[Tensor | None]:
    """Return the eight tensors of one scan over `size` times the channels.

    Args:
        tensors: in the signature's order; each holds the batched dimension at its entry of `dims`, or not at all.
        dims: as vmap gives them.
        size: of the batched dimension.
    """
    folded: list[Tensor | None] = []
    for place, (tensor, dim) in enumerate(zip(tensors, dims, strict=True)):
        if tensor is None:
            folded.append(None)
        elif place in _MATRICES and tensor.ndim - (dim is not None) == 3:  # (b, n, L): one group
            apart = tensor.unsqueeze(1) if dim is None else tensor.movedim(dim, 0).unsqueeze(2)
            folded.append(fold_channels(apart, None if dim is None else 0, size, axis=AXES[place]))
        else:
            folded.append(fold_channels(tensor, dim, size, axis=AXES[place]))
    return folded


def fold_channels(tensor: Tensor, dim: int | None, size: int, *, axis: int) -> Tensor:
    """Return `tensor` with its batched dimension merged into the channels at `axis`, repeated where it has none."""
    apart = tensor.unsqueeze(axis) if dim is None else tensor.movedim(dim, axis)
    wanted = list(apart.shape)
    wanted[axis] = size
    return apart.expand(wanted).flatten(axis, axis + 1)


def unfold(tensor: Tensor, size: int, axis: int) -> Tensor:
    """Return `tensor` with the batched dimension apart again, at `axis`."""
    return tensor.unflatten(axis, (size, -1))
