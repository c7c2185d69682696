"""What a network costs whatever runs it: multiply-adds of a forward pass, and bytes of its file."""

import json
import math
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def count_gmacs(model: nn.Module, image_size: int, device: torch.device) -> float:
    """Return 1e9 multiply-adds of one image's forward pass: convolutions, matrix products, attention and the scan.

    What is no multiply-add there (norms, activations, sums) is left out, as the literature does. The model takes images
    (N, 3, H, W) float32 in [0, 1], H = W = `image_size` px, in evaluation mode on `device`.
    """
    image = torch.zeros(1, 3, image_size, image_size, device=device)
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=_formulas()) as counter:
        model(image)
    return counter.get_total_flops() / 2e9  # a multiply-add counts as two operations there


def scan_flops(u: Any, delta: Any, A: Any, *_given: Any, **_named: Any) -> int:
    """Return the operations of one selective scan, two per multiply-add, from the shapes of u (b, d, L) and A (d, n).

    Per state: delta·A, the input's weight, the state's update and its share in the output; per channel: delta·u, D·u.
    """
    b, d, length = (part if isinstance(part, int) else int(part) for part in tuple(u))
    return 2 * b * d * length * (4 * tuple(A)[-1] + 2)


def file_mib(network: nn.Module) -> float:
    """Return how large the whole network is as a safetensors file, MiB, whatever of it a training stores."""
    state = network.state_dict()
    header, offset = {}, 0
    for name, tensor in state.items():
        size = math.prod(tensor.shape) * tensor.element_size()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + size]}
        offset += size
    return (8 + len(json.dumps(header, separators=(",", ":"))) + offset) / 2**20  # 8 bytes tell the header's length


def _formulas() -> dict[Any, Any]:
    """Return the formula of our own operator, which PyTorch's counter cannot look into, where it is loaded."""
    if not hasattr(torch.ops.bakeoff, "selective_scan"):
        return {}
    return {torch.ops.bakeoff.selective_scan: scan_flops}
