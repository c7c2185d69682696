"""The selective scan in plain PyTorch, time first: only the recurrence is a loop, with its gradient written out."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from bakeoff.scan.inputs import Gradients, Inputs, as_given, grouped


class _Terms(NamedTuple):
    """One scan's inputs in the working type, time first."""

    u: Tensor  # (L, b, d)
    step: Tensor  # (L, b, d), bias added and softplus applied where asked
    A: Tensor  # (d, n)
    B: Tensor  # (L, b, g, 1, n)
    C: Tensor  # (L, b, g, 1, n)


def saved_shape(inputs: Inputs) -> tuple[int, ...]:
    """Return the shape (L, b, d, n) of what the forward pass keeps: every state."""
    b, d, length, n = inputs.shape
    return length, b, d, n


def forward(inputs: Inputs, *, keep: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return y as u, the last state (b, d, n), and with `keep` every state (L, b, d, n).

    Holds two tensors of (L, b, d, n) at once: 32 MB each at (32, 160, 196) with n = 8.
    """
    b, d, length, n = inputs.shape
    terms = _terms(inputs)
    if length == 0 or terms.u.numel() == 0:
        empty = terms.u.new_zeros(saved_shape(inputs) if keep else (0,))
        return torch.zeros_like(inputs.u), terms.u.new_zeros(b, d, n), empty
    drive = (terms.step * terms.u).unflatten(2, (terms.B.shape[2], -1))  # (L, b, g, d/g)
    states = _recurrence(_decay(terms), _outer(drive[..., None], terms.B))
    y = _ungated(inputs, terms, states)
    if inputs.z is not None:
        y = y * F.silu(inputs.z.to(y.dtype).permute(2, 0, 1))
    out = torch.empty_like(inputs.u)
    out.copy_(y.permute(1, 2, 0))
    return out, states[-1].clone(), states if keep else states.new_empty(0)


def backward(inputs: Inputs, saved: Tensor, grad_y: Tensor, grad_last: Tensor | None) -> Gradients:
    """Return the gradients of all tensors given, from those of y (b, d, L) and of the last state (b, d, n).

    With g_t = C_t ∂y_t + a_{t+1} g_{t+1} the gradient of h_t and p_t = g_t a_t h_{t-1}: ∂Δ_t = Σ_n(p A + g B u),
    ∂A = Σ_t(p Δ), ∂u_t = Δ Σ_n(g B), ∂B_t = Σ_d(g Δ u), ∂C_t = Σ_d(∂y h).
    """
    if inputs.u.numel() == 0:
        return [None if tensor is None else torch.zeros_like(tensor) for tensor in inputs.tensors]
    terms = _terms(inputs)
    grad_y = grad_y.to(terms.u.dtype).permute(2, 0, 1).contiguous()  # (L, b, d)
    skip = None if inputs.D is None else inputs.D.to(terms.u.dtype)
    grad_z = None
    if inputs.z is not None:
        grad_y, grad_z = _gate_backward(inputs, terms, saved, grad_y)
    decay = _decay(terms)
    by_group = grad_y.unflatten(2, (terms.C.shape[2], -1))[..., None]  # (L, b, g, d/g, 1)
    grad_C = torch.matmul(by_group.mT.squeeze(-2)[..., None, :], saved.unflatten(2, (terms.C.shape[2], -1)))
    grad_states = _reverse_recurrence(decay, _outer(by_group, terms.C), grad_last)  # g_t
    grouped_g = grad_states.unflatten(2, (terms.B.shape[2], -1))  # (L, b, g, d/g, n)
    drive = (terms.step * terms.u).unflatten(2, (terms.B.shape[2], -1))
    grad_B = torch.matmul(drive[..., None, :], grouped_g)  # (L, b, g, 1, n)
    through_drive = torch.matmul(grouped_g, terms.B.mT).squeeze(-1).flatten(2)  # (L, b, d)
    p = grad_states.mul_(decay)
    p[1:].mul_(saved[:-1])
    p[0] = 0
    grad_step = terms.u * through_drive + (p * terms.A).sum(-1)
    grad_A = p.mul_(terms.step[..., None]).sum((0, 1))
    grad_u = terms.step * through_drive if skip is None else terms.step * through_drive + skip * grad_y
    if inputs.delta_softplus:
        grad_step = grad_step * -torch.expm1(-terms.step)  # the slope of softplus: sigmoid(raw) = 1 - exp(-step)
    return as_given(
        inputs,
        _as(grad_u, inputs.u),
        _as(grad_step, inputs.delta),
        grad_A,
        *(gradient.squeeze(-2).permute(1, 2, 3, 0).contiguous() for gradient in (grad_B, grad_C)),
        None if inputs.D is None else (grad_y * terms.u).sum((0, 1)),
        None if grad_z is None or inputs.z is None else _as(grad_z, inputs.z),
        None if inputs.delta_bias is None else grad_step.sum((0, 1)),
    )


def _terms(inputs: Inputs) -> _Terms:
    dtype = inputs.working
    step = inputs.delta.to(dtype).permute(2, 0, 1).contiguous()
    if inputs.delta_bias is not None:
        step = step + inputs.delta_bias.to(dtype)
    if inputs.delta_softplus:
        step = F.softplus(step)
    B, C = (grouped(matrix).to(dtype).permute(3, 0, 1, 2)[:, :, :, None] for matrix in (inputs.B, inputs.C))
    return _Terms(inputs.u.to(dtype).permute(2, 0, 1).contiguous(), step, inputs.A.to(dtype), B, C)


def _decay(terms: _Terms) -> Tensor:
    """Return a_t = exp(Δ_t A), (L, b, d, n) contiguous."""
    decay = terms.step.new_empty(*terms.step.shape, terms.A.shape[1])
    return torch.mul(terms.step[..., None], terms.A, out=decay).exp_()


def _outer(channels: Tensor, matrix: Tensor) -> Tensor:
    """Return the products (L, b, d, n), contiguous, of (L, b, g, d/g, 1) and B or C (L, b, g, 1, n)."""
    product = channels.new_empty(*channels.shape[:-1], matrix.shape[-1])
    return torch.mul(channels, matrix, out=product).flatten(2, 3)


def _ungated(inputs: Inputs, terms: _Terms, states: Tensor) -> Tensor:
    """Return C_t · h_t + D u_t, (L, b, d)."""
    y = torch.matmul(states.unflatten(2, (terms.C.shape[2], -1)), terms.C.mT).squeeze(-1).flatten(2)
    return y if inputs.D is None else y + inputs.D.to(y.dtype) * terms.u


def _recurrence(decay: Tensor, drive: Tensor) -> Tensor:
    """Turn the drive x (L, …) into the states h_t = a_t h_{t-1} + x_t in place, from h_0 = 0."""
    steps = iter(zip(decay.unbind(0), drive.unbind(0), strict=True))
    _, last = next(steps)
    for a, x in steps:
        last = torch.addcmul(x, a, last, out=x)
    return drive


def _reverse_recurrence(decay: Tensor, incoming: Tensor, grad_last: Tensor | None) -> Tensor:
    """Turn the incoming gradients (L, …) into g_t = incoming_t + a_{t+1} g_{t+1} in place."""
    later = incoming[-1]
    if grad_last is not None:
        later.add_(grad_last)
    for a, x in zip(reversed(decay.unbind(0)[1:]), reversed(incoming.unbind(0)[:-1]), strict=True):
        later = torch.addcmul(x, a, later, out=x)
    return incoming


def _gate_backward(inputs: Inputs, terms: _Terms, states: Tensor, grad_out: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of the ungated y and of z, both (L, b, d), from that of y silu(z)."""
    assert inputs.z is not None
    z = inputs.z.to(terms.u.dtype).permute(2, 0, 1)
    gate = torch.sigmoid(z)
    return grad_out * z * gate, grad_out * _ungated(inputs, terms, states) * gate * (1 + z * (1 - gate))


def _as(gradient: Tensor, tensor: Tensor) -> Tensor:
    """Return a gradient (L, b, d) as (b, d, L) in the type and memory layout of its tensor."""
    return torch.empty_like(tensor).copy_(gradient.permute(1, 2, 0))
