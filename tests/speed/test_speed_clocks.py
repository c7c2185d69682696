"""The real clocks: the machine's speed index, and peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from bakeoff.core.locks import measuring_lock
from bakeoff.speed import clocks
from bakeoff.speed.clocks import INDEX_S, is_noisy, machine_index


@pytest.mark.parametrize(
    ("drift", "disagreement", "on_cpu", "noisy"),
    [(0.05, 0.4, True, False), (0.11, 0.0, True, True), (0.0, 0.6, True, True), (0.0, 0.6, False, False)],
)
def test_when_a_turn_is_noisy(drift, disagreement, on_cpu, noisy):
    assert is_noisy(drift, disagreement, on_cpu=on_cpu) is noisy


def test_machine_index_is_a_speed():
    start = time.perf_counter()
    assert 1 < machine_index() < 10_000
    assert INDEX_S <= time.perf_counter() - start < 5


def test_peak_memory_sees_an_allocation_and_forgets_it():
    """In a process of its own: in one that has freed much before, an allocation may find resident pages."""
    script = """
import numpy as np
from bakeoff.speed import clocks
scope = clocks.reset_peak()
before = clocks.peak_memory_mib()
block = np.ones(64 * 2**20, np.uint8)
after = clocks.peak_memory_mib()
assert after >= before + 50, (before, after)
del block
if scope == "measurement":
    clocks.reset_peak()
    assert clocks.peak_memory_mib() < after - 30
"""
    source = str(Path(clocks.__file__).resolve().parents[2])
    subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": source}, check=True)


def test_the_lock_is_the_machine_s():
    assert measuring_lock() == Path(tempfile.gettempdir()) / "bakeoff-throughput.lock"
