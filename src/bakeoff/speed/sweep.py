"""Images/s at each batch size: what fits in the time and the memory is measured, the rest says why it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import psutil

from bakeoff.core.errors import MemoryExhaustedError
from bakeoff.speed.clocks import Clocks
from bakeoff.speed.memory import peak_memory_mib
from bakeoff.speed.subject import Subject
from bakeoff.speed.timing import Expected, Timings, pool_timings, time_calls

MAX_BATCHES = 20
LEAST_CALLS = 2
"""A warm-up and a timed one."""
GOOD_CALLS = 7
"""Two warm-ups and five timed ones, which a size gets as far as `FLOOR_SHARE` of the time lasts."""
FLOOR_SHARE = 0.1
SLOWER = 1.25
"""How much longer per photo a batch size may take than the one before it without outlasting the time."""


@dataclass(frozen=True)
class SweepPoint:
    """One batch size: its timings, or why there are none (`budget`, `memory`)."""

    batch_size: int
    timings: Timings | None
    skipped: str | None = None
    peak_mib: float | None = None
    """Peak memory up to and including this size, in the attempt that needed least: later ones find memory kept."""

    @property
    def images_per_s(self) -> float:
        """Images/s of the median batch; 0 where it was skipped."""
        return self.timings.images_per_s(self.batch_size) if self.timings else 0.0

    def record(self) -> dict[str, Any]:
        """Return the point as throughput.json has it."""
        found = self.timings
        return {
            "batch_size": self.batch_size,
            "images_per_s": found and self.images_per_s,
            "images_per_cpu_s": found and found.images_per_cpu_s(self.batch_size),
            "n_batches": len(found.seconds) if found else 0,
            "peak_memory_mib": self.peak_mib,
            "skipped": self.skipped,
        }


@dataclass(frozen=True)
class Window:
    """Two readings of the wall clock: spare time is filled to the first, what is needed may go on to the second."""

    until: float
    latest: float

    def end_of_next(self, needs_s: list[float], now: float) -> float | None:
        """Return when the next size should end: its needs and an even part of what is spare; None if it does not fit.

        Args:
            needs_s: least seconds of the next size and of those after it, ascending.
            now: the wall clock's reading.
        """
        n_fitting = sum(SLOWER * total <= self.latest - now for total in accumulate(needs_s))
        if n_fitting == 0:
            return None
        spare = max(0.0, self.until - now - sum(needs_s[:n_fitting]))
        return now + needs_s[0] + spare / n_fitting


class Memory:
    """Foresees from one batch size what a larger one takes: an exhausted machine kills the process without a word.

    One for all attempts at a network: from the second on, what the first fetched may be kept and seems free.
    """

    def __init__(self, on_cpu: bool) -> None:
        self._on_cpu = on_cpu
        self._start_mib: float | None = None
        self._mib_per_image = 0.0
        self._largest = 1

    def begin(self, peak_mib: float) -> None:
        """Start a sweep; what was taken before the first one is not a batch's."""
        if self._start_mib is None:
            self._start_mib = peak_mib

    def measured(self, batch_size: int, peak_mib: float) -> None:
        """Learn from a batch size that was just measured, if it is the largest so far."""
        if batch_size > self._largest:
            grown_mib = peak_mib - (self._start_mib or 0.0)
            self._mib_per_image = max(self._mib_per_image, grown_mib / batch_size)
            self._largest = batch_size

    def too_small_for(self, batch_size: int) -> bool:
        """Return whether a batch size would take more than is free."""
        more_mib = self._mib_per_image * (batch_size - self._largest)
        return self._on_cpu and more_mib > psutil.virtual_memory().available / 2**20


def sweep_batches(
    subject: Subject, *, single: Timings, window: Window, clocks: Clocks, memory: Memory
) -> list[SweepPoint]:
    """Return one point per batch size, smallest first.

    A size is measured where a warm-up and one timed batch fit, judged by the time per photo of the size before it; a
    tenth of the time is any size's due as far as it needs it for `GOOD_CALLS`, and what is spare beyond that of all
    sizes that fit is shared evenly among them. Batch 1 is what the latency measured.

    Args:
        subject: the network and its photos.
        single: timings of batch 1.
        window: when to end.
        clocks: wall and CPU.
        memory: of all sweeps of this network.
    """
    batch_sizes = subject.plan.batch_sizes
    start_mib = _peak_mib(subject)
    memory.begin(start_mib)
    points: list[SweepPoint] = []
    s_per_image = min(single.seconds)
    floor_s = FLOOR_SHARE * (window.latest - clocks.wall())
    for place, batch_size in enumerate(batch_sizes):
        if batch_size == 1:
            points.append(SweepPoint(1, single, peak_mib=start_mib))
            continue
        calls_s = [size * s_per_image for size in batch_sizes[place:]]
        needs_s = [max(LEAST_CALLS * call_s, min(GOOD_CALLS * call_s, floor_s)) for call_s in calls_s]
        end = window.end_of_next(needs_s, clocks.wall())
        if end is None:
            points.append(SweepPoint(batch_size, None, "budget"))
            continue
        if memory.too_small_for(batch_size):
            points.append(SweepPoint(batch_size, None, "memory"))
            continue
        try:
            expected = Expected(calls_s[0], latest=window.latest)
            timings = time_calls(
                subject.call(batch_size), until=end, max_calls=MAX_BATCHES, clocks=clocks, expected=expected
            )
        except MemoryExhaustedError:
            points.append(SweepPoint(batch_size, None, "memory"))
            continue
        peak_mib = _peak_mib(subject)
        points.append(SweepPoint(batch_size, timings, peak_mib=peak_mib))
        s_per_image = min(timings.seconds) / batch_size
        memory.measured(batch_size, peak_mib)
    if not any(point.timings for point in points):  # nothing but batch 1 fitted, and it was not asked for
        points.insert(0, SweepPoint(1, single, peak_mib=start_mib))
    return points


def _peak_mib(subject: Subject) -> float:
    on_device = subject.predictor.device_peak_mib()
    return peak_memory_mib() if on_device is None else on_device


def pool_points(sweeps: Sequence[list[SweepPoint]]) -> list[SweepPoint]:
    """Return one point per batch size, ascending, with the timings of all sweeps that measured it."""
    pooled = []
    for batch_size in sorted({point.batch_size for sweep in sweeps for point in sweep}):
        found = [point for sweep in sweeps for point in sweep if point.batch_size == batch_size]
        timings = [point.timings for point in found if point.timings]
        peak_mib = min((point.peak_mib for point in found if point.peak_mib is not None), default=None)
        pooled.append(SweepPoint(batch_size, pool_timings(timings), peak_mib=peak_mib) if timings else found[0])
    return pooled


def best_point(points: list[SweepPoint]) -> SweepPoint:
    """Return the point with the most images/s, the smaller batch where two are equal."""
    return max(points, key=lambda point: (point.images_per_s, -point.batch_size))
