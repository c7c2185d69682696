"""Compile the Triton kernels to machine code for GPUs that are not here: `python triton_compile.py CAPABILITY:CASE…`.

Triton's interpreter forgives what its compiler refuses (types that change in a loop, sizes of 1 that become constants).
Prints {capability: [[bytes of forward, of backward], …]} as JSON, a pair for each of CASES that was asked for.
"""

import json
import sys

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton_cases import make

from bakeoff.scan import triton_code, triton_kernel

CASES = (
    {"b": 2, "d": 160, "n": 8, "length": 196, "z": False},
    {"d": 1, "n": 1, "length": 1, "D": False, "bias": False, "softplus": False},
    {"b": 2, "d": 392, "n": 8, "length": 49, "low": torch.bfloat16, "groups": (2, 1), "strided": True},
    {"b": 256, "d": 160, "n": 8, "length": 49, "low": torch.float16},
    {"d": 16, "n": 4, "length": 33, "dtype": torch.float64},
)


class Elsewhere:
    """The driver of a GPU of some compute capability, as far as compiling asks for it."""

    def __init__(self, capability):
        self.target = GPUTarget("cuda", capability, 32)

    def get_current_target(self):
        return self.target

    def get_current_device(self):
        return self.target.arch

    def get_current_stream(self, _device):
        return 0


class Compiled:
    """Compiles where a kernel would be launched, and notes the size of the machine code."""

    def __init__(self, kernel, sizes):
        self.kernel, self.sizes = kernel, sizes

    def __getitem__(self, grid):
        return lambda *given, **options: self.sizes.append(
            len(self.kernel.warmup(*given, grid=grid, **options).asm["cubin"])
        )


sizes = []
triton_code.scan_forward = Compiled(triton_code.scan_forward, sizes)
triton_code.scan_backward = Compiled(triton_code.scan_backward, sizes)
report: dict[str, list[list[int]]] = {}
for asked in sys.argv[1:]:
    capability, _, number = asked.partition(":")
    triton.runtime.driver.set_active(Elsewhere(int(capability)))
    inputs = make(**CASES[int(number)])
    y, last, saved = triton_kernel.forward(inputs, keep=True)
    triton_kernel.backward(inputs, saved, y, last)
    report.setdefault(capability, []).append(sizes[:])
    sizes.clear()
sys.stdout.write(json.dumps(report) + "\n")
