"""The selective scan as its definition reads: one plain loop over time. It is the specification; slow on purpose."""

import torch
import torch.nn.functional as F
from torch import Tensor

from bakeoff.scan.inputs import Inputs, grouped


def scan(inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Return y (b, d, L) in u's type and the last state (b, d, n), differentiable any number of times.

    h_t = exp(Δ_t A) h_{t-1} + Δ_t B_t u_t, y_t = C_t · h_t + D u_t, from h_0 = 0, times silu(z_t) where z is given.

    Source: Gu and Dao 2023, Mamba, equations 1 to 3 with the simplified discretisation of B (section 3.6, footnote);
    doi:10.48550/arXiv.2312.00752.
    """
    b, d, length, n = inputs.shape
    u, A, B, C = (tensor.to(inputs.working) for tensor in (inputs.u, inputs.A, grouped(inputs.B), grouped(inputs.C)))
    with torch.autocast(inputs.u.device.type, enabled=False):  # autocast would take products in half precision
        delta = inputs.delta.to(inputs.working)  # (b, d, L)
        if inputs.delta_bias is not None:
            delta = delta + inputs.delta_bias.to(delta.dtype)[:, None]
        delta = F.softplus(delta) if inputs.delta_softplus else delta
        state, outputs = u.new_zeros(b, d, n), []
        for t in range(length):
            step = delta[:, :, t, None]  # (b, d, 1)
            B_t, C_t = (M[..., t].repeat_interleave(d // M.shape[1], dim=1) for M in (B, C))  # (b, d, n)
            state = torch.exp(step * A) * state + step * B_t * u[:, :, t, None]
            outputs.append((C_t * state).sum(-1))
        y = torch.stack(outputs, dim=-1)
        if inputs.D is not None:
            y = y + inputs.D.to(y.dtype)[:, None] * u
        if inputs.z is not None:
            y = y * F.silu(inputs.z.to(y.dtype))
    return y.to(inputs.u.dtype), state
