from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bakeoff import allocator

SOURCE = str(Path(allocator.__file__).resolve().parents[1])
PASSES = """
import resource, sys, threading
import numpy as np
from bakeoff.allocator import give_back_freed_memory, keep_freed_memory
from bakeoff.evaluation.memory import peak_memory_mib

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
give_back_freed_memory()
pages = int(open("/proc/self/statm").read().split()[1])
print(fetched, pages * resource.getpagesize() >> 20, words, sep="|")
"""


def run(mode: str, **environment: str) -> tuple[int, int, str]:
    """Return pages that the system had to hand out in five passes, resident MiB at the end, and the words."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_", "LD_"))}
    told = subprocess.run(
        [sys.executable, "-c", PASSES, mode],
        env=kept | {"PYTHONPATH": SOURCE} | environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    faults, resident, words = told.strip().split("|")
    return int(faults), int(resident), words


needs_glibc = pytest.mark.skipif(allocator.allocator_name() != "glibc", reason="glibc's malloc as it comes is not here")


@needs_glibc
def test_freed_memory_is_used_again_in_every_thread_and_can_be_given_back():
    as_it_comes, _, _ = run("plain")
    kept, resident, words = run("keep")
    assert words == allocator.KEPT
    assert kept < as_it_comes / 10, (kept, as_it_comes)
    assert resident < 128


@needs_glibc
def test_what_the_user_set_stays():
    faults, _, words = run("keep", MALLOC_MMAP_THRESHOLD_="65536")
    assert words == "glibc, MALLOC_MMAP_THRESHOLD_=65536"
    assert faults > 5 * 2 * (64 << 20) / os.sysconf("SC_PAGE_SIZE") / 600  # in huge pages even: nothing was kept


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"LD_PRELOAD": "/usr/lib/libjemalloc.so.2"}, "libjemalloc.so.2"),
        ({"LD_PRELOAD": "/a/libtcmalloc.so:/b/libother.so"}, "libtcmalloc.so libother.so"),
        ({"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}, "glibc, GLIBC_TUNABLES=glibc.malloc.hugetlb=1"),
        ({"MALLOC_ARENA_MAX": "2", "LD_PRELOAD": ""}, "glibc, MALLOC_ARENA_MAX=2"),
    ],
)
def test_the_users_choice_is_named(monkeypatch, environment, words):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert allocator.keep_freed_memory() == allocator.allocator_name() == words


def test_another_system_is_left_alone(monkeypatch):
    for name in ("LD_PRELOAD", *allocator._OWN_SETTINGS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(allocator.sys, "platform", "darwin")
    assert allocator.keep_freed_memory() == "system"
    allocator.give_back_freed_memory()
