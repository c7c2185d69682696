"""What a scan must move through memory at the least, and how near an implementation comes to it on a GPU."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import torch
from torch import Tensor

from bakeoff.scan.dispatch import selective_scan
from bakeoff.scan.inputs import Inputs

_COPY_BYTES = 2**30
_ROUNDS = 30


def traffic_bytes(inputs: Inputs, *, backward: bool = False) -> int:
    """Return the bytes of one pass that reads every input once and writes every result once.

    Forward: the tensors given, y, and the last state (b, d, n). Backward: the tensors given and the gradient of y in;
    a gradient as large as each tensor given out. What an implementation keeps or recomputes is its own affair.
    """
    given = sum(_bytes(tensor) for tensor in inputs.tensors if tensor is not None)
    if backward:
        return 2 * given + _bytes(inputs.u)
    b, d, _, n = inputs.shape
    return given + _bytes(inputs.u) + b * d * n * inputs.working.itemsize


def copy_bandwidth(device: torch.device) -> float:
    """Return the bytes a second, read and written together, of copying 1 GiB on a GPU."""
    source = torch.empty(_COPY_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * _COPY_BYTES / _median_s(lambda: target.copy_(source))


def gpu_figures(inputs: Inputs, implementation: str) -> dict[str, float]:
    """Return times and their ratios to the memory floor for one implementation on the inputs' GPU.

    Returns:
        `forward_us` and `backward_us`, medians of 30 runs between CUDA events, launches included (a CUDA graph would
        hide them); `forward_floor_us` and `backward_floor_us`, the traffic at the bandwidth of a large copy; and
        `forward_ratio` and `backward_ratio`, time by floor.
    """
    tensors = [None if tensor is None else tensor.detach().requires_grad_() for tensor in inputs.tensors]
    given = [tensor for tensor in tensors if tensor is not None]

    def scan() -> Tensor:
        y = selective_scan(*tensors, delta_softplus=inputs.delta_softplus, implementation=implementation)  # pyright: ignore[reportArgumentType]
        assert isinstance(y, Tensor)
        return y

    y = scan()
    grad_y = torch.ones_like(y)
    bandwidth = copy_bandwidth(y.device)
    with torch.no_grad():
        seconds = {"forward": _median_s(scan)}
    seconds["backward"] = _median_s(lambda: torch.autograd.grad(y, given, grad_y, retain_graph=True))
    figures = {}
    for name, time_s in seconds.items():
        floor_s = traffic_bytes(inputs, backward=name == "backward") / bandwidth
        figures |= {f"{name}_us": 1e6 * time_s, f"{name}_floor_us": 1e6 * floor_s, f"{name}_ratio": time_s / floor_s}
    return figures


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.dtype.itemsize


def _median_s(call: Callable[[], object]) -> float:
    """Return the median time of a call on the current GPU, after 5 calls to warm up."""
    times = []
    for round_ in range(5 + _ROUNDS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        call()
        end.record()
        end.synchronize()
        if round_ >= 5:
            times.append(start.elapsed_time(end) / 1e3)
    return statistics.median(times)
