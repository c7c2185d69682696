"""Seeds and CPU threads for whichever framework is loaded; none is imported here."""

from __future__ import annotations

import hashlib
import os
import random
import sys

import numpy as np
import psutil

from bakeoff.core.errors import SetupError


def seed_everything(seed: int) -> None:
    """Seed Python's and NumPy's generators, and those of PyTorch and TensorFlow where they are loaded.

    Args:
        seed: from 0 to 2**32 - 1 (NumPy's bound).
    """
    random.seed(seed)
    np.random.seed(seed)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None:
        tensorflow.random.set_seed(seed)


def derive_seed(seed: int, *parts: object) -> int:
    """Return a seed below 2**63 for one purpose, e.g. `derive_seed(0, "order", epoch)`: independent of any state."""
    text = "/".join(str(part) for part in (seed, *parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def default_threads() -> int:
    """Return the physical cores this process may use, at least 1: what `threads: null` means.

    Where the system does not tell cores from hyper-threads, all CPUs count.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(psutil.cpu_count(logical=False) or allowed, allowed))


def set_threads(n_threads: int | None) -> int:
    """Make the loaded frameworks use this many CPU threads and return the number; None means all physical cores.

    Raises:
        SetupError: fewer than one, or TensorFlow has started already (it fixes its threads at its first operation).
    """
    n_threads = default_threads() if n_threads is None else n_threads
    if n_threads < 1:
        raise SetupError(f"threads must be at least 1, got {n_threads}; set compute.threads, or null for all cores.")
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(n_threads)
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None:
        _set_tensorflow_threads(tensorflow, n_threads)
    return n_threads


def _set_tensorflow_threads(tensorflow: object, n_threads: int) -> None:
    threading = tensorflow.config.threading  # type: ignore[attr-defined]
    if threading.get_intra_op_parallelism_threads() == n_threads:
        return
    try:
        threading.set_intra_op_parallelism_threads(n_threads)
        threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        raise SetupError(
            f"TensorFlow has started already and cannot change to {n_threads} threads; set them before the first model."
        ) from None
