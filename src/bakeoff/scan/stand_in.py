"""Let `import mambavision` succeed on machines without mamba_ssm, which needs nvcc: the scan here stands in for it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType

from bakeoff.scan.dispatch import selective_scan
from bakeoff.scan.mamba_ssm import mamba_ssm_installed

_NAMES = ("mamba_ssm", "mamba_ssm.ops", "mamba_ssm.ops.selective_scan_interface")


def install_standin() -> bool:
    """Offer `mamba_ssm.ops.selective_scan_interface.selective_scan_fn`, this package's scan, to whatever imports it.

    Returns:
        Whether the stand-in is in place: False where a real mamba_ssm is installed, which is never overridden.
    """
    if mamba_ssm_installed():
        return False
    if "mamba_ssm" in sys.modules:
        return True
    modules = {name: ModuleType(name, "bakeoff's stand-in for mamba_ssm") for name in _NAMES}
    for module in modules.values():
        module.__dict__["__bakeoff_standin__"] = True
        module.__dict__["__path__"] = []
    modules[_NAMES[0]].__dict__["ops"] = modules[_NAMES[1]]
    modules[_NAMES[1]].__dict__["selective_scan_interface"] = modules[_NAMES[2]]
    modules[_NAMES[2]].__dict__["selective_scan_fn"] = selective_scan
    sys.modules.update(modules)
    return True


@contextlib.contextmanager
def standin() -> Iterator[bool]:
    """Install the stand-in for imports inside the block, then remove it; one that was there before stays.

    Yields:
        What `install_standin` returns.
    """
    before = "mamba_ssm" in sys.modules
    installed = install_standin()
    try:
        yield installed
    finally:
        if installed and not before:
            for name in _NAMES:
                sys.modules.pop(name, None)
