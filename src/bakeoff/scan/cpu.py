"""The C++ kernel's forward and backward pass over PyTorch tensors, through plain pointers."""

import ctypes

import torch
from torch import Tensor

from bakeoff.core.errors import TrainingError
from bakeoff.scan.compiler import KernelError, attempt
from bakeoff.scan.inputs import Gradients, Inputs, as_given, common_groups, with_groups

_TYPES = {torch.float32: 0, torch.float64: 1, torch.bfloat16: 2}
_LANES = {torch.float32: 16, torch.float64: 8}
_CHUNK = 32  # steps of a chunk, as in native/selective_scan.cpp
_MIN_UNITS = 16  # a small batch is cut by channels as well, until this many pieces can run side by side
MAX_STATES = 64


class _View(ctypes.Structure):
    _fields_ = (("data", ctypes.c_void_p), ("strides", ctypes.c_int64 * 4), ("type", ctypes.c_int64))


class _Arguments(ctypes.Structure):
    """Mirrors `Arguments` of native/selective_scan.cpp."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("batch", "channels", "length", "states", "groups", "parts")),
        *((name, ctypes.c_int64) for name in ("threads", "softplus")),
        *((name, _View) for name in ("u", "delta", "A", "B", "C", "skip", "z", "bias", "y")),
        ("last_state", ctypes.c_void_p),
        ("checkpoints", ctypes.c_void_p),
        ("grad_y", _View),
        ("grad_last", ctypes.c_void_p),
        *((name, _View) for name in ("grad_u", "grad_delta", "grad_z")),
        *((name, ctypes.c_void_p) for name in ("grad_A", "grad_skip", "grad_bias", "grad_B", "grad_C")),
    )


def saved_shape(inputs: Inputs) -> tuple[int, ...]:
    """Return the shape (b, chunks, n, d) of what the forward pass keeps: the state before each chunk of 32 steps."""
    b, d, length, n = inputs.shape
    return b, -(-length // _CHUNK), n, d


def forward(inputs: Inputs, *, keep: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return y as u, the last state (b, d, n), and with `keep` the states that `backward` starts its chunks from."""
    b, d, _, n = inputs.shape
    y = torch.empty_like(inputs.u)
    last_state = inputs.u.new_zeros((b, d, n), dtype=inputs.working)
    saved = inputs.u.new_empty(saved_shape(inputs) if keep else (0,), dtype=inputs.working)
    if y.numel() == 0:
        return y, last_state, saved
    call = _Call(inputs)
    out = call.writable(y)
    call.arguments.y = _view(out)
    call.arguments.last_state = last_state.data_ptr()
    call.arguments.checkpoints = saved.data_ptr() if keep else None
    call.run("forward")
    if out is not y:
        y.copy_(out)
    return y, last_state, saved


def backward(inputs: Inputs, saved: Tensor, grad_y: Tensor, grad_last: Tensor | None) -> Gradients:
    """Return the gradients of all tensors given, from those of y (b, d, L) and of the last state (b, d, n)."""
    b, d, length, n = inputs.shape
    call = _Call(inputs)
    new = inputs.u.new_zeros if inputs.u.numel() == 0 else inputs.u.new_empty
    grad_A = new((b, d, n), dtype=inputs.working)
    grad_skip, grad_bias = (new((b, d), dtype=inputs.working) for _ in range(2))
    matrix = (call.arguments.parts, b, call.groups, n, length)
    grad_B, grad_C = (new(matrix, dtype=inputs.working) for _ in range(2))
    given = {"u": inputs.u, "delta": inputs.delta, "z": inputs.z}
    sequences = {name: torch.empty_like(tensor) for name, tensor in given.items() if tensor is not None}
    if inputs.u.numel():
        incoming = call.readable(grad_y)
        call.arguments.grad_y = _view(incoming)
        call.arguments.checkpoints = saved.data_ptr()
        last = None if grad_last is None else grad_last.to(inputs.working).contiguous()
        call.arguments.grad_last = None if last is None else last.data_ptr()
        outs = {name: call.writable(value) for name, value in sequences.items()}
        for name, out in outs.items():
            setattr(call.arguments, f"grad_{name}", _view(out))
        for name, tensor in {"A": grad_A, "skip": grad_skip, "bias": grad_bias, "B": grad_B, "C": grad_C}.items():
            setattr(call.arguments, f"grad_{name}", tensor.data_ptr())
        call.run("backward")
        for name, out in outs.items():
            if out is not sequences[name]:
                sequences[name].copy_(out)
    summed = (grad_A, grad_B, grad_C, grad_skip, grad_bias)
    of_A, of_B, of_C, of_skip, of_bias = (gradient.sum(0) for gradient in summed)
    return as_given(inputs, sequences["u"], sequences["delta"], of_A, of_B, of_C, of_skip, sequences.get("z"), of_bias)


class _Call:
    """The kernel's arguments, and the converted tensors they point into for as long as the call lasts."""

    def __init__(self, inputs: Inputs) -> None:
        b, d, length, n = inputs.shape
        if n > MAX_STATES:  # the kernel's registers: dispatch says so in better words, but the operator is public
            raise TrainingError(f"selective_scan: 'cpu' takes at most {MAX_STATES} states, got n = {n}.")
        self.working = inputs.working
        self.groups = common_groups(inputs)
        self.arguments = _Arguments(batch=b, channels=d, length=length, states=n, groups=self.groups)
        tiles = -(-(d // max(self.groups, 1)) // _LANES[self.working])
        self.arguments.parts = max(1, min(tiles, -(-_MIN_UNITS // max(b * self.groups, 1))))
        self.arguments.threads = torch.get_num_threads()
        self.arguments.softplus = inputs.delta_softplus
        small = {"A": inputs.A, "skip": inputs.D, "bias": inputs.delta_bias}
        long = {"u": inputs.u, "delta": inputs.delta, "z": inputs.z}
        for name in ("B", "C"):
            long[name] = with_groups(getattr(inputs, name), self.groups)
        self._kept = {name: None if tensor is None else tensor.to(self.working) for name, tensor in small.items()}
        self._kept |= {name: None if tensor is None else self.readable(tensor) for name, tensor in long.items()}
        for name, tensor in self._kept.items():
            setattr(self.arguments, name, _view(tensor))

    def readable(self, tensor: Tensor) -> Tensor:
        """Return `tensor` in a type that the kernel reads."""
        return tensor if tensor.dtype in _TYPES else tensor.to(self.working)

    def writable(self, tensor: Tensor) -> Tensor:
        """Return `tensor`, or memory of its shape in a type that the kernel writes."""
        return tensor if tensor.dtype in _TYPES else torch.empty_like(tensor, dtype=self.working)

    def run(self, direction: str) -> None:
        if isinstance(kernel := attempt(), str):
            raise KernelError(kernel)
        kind = "double" if self.working == torch.float64 else "float"
        if getattr(kernel, f"bakeoff_scan_{direction}_{kind}")(ctypes.byref(self.arguments)) != 0:
            raise MemoryError(f"selective_scan: no memory left in the {direction} pass")


def _view(tensor: Tensor | None) -> _View:
    if tensor is None:
        return _View()
    strides = (ctypes.c_int64 * 4)(*tensor.stride())
    return _View(data=tensor.data_ptr(), strides=strides, type=_TYPES[tensor.dtype])
