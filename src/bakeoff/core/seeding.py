"""Seeds and CPU threads of a torch process; no framework is imported here. TensorFlow has its own in `baseline_tf`."""

import hashlib
import os
import random
import sys

import numpy as np
import psutil


def seed_everything(seed: int) -> None:
    """Seed Python's and NumPy's generators, and PyTorch's where it is loaded; from 0 to 2**32 - 1, NumPy's bound."""
    random.seed(seed)
    np.random.seed(seed)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)


def derive_seed(seed: int, *parts: object) -> int:
    """Return a seed below 2**63 for one purpose, e.g. `derive_seed(0, "order", epoch)`: independent of any state."""
    text = "/".join(str(part) for part in (seed, *parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def default_threads() -> int:
    """Return the physical cores this process may use, at least 1: what `threads: null` means.

    Where the system does not tell cores from hyper-threads, all CPUs count.
    """
    return max(1, min(psutil.cpu_count(logical=False) or usable_cpus(), usable_cpus()))


def usable_cpus() -> int:
    """Return how many CPUs, hyper-threads counted, this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def limit_threads(n_threads: int) -> int:
    """Do as `set_threads`, and make what NumPy, SciPy and scikit-learn stand on use no more."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(n_threads)
    return set_threads(n_threads)


def set_threads(n_threads: int | None) -> int:
    """Make PyTorch, where it is loaded, use this many CPU threads and return the number; None means all cores."""
    n_threads = default_threads() if n_threads is None else n_threads
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(n_threads)
    return n_threads
