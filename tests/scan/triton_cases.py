"""The Triton scan against the float64 specification, on a GPU or in the interpreter: `python triton_cases.py CASES`.

Prints one JSON object, for each case the largest error of each result relative to its largest value. Triton reads
TRITON_INTERPRET when its kernels are defined, once a process: so the tests run this file in a process of its own.
"""

# pyright: reportArgumentType=false, reportCallIssue=false
import json
import sys

import torch

from bakeoff.scan import reference, triton_kernel
from bakeoff.scan.dispatch import selective_scan
from bakeoff.scan.inputs import Inputs

LOW = torch.bfloat16
FAST = {
    "one step": {"d": 1, "n": 1, "length": 1},
    "two steps": {"d": 5, "n": 3, "length": 2, "z": False, "softplus": False},
    "31 steps, no D, no bias": {"d": 5, "n": 3, "length": 31, "D": False, "bias": False},
    "32 steps": {"b": 2, "d": 20, "n": 1, "length": 32, "z": False},
    "33 steps, groups of B and C": {"d": 12, "n": 2, "length": 33, "groups": (2, 3)},
    "49 steps": {"d": 16, "n": 8, "length": 49, "z": False},
    "196 steps": {"d": 5, "n": 3, "length": 196},
    "every tensor strided": {"b": 2, "d": 5, "n": 3, "length": 40, "strided": True},
    "bfloat16 beside float32": {"d": 5, "n": 3, "length": 49, "low": LOW},
    "float16": {"d": 5, "n": 2, "length": 33, "low": torch.float16},
    "float64": {"b": 2, "d": 5, "n": 3, "length": 49, "dtype": torch.float64},
    "large delta": {"d": 5, "n": 3, "length": 40, "scale": 1e4},
    "small delta": {"d": 5, "n": 3, "length": 40, "shift": -14.0},
    "empty batch": {"b": 0, "d": 5, "n": 3, "length": 40},
}
SLOW = {
    "392 channels": {"d": 392, "n": 8, "length": 49, "z": False},
    "16 states, 196 steps": {"d": 20, "n": 16, "length": 196, "groups": (1, 2)},
    "as MambaVision-T": {"b": 2, "d": 32, "n": 8, "length": 196, "z": False, "low": LOW, "strided": True},
}
SMALLER = {  # for the interpreter: as many tiles and chunks as tell their ends from their middles
    "40 channels": {"d": 40, "n": 8, "length": 49, "z": False},
    "16 states": {"d": 20, "n": 16, "length": 68, "groups": (1, 2)},
    "a little MambaVision-T": {"b": 2, "d": 16, "n": 8, "length": 68, "z": False, "low": LOW, "strided": True},
}
CASES = FAST | SMALLER | SLOW


def make(*, b=1, d, n, length, dtype=torch.float32, low=None, groups=None, z=True, D=True, bias=True, softplus=True,
         strided=False, scale=1.0, shift=0.0, device="cpu"):  # fmt: skip
    generator = torch.Generator().manual_seed(0)

    def normal(*shape, kind=dtype):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(device=device, dtype=kind)

    def sequence(*shape):
        values = normal(*shape, kind=low or dtype)
        return values.transpose(-1, -2).contiguous().transpose(-1, -2) if strided else values

    shapes = [(b, n, length) if groups is None else (b, count, n, length) for count in groups or (1, 1)]
    delta = sequence(b, d, length) * scale + shift
    if not softplus:
        delta = delta.abs()
    given = (
        sequence(b, d, length),
        delta,
        -torch.rand(d, n, generator=generator).to(device=device, dtype=dtype) - 0.1,
        *(sequence(*shape) for shape in shapes),
        normal(2 * d)[::2] if D else None,
        sequence(b, d, length) if z else None,
        normal(d) if bias else None,
    )
    return Inputs(*given, delta_softplus=softplus)


def errors(device="cpu", **case):
    """Return the largest relative error of y, the last state and every gradient, both being asked for at once."""
    inputs = make(**case, device=device)
    y, last, saved = triton_kernel.forward(inputs, keep=True)
    assert saved.shape == triton_kernel.saved_shape(inputs)
    exact = [None if t is None else t.detach().double().requires_grad_() for t in inputs.tensors]
    exact_y, exact_last = reference.scan(Inputs(*exact, delta_softplus=inputs.delta_softplus))
    grad_y = torch.linspace(-1, 1, max(y.shape[-1], 1), device=device).to(y.dtype).expand_as(y)
    grad_last = torch.ones_like(last)
    given = [tensor for tensor in exact if tensor is not None]
    objective = (exact_y * grad_y).sum() + (exact_last * grad_last).sum()
    wanted = torch.autograd.grad(objective, given)
    got = triton_kernel.backward(inputs, saved, grad_y, grad_last)
    for gradient, tensor in zip(got, inputs.tensors, strict=True):
        kinds = [None if value is None else (value.shape, value.dtype) for value in (gradient, tensor)]
        assert kinds[0] == kinds[1]
    found = {"y": _error(y, exact_y), "last_state": _error(last, exact_last)}
    present = [name for name, tensor in zip(Inputs._fields, inputs.tensors, strict=False) if tensor is not None]
    for name, one, other in zip(present, [g for g in got if g is not None], wanted, strict=True):
        found[name] = _error(one, other)
    return found


def bound(name):
    """Return the error allowed: a few roundings of the state's type, and one of the result's where that is coarser."""
    case = CASES[name]
    state = 2e-14 if case.get("dtype") == torch.float64 else 4e-6
    return max(state, 0.0 if case.get("low") is None else torch.finfo(case["low"]).eps)


def same_bits(device="cpu"):
    """Return whether two runs, forward and backward, give the same bits."""
    inputs = make(b=2, d=20, n=3, length=70, device=device)
    runs = []
    for _ in range(2):
        y, last, saved = triton_kernel.forward(inputs, keep=True)
        gradients = triton_kernel.backward(inputs, saved, torch.ones_like(y), None)
        runs.append([y, last, *gradients])
    return all(torch.equal(one, other) for one, other in zip(*runs, strict=True))


def through_dispatch(device="cpu", *, compiled=False):
    """Return the largest difference of `triton` from `torch`, relative, in y and in every gradient by autograd."""
    given = [None if t is None else t.requires_grad_() for t in make(b=2, d=5, n=3, length=40, device=device).tensors]
    results = []
    for name in ("triton", "torch"):

        def call(*tensors, name=name):
            return selective_scan(*tensors, delta_softplus=True, implementation=name)

        y = torch.compile(call, fullgraph=True)(*given) if compiled else call(*given)
        results.append([y.detach(), *torch.autograd.grad(y.square().sum(), [t for t in given if t is not None])])
    return max(_error(one, other) for one, other in zip(*results, strict=True))


def far_apart(device="cpu"):
    """Return the errors with channels 2^29 elements apart, so that a tile's offsets pass 2^31."""
    length, apart = 3, 2**29
    storage = torch.empty(4 * apart + length, dtype=torch.float16, device=device)  # untouched pages take no memory
    inputs = make(d=5, n=2, length=length, z=False, low=torch.float16, device=device)
    strided = storage.as_strided((1, 5, length), (1, apart, 1)).copy_(inputs.u)
    y, last, _ = triton_kernel.forward(inputs._replace(u=strided), keep=False)
    exact_y, exact_last = reference.scan(inputs)
    return {"y": _error(y, exact_y), "last_state": _error(last, exact_last)}


def _error(got, wanted):
    if got.numel() == 0:
        return 0.0
    error = (got.double() - wanted.detach().double()).abs().max() / wanted.detach().abs().max().clamp_min(1e-30)
    return float(error) if torch.isfinite(got).all() else float("inf")


if __name__ == "__main__":
    torch.set_num_threads(1)
    report: dict[str, object] = {name: errors(**CASES[name]) for name in sys.argv[1:] if name in CASES}
    if "same bits" in sys.argv:
        report["same bits"] = same_bits()
    if "dispatch" in sys.argv:
        report["dispatch"] = through_dispatch()
    if "far apart" in sys.argv:
        report["far apart"] = far_apart()
    sys.stdout.write(json.dumps(report) + "\n")
