"""The selective scan on an NVIDIA GPU: launches the kernels of `triton_code`, which Triton compiles on first use.

Why these kernels. A scan of (b, d, L) with n states moves 12 bytes an element forward and 20 backward in float32, half
of that in bfloat16, and takes n exponentials each way: at n = 8, 4.8 TB/s and 16 exponentials a clock on 132 SMs (H200)
memory takes 2.5 µs forward and 4.2 backward at (32, 160, 196), the exponentials 2.2 each. The plain loop over time
needs the fewest instructions, but has one thread a channel: 160 warps there, about one an SM. So time is cut in two: a
thread runs over 8 consecutive steps in registers, with no exchange, and an associative scan over 4 threads joins them,
which gives 4 times the warps. States between chunks of 32 steps go through memory, and the backward pass recomputes a
chunk from them; nothing is divided by a cumulative product, no nearly equal numbers are subtracted. Sums over channels
and products go through partial results added in a fixed order: no atomics, the same bits each time.

Counted in machine code, instructions bound it, not memory (docs/benchmarks.md); `benchmarks/roofline.py` times it.

The backward pass holds, against every state, 2 / rows (the partial gradients of B and C) and about 3/32 (states, their
gradients and A's, by chunk): 0.22 with 16 rows. Tiles depend on shapes alone, never on timing: every GPU adds up in the
same order.
"""

import contextlib
import functools
import importlib.util
import os
import shutil
import sysconfig
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bakeoff.scan.inputs import Gradients, Inputs, as_given, common_groups, grouped

_COLUMNS = 4  # threads side by side in time; each holds 8 steps
_CHUNK = 8 * _COLUMNS
_PLENTY = 1024  # tiles of 32 channels that keep a GPU busy; with fewer, tiles have 16
_MIN_CAPABILITY = (7, 5)  # the oldest GPU that PyTorch's CUDA wheels serve


def why_unavailable(device: str) -> str | None:
    """Return why Triton cannot run on a type of device, or None where it can: also a CPU under TRITON_INTERPRET=1."""
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    if device != "cuda" and not (device == "cpu" and interpreted):
        return f"triton computes on an NVIDIA GPU, not on {device} (there only in its interpreter, TRITON_INTERPRET=1)"
    if importlib.util.find_spec("triton") is None:
        return "the package triton, part of PyTorch's CUDA wheels, is not installed"
    return None if interpreted else _why_not_compiled()


def saved_shape(inputs: Inputs) -> tuple[int, ...]:
    """Return the shape (b, chunks - 1, n, d) of what the forward pass keeps: the states between chunks of 32 steps."""
    b, d, length, n = inputs.shape
    return b, max(0, -(-length // _CHUNK) - 1), n, d


def forward(inputs: Inputs, *, keep: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return y as u, the last state (b, d, n), and with `keep` the states that `backward` starts its chunks from."""
    b, d, _, n = inputs.shape
    y = torch.empty_like(inputs.u)
    last_state = inputs.u.new_zeros((b, d, n), dtype=inputs.working)
    between = inputs.u.new_empty(saved_shape(inputs), dtype=inputs.working)
    if y.numel():
        launch = _Launch(inputs, y)
        launch.run("scan_forward", _view(y), last_state, between)
    return y, last_state, between if keep else between.new_empty(0)


def backward(inputs: Inputs, saved: Tensor, grad_y: Tensor, grad_last: Tensor | None) -> Gradients:
    """Return the gradients of all tensors given, from those of y (b, d, L) and of the last state (b, d, n)."""
    b, d, length, n = inputs.shape
    new = inputs.u.new_zeros if inputs.u.numel() == 0 else inputs.u.new_empty
    sequences = [None if tensor is None else torch.empty_like(tensor) for tensor in (inputs.u, inputs.delta, inputs.z)]
    launch = _Launch(inputs, grad_y, *sequences)
    grad_A = new((b, -(-length // _CHUNK), n, d), dtype=inputs.working)
    grad_skip, grad_bias = (new((b, d), dtype=inputs.working) for _ in range(2))
    matrix = (launch.tiles, b, launch.groups, n, length)
    grad_B, grad_C = (new(matrix, dtype=inputs.working) for _ in range(2))
    if inputs.u.numel():
        last = None if grad_last is None else grad_last.to(inputs.working).contiguous()
        states = (saved, _view(grad_y), last, *(_view(sequence) for sequence in sequences), torch.empty_like(saved))
        launch.run("scan_backward", *states, grad_A, grad_skip, grad_bias, grad_B, grad_C)
    grad_u, grad_delta, grad_z = sequences
    of_A, of_skip, of_bias = grad_A.sum((0, 1)).T.contiguous(), grad_skip.sum(0), grad_bias.sum(0)
    return as_given(inputs, grad_u, grad_delta, of_A, grad_B.sum(0), grad_C.sum(0), of_skip, grad_z, of_bias)


class _Launch:
    """One scan's tiles, and its inputs as the kernels take them: (pointer, stride, …)."""

    def __init__(self, inputs: Inputs, *others: Tensor | None) -> None:
        """Plan for `inputs` and `others`, the further tensors (b, d, L) that the kernel reads or writes."""
        b, d, length, n = inputs.shape
        B, C = grouped(inputs.B), grouped(inputs.C)
        self.inputs = inputs
        self.groups = common_groups(inputs)
        self.rows = tile_rows(b, self.groups, d // self.groups)
        self.tiles = -(-(d // self.groups) // self.rows)
        given = (inputs.u, inputs.delta, inputs.A, B, C, inputs.D, inputs.z, inputs.delta_bias)
        self.views = tuple(_view(tensor) for tensor in given)
        self.sizes = (n, d, length, b, self.groups, self.tiles, self.groups // B.shape[1], self.groups // C.shape[1])
        sequences = (inputs.u, inputs.delta, inputs.z, *others)
        per_channel = (inputs.A, inputs.D, inputs.delta_bias)
        self.wide = any(
            tensor is not None and _reach(tensor.stride()[axis:], self.rows) >= 2**31
            for tensors, axis in ((sequences, 1), (per_channel, 0))
            for tensor in tensors
        )

    def run(self, kernel: str, *arguments: Any) -> None:
        """Launch on the inputs' device and its current stream."""
        import triton.language as tl

        from bakeoff.scan import triton_code

        u = self.inputs.u
        with torch.cuda.device(u.device) if u.is_cuda else contextlib.nullcontext():
            getattr(triton_code, kernel)[(u.shape[0] * self.groups * self.tiles,)](
                *self.views,
                *arguments,
                *self.sizes,
                SOFTPLUS=self.inputs.delta_softplus,
                ROWS=self.rows,
                COLUMNS=_COLUMNS,
                WORK=tl.float64 if self.inputs.working == torch.float64 else tl.float32,
                WIDE=self.wide,
                num_warps=self.rows * _COLUMNS // 32,
                num_stages=1,
            )


def tile_rows(b: int, groups: int, per_group: int) -> int:
    """Return the channels of a tile: 8 where a group has no more, 32 where such tiles keep a GPU busy, else 16."""
    if per_group <= 8:
        return 8
    return 32 if b * groups * -(-per_group // 32) >= _PLENTY else 16


def _reach(strides: tuple[int, ...], rows: int) -> int:
    """Return the offset of a tile's last element from its first: past 2^31 the kernels count in 64 bits."""
    return sum(stride * (size - 1) for stride, size in zip(strides, (rows, _CHUNK), strict=False))


def _view(tensor: Tensor | None) -> tuple[Any, ...] | None:
    return None if tensor is None else (tensor, *tensor.stride())


@functools.cache
def _why_not_compiled() -> str | None:
    """Return why Triton cannot build for the GPU here: it compiles its launcher in C, against Python's headers.

    Looked for once: every scan asks, and the search takes 0.1 ms, several times a small scan on a GPU.
    """
    if not torch.cuda.is_available():
        return "PyTorch sees no NVIDIA GPU"
    if torch.cuda.get_device_capability() < _MIN_CAPABILITY:
        return f"the GPU's compute capability is below {'.'.join(map(str, _MIN_CAPABILITY))}"
    if not (os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")):
        return "triton needs a C compiler for its launcher, and neither gcc nor clang is here"
    if not (Path(sysconfig.get_paths("posix_prefix")["include"]) / "Python.h").is_file():
        return "triton compiles its launcher against Python.h, which is not here (Debian: apt-get install python3-dev)"
    return None
