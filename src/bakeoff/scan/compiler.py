"""Compile the C++ kernel once per version, compiler and processor, and load it: safe for many processes at a time."""

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bakeoff.core.files import replacing

_SOURCES = ("selective_scan.cpp", "views.h", "vector.h")
_FLAGS = ("-O3", "-std=c++17", "-shared", "-fPIC", "-w", "-ffp-contract=fast")
_VARIANTS = (("-march=native", "-fopenmp"), ("-march=native",), ("-fopenmp",), ())
"""Tried in this order: an old compiler may not know the processor, Apple's has no OpenMP."""
_COMPILE_LIMIT_S = 300


class KernelError(Exception):
    """The kernel is not available here; the message says why, in one clause."""


@functools.cache
def attempt() -> ctypes.CDLL | str:
    """Return the compiled kernel, compiling it where the cache holds none, or why there is none; a process tries once.

    The cache is `bakeoff/scan` under XDG_CACHE_HOME or ~/.cache, or BAKEOFF_KERNEL_CACHE where set. What a compiler
    that failed said stays there, beside where the kernel would be.
    """
    try:
        compiler = _compiler()
        library = _cache_folder() / _key(compiler) / "selective_scan.so"
        if not library.is_file():
            _compile(compiler, library)
        if library.stat().st_uid not in (os.getuid(), 0):
            return f"{library} belongs to another user; set BAKEOFF_KERNEL_CACHE to a folder of your own"
    except KernelError as error:
        return str(error)
    try:
        return ctypes.CDLL(str(library))
    except OSError as error:
        return f"the compiled kernel does not load: {error}"


def why_unavailable() -> str | None:
    """Return why the kernel is not available here, or None where it is; the first call may compile for some seconds."""
    kernel = attempt()
    return kernel if isinstance(kernel, str) else None


def _compiler() -> str:
    wanted = [os.environ["CXX"]] if os.environ.get("CXX") else ["g++", "clang++", "c++"]
    if path := next(filter(None, map(shutil.which, wanted)), None):
        return path
    raise KernelError(f"no C++ compiler found (looked for {', '.join(wanted)})")


def _cache_folder() -> Path:
    if named := os.environ.get("BAKEOFF_KERNEL_CACHE"):
        return Path(named)
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    except RuntimeError:
        raise KernelError("this user has no home folder to keep it in; set BAKEOFF_KERNEL_CACHE") from None
    return base / "bakeoff" / "scan"


def _key(compiler: str) -> str:
    """Return a digest of what decides the machine code: sources, flags, compiler and processor."""
    digest = hashlib.sha256()
    for name in _SOURCES:
        digest.update((Path(__file__).parent / "native" / name).read_bytes())
    try:
        version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError as error:
        raise KernelError(f"{compiler} cannot be run: {error.strerror}") from None
    digest.update(repr((_FLAGS, _VARIANTS, version, sys.platform, platform.machine(), _processor())).encode())
    return digest.hexdigest()[:24]


def _processor() -> str:
    """Return the processor's model and instruction sets as the system tells them."""
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return platform.processor()
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n\n", 1)[0].splitlines()
    told = ("model name", "flags", "Features", "CPU part")
    return "\n".join(line for line in lines if line.split("\t")[0].split(":")[0].strip() in told)


def _compile(compiler: str, library: Path) -> None:
    """Compile into a temporary file beside `library` and rename it: whoever comes second replaces equal by equal."""
    sys.stderr.write("bakeoff: compiling the selective scan for this processor (once, about 10 s)\n")
    log = library.with_name("compiler.log")
    try:
        library.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=library.parent) as scratch:
            built = Path(scratch) / library.name
            output = _run_variants(compiler, built)
            with replacing(log) as partial:
                partial.write_text(output, encoding="utf-8")
            if not built.is_file():
                raise KernelError(f"{compiler} failed; its output is in {log}")
            os.replace(built, library)
    except OSError as error:
        raise KernelError(f"the kernel's cache {library.parent} cannot be written: {error.strerror}") from None


def _run_variants(compiler: str, built: Path) -> str:
    """Try the flags from the best to the plainest; return all that the compiler said."""
    source = Path(__file__).parent / "native" / _SOURCES[0]
    said = []
    for variant in _VARIANTS:
        command = [compiler, *_FLAGS, *variant, str(source), "-o", str(built)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_COMPILE_LIMIT_S)
        except subprocess.TimeoutExpired:
            said.append(f"$ {' '.join(command)}\nstopped after {_COMPILE_LIMIT_S} s")
            continue
        said.append(f"$ {' '.join(command)}\n{done.stdout}{done.stderr}exit {done.returncode}")
        if done.returncode == 0:
            break
        built.unlink(missing_ok=True)
    return "\n".join(said) + "\n"
