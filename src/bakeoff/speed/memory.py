"""Peak resident memory of this process: over the measurement where the system allows it, else since its start."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def reset_peak() -> str:
    """Start a new peak and return what it covers: `measurement`, or `process` where the system cannot reset it."""
    try:
        _CLEAR.write_text("5", encoding="ascii")  # proc(5): 5 resets the peak resident set size
    except OSError:
        return "process"
    return "measurement"


def peak_memory_mib() -> float:
    """Return the peak resident set size since the last `reset_peak`, MiB."""
    if _STATUS.is_file():
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    bytes_per_unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * bytes_per_unit / 2**20
