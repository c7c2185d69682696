"""Let `import mambavision` succeed on machines without mamba_ssm, which needs nvcc: the scan here stands in for it."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType

from bakeoff.scan.dispatch import selective_scan

_NAMES = ("mamba_ssm", "mamba_ssm.ops", "mamba_ssm.ops.selective_scan_interface")


def mamba_ssm_installed() -> bool:
    """Return whether a mamba_ssm other than this stand-in can be imported."""
    loaded = sys.modules.get("mamba_ssm")
    if loaded is not None:
        return not hasattr(loaded, "__bakeoff_standin__")
    return importlib.util.find_spec("mamba_ssm") is not None


@contextlib.contextmanager
def standin() -> Iterator[bool]:
    """Offer `mamba_ssm.ops.selective_scan_interface.selective_scan_fn` for imports inside the block, then remove it.

    Yields:
        Whether the stand-in is in place: False where a real mamba_ssm is installed, which is never overridden.
    """
    if any(name in sys.modules for name in _NAMES) or mamba_ssm_installed():
        yield "mamba_ssm" in sys.modules and not mamba_ssm_installed()
        return
    modules = {name: ModuleType(name, "bakeoff's stand-in for mamba_ssm") for name in _NAMES}
    for module in modules.values():
        module.__dict__["__bakeoff_standin__"] = True
        module.__dict__["__path__"] = []
    modules[_NAMES[0]].__dict__["ops"] = modules[_NAMES[1]]
    modules[_NAMES[1]].__dict__["selective_scan_interface"] = modules[_NAMES[2]]
    modules[_NAMES[2]].__dict__["selective_scan_fn"] = selective_scan
    sys.modules.update(modules)
    try:
        yield True
    finally:
        for name in _NAMES:
            sys.modules.pop(name, None)
