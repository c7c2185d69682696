"""Let `import mambavision` succeed on machines without mamba_ssm, which needs nvcc: the scan here stands in for it."""

import contextlib
import sys
from collections.abc import Iterator
from itertools import pairwise
from types import ModuleType

from bakeoff.scan.dispatch import selective_scan
from bakeoff.scan.mamba_ssm import mamba_ssm_installed

_NAMES = ("mamba_ssm", "mamba_ssm.ops", "mamba_ssm.ops.selective_scan_interface")


@contextlib.contextmanager
def standin() -> Iterator[bool]:
    """Let imports inside the block find this package's scan as `mamba_ssm`'s `selective_scan_fn`, and nobody after it.

    Yields:
        Whether the stand-in is in place: False where a real mamba_ssm is installed, which is never overridden.
    """
    if mamba_ssm_installed() or "mamba_ssm" in sys.modules:
        yield not mamba_ssm_installed()
        return
    modules = {name: ModuleType(name, "bakeoff's stand-in for mamba_ssm") for name in _NAMES}
    for module in modules.values():
        module.__dict__.update(__bakeoff_standin__=True, __path__=[])
    for parent, child in pairwise(_NAMES):
        setattr(modules[parent], child.rpartition(".")[2], modules[child])
    modules[_NAMES[-1]].__dict__["selective_scan_fn"] = selective_scan
    sys.modules.update(modules)
    try:
        yield True
    finally:
        for name in _NAMES:
            sys.modules.pop(name, None)
