from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bakeoff.core import allocator

SOURCE = str(Path(allocator.__file__).resolve().parents[2])
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_", "LD_"))}
PASSES = """
import ctypes, resource, sys, threading
import numpy as np
from bakeoff.core.allocator import keep_freed_memory

def passes(n):
    for _ in range(n):
        first = np.ones(8 << 20)  # 64 MiB, as a layer's activations of a large batch
        second = first + 1
        del first, second

def faults(n):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    thread = threading.Thread(target=passes, args=(n,))  # a server's answers come from threads
    thread.start()
    thread.join()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

words = keep_freed_memory() if sys.argv[1] == "keep" else "as it comes"
passes(1)
fetched = faults(5)
ctypes.CDLL("libc.so.6").malloc_trim(0)
pages = int(open("/proc/self/statm").read().split()[1])
print(fetched, pages * resource.getpagesize() >> 20, words, sep="|")
"""
FORWARD = """
import hashlib, sys
import torch
from bakeoff.core.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
torch.manual_seed(0)
torch.set_num_threads(1)
network = torch.nn.Sequential(torch.nn.Conv2d(3, 64, 3), torch.nn.ReLU(), torch.nn.Conv2d(64, 8, 3))
for _ in range(3):
    answer = network(torch.rand(8, 3, 96, 96))
answer.sum().backward()
print(hashlib.sha256(answer.detach().numpy().tobytes() + network[0].weight.grad.numpy().tobytes()).hexdigest())
"""
NAMES = "from bakeoff.core.allocator import *; print(allocator_name(), keep_freed_memory(), allocator_name(), sep='|')"


def run(script: str, *arguments: str, **environment: str) -> list[str]:
    """Return what a new process prints, without the variables of this one that tune malloc, split at `|`."""
    command = [sys.executable, "-c", script, *arguments]
    variables = ENVIRONMENT | {"PYTHONPATH": SOURCE} | environment
    done = subprocess.run(command, env=variables, check=True, capture_output=True, text=True)
    return done.stdout.strip().split("|")


needs_glibc = pytest.mark.skipif(allocator._malloc_file() != "libc.so.6", reason="malloc is not glibc's here")


@needs_glibc
def test_freed_memory_is_used_again_and_can_be_given_back():
    alone = {"OPENBLAS_NUM_THREADS": "1"}  # NumPy's threads make heaps of their own, which new threads may get
    as_it_comes, *_ = run(PASSES, "plain", **alone)
    kept, resident_mib, words = run(PASSES, "keep", **alone)
    assert words == allocator.KEPT
    assert int(kept) < int(as_it_comes) / 10, (kept, as_it_comes)
    assert int(resident_mib) < 128


@needs_glibc
def test_the_variables_keep_it_in_threads_beside_numpys(monkeypatch):
    for name in (*allocator._OWN_SETTINGS, "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    variables = allocator.kept_environment()
    as_it_comes, *_ = run(PASSES, "plain")
    kept, _, words = run(PASSES, "keep", **variables)
    assert int(kept) < int(as_it_comes) / 10, (kept, as_it_comes)
    assert words == "glibc, MALLOC_MMAP_MAX_=0, MALLOC_TRIM_THRESHOLD_=2147483647, MALLOC_ARENA_MAX=1"
    monkeypatch.setenv("MALLOC_ARENA_MAX", "4")
    assert "MALLOC_ARENA_MAX" not in allocator.kept_environment()
    monkeypatch.setenv("MALLOC_TOP_PAD_", "1")
    assert allocator.kept_environment() == {}


@needs_glibc
def test_a_users_own_tuning_stays():
    as_it_comes, *_ = run(PASSES, "plain")
    faults, _, words = run(PASSES, "keep", MALLOC_MMAP_THRESHOLD_="65536")
    assert words == "glibc, MALLOC_MMAP_THRESHOLD_=65536"
    assert int(faults) > int(as_it_comes) / 2


@needs_glibc
@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, ["glibc", allocator.KEPT, allocator.KEPT]),
        ({"GLIBC_TUNABLES": "glibc.malloc.check=0"}, ["glibc, GLIBC_TUNABLES=glibc.malloc.check=0"] * 3),
        ({"GLIBC_TUNABLES": "glibc.cpu.x86_ibt=off"}, ["glibc", allocator.KEPT, allocator.KEPT]),
        (
            {"MALLOC_ARENA_MAX": "2"},
            ["glibc, MALLOC_ARENA_MAX=2", *[f"{allocator.KEPT}, MALLOC_ARENA_MAX=2"] * 2],
        ),
    ],
)
def test_the_answer_names_what_was_chosen(environment, words):
    assert run(NAMES, **environment) == words


@needs_glibc
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler is here")
def test_another_allocator_is_named_and_left_alone(tmp_path):
    (tmp_path / "own.c").write_text(
        "void *__libc_malloc(unsigned long); void *malloc(unsigned long n) { return __libc_malloc(n); }"
    )
    (tmp_path / "other.c").write_text("int unrelated;")
    for name in ("own", "other"):
        command = ["cc", "-shared", "-fPIC", "-o", str(tmp_path / f"lib{name}.so"), str(tmp_path / f"{name}.c")]
        subprocess.run(command, check=True)
    assert run(NAMES, LD_PRELOAD=f"{tmp_path}/libown.so") == ["libown.so"] * 3
    assert run(NAMES, LD_PRELOAD=f"{tmp_path}/libother.so") == ["glibc", allocator.KEPT, allocator.KEPT]


@needs_glibc
@pytest.mark.torch
@pytest.mark.slow
def test_results_are_the_same():
    pytest.importorskip("torch")
    assert run(FORWARD, "keep") == run(FORWARD, "plain")


def test_another_system_is_left_alone(monkeypatch):
    monkeypatch.setattr(allocator.sys, "platform", "darwin")
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    assert allocator.keep_freed_memory() == allocator.allocator_name() == "system"
