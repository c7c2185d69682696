"""How fast a candidate is: images/s at a batch and latency at batch 1, warm, synchronised, alone, within a time budget.

The forward pass comes from `Predictor.compiled_call`, inputs already on the device, so decoding is not measured here.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from bakeoff.errors import EvaluationError
from bakeoff.evaluation.memory import peak_memory_mib, reset_peak
from bakeoff.evaluation.predictor import Predictor

MIN_WARMUP = 2
STABLE_WITHIN = 0.1
MAX_BATCHES = 50
MAX_LATENCIES = 200
LATENCY_SHARE = 0.3
WARMUP_SHARE = 0.4
_DESCRIBED = ("framework", "device", "device_name", "threads", "dtype", "memory_format", "versions")


@dataclass(frozen=True)
class Timings:
    """Seconds of each timed call, and the calls that warmed up before them."""

    seconds: list[float]
    n_warmup: int


def default_lock() -> Path:
    """Return the lock file that all measurements on this machine share, so that two never overlap."""
    return Path(tempfile.gettempdir()) / "bakeoff-throughput.lock"


def measure_throughput(
    predictor: Predictor,
    photos: np.ndarray,
    *,
    batch_size: int,
    budget_s: float,
    lock: Path | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Any]:
    """Return the record of throughput.json; waiting for the lock and compiling (setup_s) are outside the budget.

    Latency comes first and takes at most `LATENCY_SHARE` of the budget, batches the rest. A candidate whose single
    batch outlasts its part is still measured: one warm-up (it may compile) and one timed batch.

    Args:
        predictor: its threads are set already.
        photos: (n, H, W, 3) float32 in [0, 1], n >= 1; repeated to fill a batch.
        batch_size: images per batch of the images/s figure.
        budget_s: seconds for everything, warm-up included.
        lock: lock file instead of the machine-wide one.
        clock: seconds, monotonic.

    Raises:
        EvaluationError: no photo was given.
    """
    if len(photos) == 0:
        raise EvaluationError("throughput needs at least one photo, got none; the test split is empty.")
    with FileLock(lock or default_lock(), mode=0o666):
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        scope = reset_peak()
        before = clock()
        single = predictor.compiled_call(photos[:1])
        batch = predictor.compiled_call(photos[np.arange(batch_size) % len(photos)])
        start = clock()
        end_latency = start + LATENCY_SHARE * budget_s
        latency = time_calls(single, until=end_latency, max_calls=MAX_LATENCIES, clock=clock)
        batches = time_calls(batch, until=start + budget_s, max_calls=MAX_BATCHES, clock=clock)
        seconds = clock() - start
        memory = peak_memory_mib()
    description = predictor.description
    return {
        **summarise(latency, batches, batch_size=batch_size),
        "seconds": seconds,
        "setup_s": start - before,
        "budget_s": budget_s,
        "load_average": load,
        **{name: description.get(name) for name in _DESCRIBED},
        "peak_memory_mib": memory,
        "peak_memory_scope": scope,
    }


def time_calls(
    call: Callable[[], None], *, until: float, max_calls: int, clock: Callable[[], float] = time.perf_counter
) -> Timings:
    """Warm `call` up, then time it until the clock reads `until`; at least one warm-up and one timed call are made.

    Warm-up ends once two calls running agree within 10 % (at least two calls), or at `WARMUP_SHARE` of the time left,
    or when the next call would leave no time to measure one.
    """
    start = clock()
    warmup = [_timed(call, clock)]
    while clock() + 2 * warmup[-1] <= until:
        enough = len(warmup) >= MIN_WARMUP and _stable(warmup)
        spent = clock() - start >= WARMUP_SHARE * (until - start) and len(warmup) >= MIN_WARMUP
        if enough or spent:
            break
        warmup.append(_timed(call, clock))
    seconds = [_timed(call, clock)]
    while len(seconds) < max_calls and clock() + max(seconds) <= until:
        seconds.append(_timed(call, clock))
    return Timings(seconds=seconds, n_warmup=len(warmup))


def summarise(latency: Timings, batches: Timings, *, batch_size: int) -> dict[str, float | int]:
    """Return medians and percentiles: images/s from the median batch, ms from the single images."""
    images_per_s = batch_size / float(np.median(batches.seconds))
    p50, p90, p99 = (1000 * np.percentile(latency.seconds, [50, 90, 99])).tolist()
    return {
        "images_per_s": images_per_s,
        "ms_per_image": 1000 / images_per_s,
        "batch_size": batch_size,
        "latency_ms_p50": p50,
        "latency_ms_p90": p90,
        "latency_ms_p99": p99,
        "n_latency": len(latency.seconds),
        "n_batches": len(batches.seconds),
        "warmup_batches": batches.n_warmup,
    }


def _timed(call: Callable[[], None], clock: Callable[[], float]) -> float:
    start = clock()
    call()
    return clock() - start


def _stable(seconds: list[float]) -> bool:
    before, last = seconds[-2:]
    return abs(last - before) <= STABLE_WITHIN * before
