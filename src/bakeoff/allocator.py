"""The process's memory allocator: keeps what PyTorch frees, for fetching it anew can cost more than a layer's work."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable

KEPT = "glibc, freed memory kept"
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # of malloc.h
_KEEP = ((_M_MMAP_THRESHOLD, 2**30), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_ARENA_MAX, 1))
_OWN_SETTINGS = (
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_TOP_PAD_",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_MMAP_MAX_",
    "MALLOC_ARENA_MAX",
    "GLIBC_TUNABLES",
)


def keep_freed_memory() -> str:
    """Have this process keep freed memory, up to 2 GiB, instead of giving it back; return `allocator_name`'s words.

    PyTorch asks for each layer's activations anew. As it comes, glibc maps blocks above 128 KiB to 32 MiB and unmaps
    them when they are freed, and trims the others, so that the kernel clears the same pages for every forward pass
    (docs/benchmarks.md, "Memory that is kept"). One heap serves all threads: only that one grows beyond 64 MiB.
    Results do not change.

    Nothing changes outside glibc, under an allocator of LD_PRELOAD's (jemalloc and tcmalloc keep memory by
    themselves), or where the user set one of glibc's own variables.

    Source: mallopt(3).
    """
    mallopt = _function("mallopt")
    if _chosen_by_user() is None and mallopt is not None and all(mallopt(name, value) for name, value in _KEEP):
        return KEPT
    return allocator_name()


def allocator_name() -> str:
    """Return what allocates in this process: `glibc`, `system`, or what the user's environment chose."""
    return _chosen_by_user() or ("glibc" if _function("mallopt") else "system")


def give_back_freed_memory() -> None:
    """Give freed memory back to the system once, so that a peak measured from here on is not that of earlier work."""
    malloc_trim = _function("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def _chosen_by_user() -> str | None:
    """Return what the environment says of the allocator, None where it says nothing."""
    if preloaded := os.environ.get("LD_PRELOAD", "").replace(":", " ").split():
        return " ".join(os.path.basename(path) for path in preloaded)
    chosen = [f"{name}={os.environ[name]}" for name in _OWN_SETTINGS if os.environ.get(name)]
    return f"glibc, {', '.join(chosen)}" if chosen else None


def _function(name: str) -> Callable[..., int] | None:
    """Return one of glibc's functions, None on another system."""
    if sys.platform != "linux":
        return None
    try:
        return getattr(ctypes.CDLL("libc.so.6"), name)
    except (OSError, AttributeError):
        return None
