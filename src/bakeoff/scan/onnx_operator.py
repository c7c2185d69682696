"""The selective scan in standard ONNX operators, an ONNX `Scan` over time: any runtime, no library of ours."""

from collections.abc import Callable
from typing import Any

import onnx_ir as ir
import torch
from onnxscript import opset18

# The exporter's own way to write a node with a body.
from torch.onnx._internal.exporter._torchlib.ops.hop import call_op

from bakeoff.core.errors import ParamsError

op: Any = opset18  # its type stubs know tensors of Python alone, not the exporter's values


def translation_table() -> dict[Any, Callable[..., Any]]:
    """Return what `torch.onnx.export(..., custom_translation_table=...)` needs to write `bakeoff::selective_scan`."""
    return {torch.ops.bakeoff.selective_scan.default: _translate}


def _translate(  # noqa: PLR0913, PLR0917 - the operator's schema; the exporter cannot read narrower types
    u: Any,
    delta: Any,
    A: Any,
    B: Any,
    C: Any,
    D: Any = None,
    z: Any = None,
    delta_bias: Any = None,
    delta_softplus: bool = False,
    implementation: str = "",
    keep: bool = False,
) -> tuple[Any, Any, Any]:
    """Return y (b, d, L), the last state (b, d, n) and an empty stand-in for what a backward pass would want."""
    del implementation, keep
    if u.dtype != ir.DataType.FLOAT or any(matrix.shape is None or len(matrix.shape) != 3 for matrix in (B, C)):
        raise ParamsError(
            f"the ONNX form of the selective scan takes float32 and B, C of (b, n, L); got {u.dtype}, B {B.shape} and "
            f"C {C.shape}: export in float32, one group."
        )
    step = delta if delta_bias is None else op.Add(delta, _column(delta_bias))
    if delta_softplus:
        step = op.Softplus(step)
    first = op.Unsqueeze(op.Gather(u, op.Constant(value_int=0), axis=2), op.Constant(value_ints=[2]))  # (b, d, 1)
    initial = op.Mul(op.Mul(first, op.Constant(value_float=0.0)), A)  # zeros (b, d, n), whatever b is
    axes: Any = {"num_scan_inputs": 4, "scan_input_axes": [2, 2, 2, 2], "scan_output_axes": [2]}
    last_state, y = call_op("Scan", initial, step, op.Mul(step, u), B, C, _num_outputs=2, body=_step(A), **axes)
    if D is not None:
        y = op.Add(y, op.Mul(u, _column(D)))
    if z is not None:
        y = op.Mul(y, op.Mul(z, op.Sigmoid(z)))
    return y, last_state, op.Constant(value_floats=[0.0])


def _step(A: ir.Value) -> ir.Graph:
    """Return one step as a graph: h (b, d, n), Δ and Δu (b, d), B and C (b, n) to the next h and y (b, d)."""
    state, delta, drive, B, C = (
        ir.Value(name=name, type=ir.TensorType(ir.DataType.FLOAT)) for name in ("state", "delta", "drive", "B_t", "C_t")
    )
    nodes: list[ir.Node] = []

    def add(kind: str, *inputs: ir.Value, **attributes: Any) -> ir.Value:
        nodes.append(ir.node(kind, list(inputs), attributes=attributes or None))
        return nodes[-1].outputs[0]

    last, middle = add("Constant", value_ints=[2]), add("Constant", value_ints=[1])
    decay = add("Exp", add("Mul", add("Unsqueeze", delta, last), A))
    driven = add("Mul", add("Unsqueeze", drive, last), add("Unsqueeze", B, middle))
    next_state = add("Add", add("Mul", decay, state), driven)
    y = add("Squeeze", add("MatMul", next_state, add("Unsqueeze", C, last)), last)
    next_state.name, y.name = "next_state", "y_t"
    return ir.Graph(
        [state, delta, drive, B, C], [next_state, y], nodes=nodes, name="selective_scan_step", opset_imports={"": 18}
    )


def _column(vector: ir.Value) -> Any:
    return op.Unsqueeze(vector, op.Constant(value_ints=[1]))
