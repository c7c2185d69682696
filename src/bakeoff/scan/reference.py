"""The selective scan as its definition reads: one plain loop over time. It is the specification; slow on purpose."""

from __future__ import annotations

import torch
from torch import Tensor

from bakeoff.scan.prepare import Prepared


def scan(inputs: Prepared) -> tuple[Tensor, Tensor]:
    """Return y (b, d, L) without skip and gate, and the last state (b, d, n).

    h_t = exp(Δ_t A) h_{t-1} + Δ_t B_t u_t, y_t = C_t · h_t, from h_0 = 0.

    Source: Gu and Dao 2023, Mamba, equations 1 to 3 with the simplified discretisation of B (section 3.6, footnote);
    doi:10.48550/arXiv.2312.00752.
    """
    u, delta, A, B, C = inputs
    batch, channels, length = u.shape
    repeats = channels // B.shape[1], channels // C.shape[1]
    state = u.new_zeros(batch, channels, A.shape[1])
    outputs = []
    for t in range(length):
        step = delta[:, :, t, None]  # (b, d, 1)
        B_t = B[..., t].repeat_interleave(repeats[0], dim=1)  # (b, d, n)
        C_t = C[..., t].repeat_interleave(repeats[1], dim=1)
        state = torch.exp(step * A) * state + step * B_t * u[:, :, t, None]
        outputs.append((C_t * state).sum(-1))
    y = torch.stack(outputs, dim=-1) if outputs else u.new_zeros(batch, channels, 0)
    return y, state
