"""The process's memory allocator: keeps what PyTorch frees, for fetching it anew can cost more than a layer's work."""

import ctypes
import os
import sys

_GLIBC = "libc.so.6"
KEPT = "glibc, freed memory kept"
_ARENAS = "MALLOC_ARENA_MAX"
_KEEP = {"MALLOC_MMAP_MAX_": 0, "MALLOC_TRIM_THRESHOLD_": 2**31 - 1, _ARENAS: 1}
_NUMBERS = {"MALLOC_MMAP_MAX_": -4, "MALLOC_TRIM_THRESHOLD_": -1, _ARENAS: -8}  # in malloc.h
_OWN_SETTINGS = (*_KEEP, "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_")
_done: list[str] = []
"""What `keep_freed_memory` answered, once it has changed the process."""


class _SymbolInfo(ctypes.Structure):
    """`Dl_info` of dlfcn.h."""

    _fields_ = tuple(zip(("file", "base", "symbol", "address"), (ctypes.c_char_p, ctypes.c_void_p) * 2, strict=True))


def keep_freed_memory() -> str:
    """Have this process keep the memory that is freed instead of giving it back; return `allocator_name()` after it.

    PyTorch asks for each layer's activations again. As it comes, glibc maps large blocks and unmaps them when they are
    freed, so that the kernel clears the same pages for every forward pass (docs/benchmarks.md, "Memory that is kept").
    From here on it maps none, gives memory back only where more than 2 GiB are free at the heap's end, and serves all
    new threads from the heaps there are, best from the first one alone, since the others cannot grow beyond 64 MiB:
    NumPy's threads have made some by the time it is imported, and beyond 8 heaps glibc takes no new bound. So where
    threads will compute, as in a server, start the process with `kept_environment()`. Results do not change.

    Nothing changes under another system or allocator (jemalloc and tcmalloc keep memory by themselves) or where the
    user tuned glibc's malloc by its variables; `MALLOC_ARENA_MAX` alone is left as it is and the rest is done.

    Source: mallopt(3).
    """
    settings = _settings()
    if settings and not _done:
        mallopt = ctypes.CDLL(_GLIBC).mallopt
        if all([mallopt(_NUMBERS[name], value) for name, value in settings.items()]):
            _done.append(KEPT)
    return allocator_name()


def kept_environment() -> dict[str, str]:
    """Return the variables that do the same for a process from its start; none where nothing would be changed."""
    return {name: str(value) for name, value in _settings().items()}


def _settings() -> dict[str, int]:
    chosen = _chosen_by_user()
    if _malloc_file() != _GLIBC or [name for name in chosen if name != _ARENAS]:
        return {}
    return {name: value for name, value in _KEEP.items() if name not in chosen}


def allocator_name() -> str:
    """Return what allocates in this process, as the throughput record carries it.

    `glibc` (or `KEPT`) with the variables that the user set; the file of another library that brings malloc, such as
    `libjemalloc.so.2`; `system` elsewhere.
    """
    if (file := _malloc_file()) != _GLIBC:
        return file or "system"
    chosen = [f"{name}={value}" for name, value in _chosen_by_user().items()]
    return ", ".join([*(_done or ["glibc"]), *chosen])


def _chosen_by_user() -> dict[str, str]:
    """Return the variables by which the environment tunes glibc's malloc."""
    chosen = {name: os.environ[name] for name in _OWN_SETTINGS if os.environ.get(name)}
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    return chosen | ({"GLIBC_TUNABLES": tunables} if "glibc.malloc." in tunables else {})


def _malloc_file() -> str | None:
    """Return the name of the library that brings malloc, None where that cannot be told."""
    if sys.platform != "linux":
        return None
    info = _SymbolInfo()
    try:
        program, libc = ctypes.CDLL(None), ctypes.CDLL(_GLIBC)
        address = ctypes.cast(program.malloc, ctypes.c_void_p)
        if not program.dladdr(address, ctypes.byref(info)) or info.file is None:
            return None
        if ctypes.cast(libc.malloc, ctypes.c_void_p).value == address.value:
            return _GLIBC
    except (OSError, AttributeError):  # no glibc: musl
        return None
    file = os.path.realpath(os.fsdecode(info.file))
    # A program that is not position-independent may answer with its own entry for glibc's function.
    return _GLIBC if file == os.path.realpath(sys.executable) else os.path.basename(file)
