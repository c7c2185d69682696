"""The clocks of a measurement, and a machine-speed index that tells whether the machine stayed the same meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

INDEX_S = 0.2
INDEX_UNIT = "passes of exp(-x²) + x over 16,384 float32 per ms, one thread"
MAX_DRIFT = 0.1
MAX_DISAGREEMENT = 0.5
"""How far two timings of the same forward pass may lie apart; 0.5: one took half as long again as the other."""
_VALUES = 16_384  # 64 KiB: stays in a core's own cache, so that the core is measured and not its neighbours' memory
_PASSES = 20


def machine_index() -> float:
    """Return how fast this machine computes just now, in `INDEX_UNIT`: higher is faster; NumPy alone, one thread."""
    values = np.linspace(-1, 1, _VALUES, dtype=np.float32)
    result = np.empty_like(values)
    n_passes, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < INDEX_S:
        for _ in range(_PASSES):
            np.multiply(values, values, out=result)
            np.negative(result, out=result)
            np.exp(result, out=result)
            np.add(result, values, out=result)
        n_passes += _PASSES
    return n_passes / elapsed / 1000


def drift(before: float, after: float) -> float:
    """Return by which share the machine's speed changed, from 0."""
    return abs(after - before) / before


def restlessness(drift: float, disagreement: float, *, on_cpu: bool) -> float:
    """Return how restless the machine was during a measurement: above 1 it is noisy; less is better even then.

    Args:
        drift: by which share the machine's speed changed.
        disagreement: by which share one timing of the forward pass exceeds the other; on a GPU the way from end to end
            also copies, so there it does not count.
        on_cpu: whether the network ran on the CPU.
    """
    return max(drift / MAX_DRIFT, disagreement / MAX_DISAGREEMENT if on_cpu else 0.0)


@dataclass(frozen=True)
class Clocks:
    """Seconds of the wall and of all CPU threads of this process, and the machine-speed index."""

    wall: Callable[[], float] = time.perf_counter
    cpu: Callable[[], float] = time.process_time
    index: Callable[[], float] = machine_index
