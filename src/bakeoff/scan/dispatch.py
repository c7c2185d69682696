"""Which implementation of the selective scan runs, and the one function that backbones call."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import torch
from torch import Tensor

from bakeoff.errors import ParamsError
from bakeoff.scan import reference, vectorised
from bakeoff.scan.checks import check_inputs
from bakeoff.scan.prepare import Prepared, finish, prepare

Implementation = Callable[[Prepared], tuple[Tensor, Tensor]]
IMPLEMENTATIONS: dict[str, Implementation] = {"reference": reference.scan, "torch": vectorised.scan}
"""Each takes `Prepared` inputs and returns y (b, d, L) before skip and gate, and the last state (b, d, n)."""

_requested: ContextVar[str] = ContextVar("bakeoff_scan", default="auto")
_logged: set[str] = set()


def implementations() -> tuple[str, ...]:
    """Return the names that `scan.implementation` may take beside `auto`."""
    return tuple(IMPLEMENTATIONS)


def resolve(requested: str = "auto") -> str:
    """Return the implementation that `requested` means here; the variable BAKEOFF_SCAN overrides it, and says so once.

    Raises:
        ParamsError: no such implementation.
    """
    override = os.environ.get("BAKEOFF_SCAN")
    where = "BAKEOFF_SCAN" if override else "scan.implementation"
    name = override or requested
    if name != "auto" and name not in IMPLEMENTATIONS:
        raise ParamsError(
            f"{where}: unknown selective scan {name!r}; legal values: auto, {', '.join(IMPLEMENTATIONS)}."
        )
    if override and override not in _logged:
        _logged.add(override)
        sys.stderr.write(f"bakeoff: BAKEOFF_SCAN={override} overrides scan.implementation={requested}\n")
    return "torch" if name == "auto" else name


@contextlib.contextmanager
def use(requested: str) -> Iterator[None]:
    """Run the scans inside the block, where they ask for no implementation themselves, on `requested`."""
    token = _requested.set(requested)
    try:
        yield
    finally:
        _requested.reset(token)


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
    float32 whatever the inputs' type (float64 where an input is).

    Args:
        u: (b, d, L) floating point.
        delta: Δ, (b, d, L).
        A: (d, n), negative for a stable recurrence.
        B: (b, n, L), or (b, g, n, L) with g groups of d/g channels.
        C: as B.
        D: (d,), weight of the skip.
        z: (b, d, L), the gate.
        delta_bias: (d,), added to Δ before the softplus.
        delta_softplus: whether Δ = softplus(Δ + bias).
        return_last_state: whether h_L comes back too.
        implementation: `auto` or one of `implementations()`; None means what `use` asks for, else `auto`.

    Raises:
        TrainingError: an argument of the wrong shape, type or device.
        ParamsError: unknown implementation.

    Source: Gu and Dao 2023, doi:10.48550/arXiv.2312.00752; the signature is that of mamba_ssm's `selective_scan_fn`.
    """
    tensors = {"u": u, "delta": delta, "A": A, "B": B, "C": C, "D": D, "z": z, "delta_bias": delta_bias}
    check_inputs(tensors)
    run = IMPLEMENTATIONS[resolve(implementation or _requested.get())]
    prepared = prepare(tensors, delta_softplus=delta_softplus)
    with torch.autocast(u.device.type, enabled=False):  # autocast would take C·h in half precision
        y, last_state = run(prepared)
    y = finish(y, prepared, tensors)
    return (y, last_state) if return_last_state else y
