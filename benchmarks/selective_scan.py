"""How fast is the selective scan? Every implementation against the loops that people write, side by side.

    .venv-torch/bin/python benchmarks/selective_scan.py [--full]

Interleaved rounds, medians, MambaVision-T's shape (32, 160, 196) with 8 states, bias and softplus; about 45 s on two
cores. With an NVIDIA GPU also the Triton kernel against the floor that memory bandwidth sets, and against mamba_ssm.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from bakeoff.scan.dispatch import selective_scan, why_unavailable
from bakeoff.scan.inputs import Inputs
from roofline import traffic_bytes

BARS = {
    "forward_backward_vs_slices": 120,
    "forward_backward_vs_unbind": 12,
    "forward_vs_slices": 20,
    "two_threads_vs_one": 1.6,
    "backward_memory_vs_all_states": 0.25,
    "torch_vs_unbind": 1.3,
}
Call = Callable[[], object]


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="more rounds, and the shapes of all MambaVision sizes")
    parser.add_argument("--memory", action="store_true", help="measure memory alone; wants a process of its own")
    arguments = parser.parse_args()
    if arguments.memory:
        print(json.dumps(memory()))
        return
    rounds = 9 if arguments.full else 3
    torch.set_num_threads(1)
    given = inputs(32, 160, 196)
    figures = against_loops(given, rounds)
    figures["two_threads_vs_one"] = threads(given, 5 * rounds)
    figures |= json.loads(
        subprocess.run([sys.executable, __file__, "--memory"], capture_output=True, check=True).stdout
    )
    figures |= roofline(given, figures)
    if arguments.full:
        figures["milliseconds_by_shape"] = shapes(rounds)
    if torch.cuda.is_available():
        from roofline import gpu_figures

        tensors = (tensor if tensor is None else tensor.cuda() for tensor in given.tensors)
        on_gpu = Inputs(*tensors, given.delta_softplus)
        figures["gpu"] = {name: gpu_figures(on_gpu, name) for name in ("triton", "mamba_ssm") if not missing(name)}
    print(json.dumps({"benchmark": "selective_scan", "figures": figures, "bars": BARS}))


def inputs(b: int, d: int, length: int, n: int = 8) -> Inputs:
    """Return inputs as MambaVision calls the scan: Δ lies token by token in memory, bias and softplus, no gate."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    tensors = (draw(b, d, length), draw(b, length, d).mT, -draw(d, n).exp(), draw(b, n, length), draw(b, n, length))
    return Inputs(*tensors, draw(d), None, draw(d), True)


def loop_over_slices(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, bias: Tensor) -> Tensor:
    """The scan as it is usually written: everything ahead, then one slice of four-dimensional tensors a step."""
    step = F.softplus(delta + bias[:, None])
    decay = torch.exp(torch.einsum("bdl,dn->bdln", step, A))
    drive = torch.einsum("bdl,bnl,bdl->bdln", step, B, u)
    state, outputs = u.new_zeros(*u.shape[:2], A.shape[1]), []
    for t in range(u.shape[2]):
        state = decay[:, :, t] * state + drive[:, :, t]
        outputs.append(torch.einsum("bdn,bn->bd", state, C[:, :, t]))
    return torch.stack(outputs, dim=2) + u * D[:, None]


def loop_over_unbind(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, bias: Tensor) -> Tensor:
    """The same with `unbind` in place of slices: its backward pass gathers the gradients of all steps once."""
    step = F.softplus(delta + bias[:, None])
    decay = torch.exp(torch.einsum("bdl,dn->bdln", step, A))
    drive = torch.einsum("bdl,bnl,bdl->bdln", step, B, u)
    state, outputs = u.new_zeros(*u.shape[:2], A.shape[1]), []
    for a, x, c in zip(decay.unbind(2), drive.unbind(2), C.unbind(2), strict=True):
        state = a * state + x
        outputs.append(torch.einsum("bdn,bn->bd", state, c))
    return torch.stack(outputs, dim=2) + u * D[:, None]


def loop_time_first(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, bias: Tensor) -> Tensor:
    """The best loop that plain autograd allows: time first in memory, `unbind`, and one product at the end."""
    step = F.softplus(delta + bias[:, None]).permute(2, 0, 1)  # (L, b, d)
    decay = torch.exp(step[..., None] * A)
    drive = (step * u.permute(2, 0, 1))[..., None] * B.permute(2, 0, 1)[:, :, None]
    state, states = u.new_zeros(*u.shape[:2], A.shape[1]), []
    for a, x in zip(decay.unbind(0), drive.unbind(0), strict=True):
        state = a * state + x
        states.append(state)
    y = torch.matmul(torch.stack(states), C.permute(2, 0, 1)[..., None]).squeeze(-1)
    return y.permute(1, 2, 0) + u * D[:, None]


def against_loops(given: Inputs, rounds: int) -> dict[str, float]:
    """Return the ratios of the loops' times to the implementations' on one thread, and the times in ms."""
    plain = [tensor for tensor in given.tensors if tensor is not None]
    learned = [tensor.detach().requires_grad_() for tensor in plain]
    seed = torch.randn_like(given.u)
    calls: dict[str, Callable[..., Tensor]] = {"slices": loop_over_slices, "unbind": loop_over_unbind}
    calls["time_first"] = loop_time_first
    for name in ("torch", "cpu"):
        if not missing(name):
            calls[name] = _scan_of(name)
    expected = calls["unbind"](*plain)
    for name, call in calls.items():
        torch.testing.assert_close(call(*plain), expected, rtol=1e-3, atol=1e-3, msg=f"{name} computes something else")
    with torch.no_grad():
        forward = interleaved({name: _bound(call, plain) for name, call in calls.items()}, rounds)
    both = interleaved({name: _bound(_with_backward(call, seed), learned) for name, call in calls.items()}, rounds)
    figures = {f"forward_ms_{name}": round(1000 * value, 2) for name, value in forward.items()}
    figures |= {f"forward_backward_ms_{name}": round(1000 * value, 2) for name, value in both.items()}
    if "cpu" in calls:
        figures["forward_backward_vs_slices"] = round(both["slices"] / both["cpu"], 1)
        figures["forward_backward_vs_unbind"] = round(both["unbind"] / both["cpu"], 1)
        figures["forward_vs_slices"] = round(forward["slices"] / forward["cpu"], 1)
        figures["forward_backward_vs_time_first"] = round(both["time_first"] / both["cpu"], 1)
    figures["torch_vs_unbind"] = round(both["unbind"] / both["torch"], 2)
    figures["torch_vs_time_first"] = round(both["time_first"] / both["torch"], 2)
    return figures


def threads(given: Inputs, rounds: int) -> float | None:
    """Return the time of forward and backward on one thread over that on two."""
    if missing("cpu"):
        return None
    learned = [tensor.detach().requires_grad_() for tensor in given.tensors if tensor is not None]
    run = _bound(_with_backward(_scan_of("cpu"), torch.randn_like(given.u)), learned)

    def on(n_threads: int) -> Call:
        def call() -> None:
            torch.set_num_threads(n_threads)
            run()

        return call

    times = interleaved({"one": on(1), "two": on(2)}, rounds)
    torch.set_num_threads(1)
    return round(times["one"] / times["two"], 2)


def memory() -> dict[str, float]:
    """Return the peak of resident memory that forward and backward add beyond what they return, over all states' bytes.

    At (4, 160, 8192), where every state takes 168 MB. Linux alone tells a peak that can be reset.
    """
    reset = Path("/proc/self/clear_refs")
    if missing("cpu") or not reset.exists():
        return {}
    torch.set_num_threads(1)
    small, given = inputs(1, 16, 40), inputs(4, 160, 8192)
    seed = torch.ones_like(given.u)
    for each, grad in ((small, torch.ones_like(small.u)), (given, seed)):  # the first loads the kernel and autograd
        learned = [tensor.detach().requires_grad_() for tensor in each.tensors if tensor is not None]
        reset.write_text("5")
        before = _status_kib("VmRSS")
        y = _scan_of("cpu")(*learned)
        gradients = torch.autograd.grad(y, learned, grad)
        peak = _status_kib("VmHWM")
    extra = (peak - before) * 1024 - sum(tensor.nbytes for tensor in (y, *gradients))
    states = given.u.nbytes * given.A.shape[1]
    return {"backward_memory_mb": round(extra / 1e6, 1), "backward_memory_vs_all_states": round(extra / states, 3)}


def roofline(given: Inputs, figures: dict[str, float]) -> dict[str, float]:
    """Return what the shape asks for, bytes and exponentials, and what was reached of each."""
    if missing("cpu"):
        return {}
    b, d, length, n = given.shape
    exponentials = b * d * length * n
    forward_s = figures["forward_ms_cpu"] / 1000
    both_s = figures["forward_backward_ms_cpu"] / 1000
    bytes_forward = traffic_bytes(given)
    bytes_both = bytes_forward + traffic_bytes(given, backward=True)
    copy = torch.empty(1 << 26)
    source = torch.ones_like(copy)
    bandwidth = 2 * copy.nbytes / interleaved({"copy": lambda: copy.copy_(source)}, 5)["copy"]
    return {
        "exponentials_each_way_million": round(exponentials / 1e6, 2),
        "exponentials_per_ns_forward": round(exponentials / forward_s / 1e9, 2),
        "traffic_mb_forward": round(bytes_forward / 1e6, 1),
        "traffic_mb_forward_backward": round(bytes_both / 1e6, 1),
        "copy_gb_per_s": round(bandwidth / 1e9, 1),
        "memory_floor_ms_forward": round(1000 * bytes_forward / bandwidth, 2),
        "memory_floor_ms_forward_backward": round(1000 * bytes_both / bandwidth, 2),
        "of_memory_floor_forward_backward": round(both_s * bandwidth / bytes_both, 1),
    }


def shapes(rounds: int) -> dict[str, float]:
    """Return ms of forward and backward by the kernel for the shapes of T, S, B and L at 224 px, batch 32."""
    found = {}
    for d, length in ((160, 196), (320, 49), (192, 196), (256, 196), (392, 196), (784, 49)):
        given = inputs(32, d, length)
        learned = [tensor.detach().requires_grad_() for tensor in given.tensors if tensor is not None]
        name = "torch" if missing("cpu") else "cpu"
        run = _bound(_with_backward(_scan_of(name), torch.ones_like(given.u)), learned)
        found[f"32x{d}x{length}"] = round(1000 * interleaved({"it": run}, 5 * rounds)["it"], 2)
    return found


def interleaved(calls: dict[str, Call], rounds: int, *, unmeasured: int = 1, measured: int = 3) -> dict[str, float]:
    """Return the median seconds of each call over rounds that run them in turn.

    In each round a call runs `unmeasured` times first, since what ran before it took its inputs out of the caches and
    its memory back to the system, then `measured` times.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            for repeat in range(unmeasured + measured):
                started = time.perf_counter()
                call()
                if repeat >= unmeasured:
                    seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def missing(name: str) -> str | None:
    """Return why an implementation cannot run on this machine's best device for it, or None."""
    return why_unavailable(name, "cpu" if name in ("torch", "cpu") else "cuda")


def _scan_of(name: str) -> Callable[..., Tensor]:
    def call(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, bias: Tensor) -> Tensor:
        return selective_scan(u, delta, A, B, C, D, None, bias, True, implementation=name)  # type: ignore[return-value]

    return call


def _bound(call: Callable[..., object], tensors: list[Tensor]) -> Call:
    return lambda: call(*tensors)


def _with_backward(call: Callable[..., Tensor], seed: Tensor) -> Callable[..., object]:
    return lambda *tensors: torch.autograd.grad(call(*tensors), tensors, seed)


def _status_kib(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()
