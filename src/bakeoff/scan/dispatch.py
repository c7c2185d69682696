"""Which implementation of the selective scan runs, and the one function that backbones call."""

import os
import sys
from collections.abc import Callable

import torch
from torch import Tensor

from bakeoff.core.errors import ParamsError, TrainingError
from bakeoff.scan import compiler, cpu, mamba_ssm, reference, triton_kernel
from bakeoff.scan.inputs import Inputs, check_inputs, check_values
from bakeoff.scan.operator import run

_WHY_NOT: dict[str, Callable[[str], str | None]] = {
    "reference": lambda _: None,
    "torch": lambda _: None,
    "cpu": lambda device: compiler.why_unavailable() if device == "cpu" else f"it computes on a CPU, not on {device}",
    "triton": triton_kernel.why_unavailable,
    "mamba_ssm": mamba_ssm.why_unavailable,
}
"""For each implementation: why it cannot run on a type of device, or None where it can."""
_PREFERRED = {"cpu": ("cpu",), "cuda": ("triton", "mamba_ssm")}
"""What `auto` tries by type of device before `torch`, which runs everywhere."""
_MAX_STATES = {"cpu": cpu.MAX_STATES, "triton": 64, "mamba_ssm": 256}

_said: set[str] = set()


def why_unavailable(name: str, device: str = "cpu") -> str | None:
    """Return why one implementation cannot run on a type of device (`cpu`, `cuda`, …), or None where it can."""
    return _WHY_NOT[name](device)


def resolve(requested: str = "auto", device: str = "cpu") -> str:
    """Return the implementation that `requested` means on a type of device; BAKEOFF_SCAN overrides it, said once.

    `auto` is the compiled kernel where the device has one, else `torch`, with one line that says why. A ParamsError
    where there is no such implementation, or it cannot run here.
    """
    override = os.environ.get("BAKEOFF_SCAN")
    where = "BAKEOFF_SCAN" if override else "scan.implementation"
    name = override or requested
    if override:
        _say_once(f"BAKEOFF_SCAN={override} overrides scan.implementation={requested}")
    if name == "auto":
        return _best(device)
    if name not in _WHY_NOT:
        raise ParamsError(f"{where}: unknown selective scan {name!r}; legal values: auto, {', '.join(_WHY_NOT)}.")
    if reason := why_unavailable(name, device):
        raise ParamsError(f"{where}: the selective scan {name!r} cannot run here: {reason}. `auto` takes what can.")
    return name


def resolve_recorded(name: str | None, device: str) -> str:
    """Return the implementation that a model was trained on where it runs on this device, else what `auto` takes here.

    A model trained on a GPU answers on a laptop as well, equal up to rounding; one line says that the scan is another.
    """
    if name is None:
        return "auto"
    if os.environ.get("BAKEOFF_SCAN"):
        return resolve(name, device)
    if name in _WHY_NOT and why_unavailable(name, device) is None:
        return name
    other = _best(device)
    _say_once(f"trained on the selective scan {name!r}, which cannot run here; {other!r} takes its place.")
    return other


def _best(device: str) -> str:
    for name in _PREFERRED.get(device, ()):
        if (reason := why_unavailable(name, device)) is None:
            return name
        _say_once(f"the selective scan {name!r} cannot run here ({reason}); trying the next, `torch` in the end.")
    return "torch"


def _say_once(line: str) -> None:
    if line not in _said:
        _said.add(line)
        sys.stderr.write(f"bakeoff: {line}\n")


@torch.compiler.assume_constant_result
def _choose(implementation: str | None, device: str) -> tuple[str, bool]:
    """Resolve the name for one call, and whether it was asked for; constants of the graph under torch.compile."""
    requested = implementation or "auto"
    return resolve(requested, device), (os.environ.get("BAKEOFF_SCAN") or requested) != "auto"


def selective_scan(  # noqa: PLR0913, PLR0917 - mamba_ssm's signature
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
    return_last_state: bool | None = False,
    *,
    implementation: str | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """Return y (b, d, L) in u's type, and with `return_last_state` also the state h_L (b, d, n).

    h_t = exp(Δ_t A) h_{t-1} + Δ_t B_t u_t, y_t = C_t · h_t + D u_t, times silu(z_t) where z is given; the state is
    float32 whatever the inputs' type (float64 where an input is). Types may be mixed, as autocast mixes them.

    Args:
        u: (b, d, L) floating point, L at least 1; the batch may be empty.
        delta: Δ, (b, d, L).
        A: (d, n), negative for a stable recurrence.
        B: (b, n, L), or (b, g, n, L) with g groups of d/g channels.
        C: as B.
        D: (d,), weight of the skip.
        z: (b, d, L), the gate.
        delta_bias: (d,), added to Δ before the softplus.
        delta_softplus: whether Δ = softplus(Δ + bias).
        return_last_state: whether h_L comes back too.
        implementation: `auto` (None is the same) or a name that `scan.implementation` may take.

    Raises:
        TrainingError: an argument of the wrong shape, type or device, or a NaN in A (looked for on a CPU alone, since
            a GPU would have to wait for the answer).
        ParamsError: unknown implementation, or one that cannot run here.

    Source: Gu and Dao 2023, doi:10.48550/arXiv.2312.00752; the signature is that of mamba_ssm's `selective_scan_fn`.
    """
    inputs = Inputs(u, delta, A, B, C, D, z, delta_bias, bool(delta_softplus))
    check_inputs(inputs)
    name, asked_for = _choose(implementation, u.device.type)
    n, most = A.shape[1], _MAX_STATES.get(name)
    if most and n > most:
        if asked_for:
            raise TrainingError(f"selective_scan: {name!r} takes at most {most} states, got n = {n}; use 'torch'.")
        name = "torch"  # `auto` chose a kernel that does not hold that many
    if name == "reference":
        if not (torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()):
            check_values(inputs)
        y, last_state = reference.scan(inputs)
    elif name == "mamba_ssm":
        y, last_state = mamba_ssm.scan(inputs)
    else:
        y, last_state = run(inputs, name)
    return (y, last_state) if return_last_state else y
