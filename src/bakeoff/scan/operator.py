"""The scan as one operator of PyTorch: traced, exported, batched by vmap and differentiated as a whole.

`bakeoff::selective_scan` and its backward carry the implementation's name as an argument, so that a compiled graph
says what it runs; the implementations behind it see plain tensors and no autograd.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from bakeoff.core.errors import TrainingError
from bakeoff.scan import cpu, triton_kernel, vectorised
from bakeoff.scan.inputs import Inputs, check_values

IMPLEMENTATIONS: dict[str, Any] = {"torch": vectorised, "cpu": cpu, "triton": triton_kernel}
"""Modules with `forward(inputs, keep=...)` to y, the last state and what `backward` wants to find again, of the shape
`saved_shape(inputs)`, and `backward(inputs, saved, grad_y, grad_last)` to the gradients of all tensors."""

_GIVEN = "Tensor u, Tensor delta, Tensor A, Tensor B, Tensor C, Tensor? D, Tensor? z, Tensor? delta_bias, "
_GIVEN += "bool delta_softplus, str implementation"
"""What both operators take first: the fields of `Inputs`, and a key of `IMPLEMENTATIONS`."""


@torch.library.custom_op(
    "bakeoff::selective_scan", mutates_args=(), schema=f"({_GIVEN}, bool keep) -> (Tensor, Tensor, Tensor)"
)
def scan_forward(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Return y (b, d, L) in u's type, the last state (b, d, n), and with `keep` what the backward pass starts from."""
    *given, implementation, keep = arguments
    inputs = Inputs(*given)
    check_values(inputs)
    with torch.autocast(inputs.u.device.type, enabled=False):  # it would take products in half precision
        return IMPLEMENTATIONS[implementation].forward(inputs, keep=keep)


@scan_forward.register_fake
def _(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
    *given, implementation, keep = arguments
    inputs = Inputs(*given)
    b, d, _, n = inputs.shape
    saved = IMPLEMENTATIONS[implementation].saved_shape(inputs) if keep else (0,)
    return (
        torch.empty_like(inputs.u),
        inputs.u.new_empty((b, d, n), dtype=inputs.working),
        inputs.u.new_empty(saved, dtype=inputs.working),
    )


@torch.library.custom_op(
    "bakeoff::selective_scan_backward",
    mutates_args=(),
    schema=f"({_GIVEN}, Tensor saved, Tensor grad_y, Tensor? grad_last) -> Tensor[]",
)
def scan_backward(*arguments: Any) -> list[Tensor]:
    """Return the gradients of the tensors given, in the signature's order."""
    *given, implementation, saved, grad_y, grad_last = arguments
    inputs = Inputs(*given)
    shape = IMPLEMENTATIONS[implementation].saved_shape(inputs)
    if tuple(saved.shape) != shape or not saved.is_contiguous():  # a kernel would read past its end
        raise TrainingError(
            f"selective_scan: the backward pass needs the states that the forward pass kept, {shape}, got "
            f"{tuple(saved.shape)}; a graph traced without gradients keeps none: trace it with them."
        )
    with torch.autocast(inputs.u.device.type, enabled=False):
        gradients = IMPLEMENTATIONS[implementation].backward(inputs, saved, grad_y, grad_last)
    return [gradient for gradient in gradients if gradient is not None]


@scan_backward.register_fake
def _(*arguments: Any) -> list[Tensor]:
    small = {2, 3, 4, 5, 7}  # A, B, C, D, delta_bias come back contiguous
    return [
        torch.empty_like(tensor, memory_format=torch.contiguous_format) if place in small else torch.empty_like(tensor)
        for place, tensor in enumerate(arguments[:8])
        if tensor is not None
    ]


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    *tensors, softplus, implementation, _keep = inputs
    ctx.mark_non_differentiable(output[2])
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*tensors, output[2])
    ctx.softplus, ctx.implementation = softplus, implementation


def _differentiate(
    ctx: Any,
    grad_y: Tensor | None,
    grad_last: Tensor | None,
    _saved: None,
    apply: Callable[..., Sequence[Tensor]] = scan_backward,
) -> tuple[Any, ...]:
    *tensors, saved = ctx.saved_tensors
    if grad_y is None and grad_last is None:
        return (None,) * 11
    if grad_y is None:
        grad_y = torch.zeros_like(tensors[0])
    given = iter(apply(*tensors, ctx.softplus, ctx.implementation, saved, grad_y, grad_last))
    gradients = [None if tensor is None else next(given) for tensor in tensors]
    return (*gradients, None, None, None)


scan_forward.register_autograd(_differentiate, setup_context=_setup_context)


class _Transformed(torch.autograd.Function):
    """The operator under torch.func's transforms, which do not know a custom operator's own gradient."""

    generate_vmap_rule = True

    @staticmethod
    def forward(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
        return scan_forward(*arguments, True)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
        _setup_context(ctx, (*inputs, True), output)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        return _differentiate(ctx, *gradients, apply=_TransformedBackward.apply)[:-1]


class _TransformedBackward(torch.autograd.Function):
    """The same for the backward pass; it has no derivative of its own."""

    generate_vmap_rule = True

    @staticmethod
    def forward(*arguments: Any) -> tuple[Tensor, ...]:
        return tuple(scan_backward(*arguments))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        del ctx, inputs, output

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        del ctx, gradients
        raise NotImplementedError(
            "bakeoff::selective_scan has no second derivative; the implementation 'reference' has one."
        )


def run(inputs: Inputs, implementation: str) -> tuple[Tensor, Tensor]:
    """Return y (b, d, L) in u's type and the last state (b, d, n) by an implementation of this module's table."""
    if not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active():
        y, last_state, _ = _Transformed.apply(*inputs, implementation)
        return y, last_state
    keep = torch.is_grad_enabled() and any(given is not None and given.requires_grad for given in inputs.tensors)
    y, last_state, _ = scan_forward(*inputs, implementation, keep)
    return y, last_state


def _one_by_one(operator: Any) -> None:
    """Have torch.func.vmap run an operator's scans one after the other."""

    def batched(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Any, Any]:
        pairs = list(zip(arguments, in_dims, strict=True))
        each = [
            operator(*(given if dim is None else given.select(dim, n).contiguous() for given, dim in pairs))
            for n in range(info.batch_size)
        ]
        outputs = type(each[0])(torch.stack(parts) for parts in zip(*each, strict=True))
        return outputs, type(outputs)(0 for _ in outputs)

    operator.register_vmap(batched)


_one_by_one(scan_forward)
_one_by_one(scan_backward)
