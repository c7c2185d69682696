"""The clocks of a measurement, the process's peak memory, and an index that tells whether the machine stayed steady."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bakeoff.core.machine import peak_resident_mib

INDEX_S = 0.2
MAX_DRIFT = 0.1
MAX_DISAGREEMENT = 0.5
"""How far two timings of the same forward pass may lie apart; 0.5: one took half as long again as the other."""
_VALUES = 16_384  # 64 KiB: stays in a core's own cache, so that the core is measured and not its neighbours' memory
_PASSES = 20
_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def machine_index() -> float:
    """Return how fast this machine computes just now: passes of exp(-x²) + x over 16,384 float32 per ms, one thread."""
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


@dataclass(frozen=True)
class Clocks:
    """Seconds of the wall and of all CPU threads of this process, and the machine-speed index."""

    wall: Callable[[], float] = time.perf_counter
    cpu: Callable[[], float] = time.process_time
    index: Callable[[], float] = machine_index


def is_noisy(drift: float, disagreement: float, *, on_cpu: bool) -> bool:
    """Return whether a turn was noisy, by its drift and disagreement (`bakeoff.speed.pool`), which are shares.

    On a GPU the way from end to end also copies, so there the disagreement does not count.
    """
    return drift > MAX_DRIFT or (on_cpu and disagreement > MAX_DISAGREEMENT)


def reset_peak() -> str:
    """Start a new memory peak and return what it covers: `measurement`, or `process` where it cannot be reset."""
    try:
        _CLEAR.write_text("5", encoding="ascii")  # proc(5): 5 resets the peak resident set size
    except OSError:
        return "process"
    return "measurement"


def peak_memory_mib() -> float:
    """Return the peak resident set size since the last `reset_peak`, MiB."""
    status = _STATUS.read_text(encoding="ascii", errors="replace") if _STATUS.is_file() else ""
    if found := re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE):
        return int(found[1]) / 1024
    return peak_resident_mib()
