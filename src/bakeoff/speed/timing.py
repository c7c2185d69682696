"""One call timed again and again: warm first, then until the time is used up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bakeoff.speed.clocks import Clocks

MIN_WARMUP = 2
STABLE_WITHIN = 0.1
WARMUP_SHARE = 0.4


@dataclass(frozen=True)
class Timings:
    """Seconds of each timed call, the calls that warmed up before them, and the CPU seconds of all timed calls."""

    seconds: list[float]
    n_warmup: int
    cpu_s: float

    def images_per_s(self, batch_size: int) -> float:
        """Return images/s of the median call."""
        return batch_size / float(np.median(self.seconds))

    def images_per_cpu_s(self, batch_size: int) -> float | None:
        """Return images per CPU-second over all timed calls; None where the system's clock was too coarse."""
        return batch_size * len(self.seconds) / self.cpu_s if self.cpu_s > 0 else None


def pool_timings(several: Sequence[Timings]) -> Timings:
    """Return the timings of all attempts as one."""
    return Timings(
        seconds=[second for timings in several for second in timings.seconds],
        n_warmup=sum(timings.n_warmup for timings in several),
        cpu_s=sum(timings.cpu_s for timings in several),
    )


@dataclass(frozen=True)
class Expected:
    """What a warm call should take, seconds, and the wall clock's reading that even cold calls may not outlast."""

    call_s: float
    latest: float


def time_calls(
    call: Callable[[], None], *, until: float, max_calls: int, clocks: Clocks, expected: Expected | None = None
) -> Timings:
    """Warm `call` up, then time it until the clock reads `until`; at least one warm-up and one timed call are made.

    Warm-up ends once two calls running agree within 10 % (at least two calls), or at `WARMUP_SHARE` of the time left,
    or when the next call would leave no time to measure one.

    Args:
        call: what is timed.
        until: the wall clock's reading to end at.
        max_calls: timed calls at most.
        clocks: wall and CPU.
        expected: of the first two calls, what each takes longer than this is not taken from the time to measure, until
            `latest`: they fetch memory that later ones find.
    """
    start, cold_s = clocks.wall(), 0.0
    warmup: list[float] = []
    next_s = 0.0
    while not warmup or clocks.wall() + 2 * next_s <= until + cold_s:
        if warmup and expected and clocks.wall() + warmup[-1] + expected.call_s > expected.latest:
            break  # the next one may be as cold
        enough = len(warmup) >= MIN_WARMUP and _stable(warmup)
        spent = clocks.wall() - start - cold_s >= WARMUP_SHARE * (until - start) and len(warmup) >= MIN_WARMUP
        if enough or spent:
            break
        warmup.append(_timed(call, clocks))
        next_s = warmup[-1]
        if expected is not None and len(warmup) <= MIN_WARMUP:
            excess = max(0.0, warmup[-1] - expected.call_s)
            cold_s = max(0.0, min(cold_s + excess, expected.latest - until))
            next_s -= excess
    until += cold_s
    cpu_start = clocks.cpu()
    seconds = [_timed(call, clocks)]
    while len(seconds) < max_calls and clocks.wall() + max(seconds) <= until:
        seconds.append(_timed(call, clocks))
    return Timings(seconds=seconds, n_warmup=len(warmup), cpu_s=clocks.cpu() - cpu_start)


def _timed(call: Callable[[], None], clocks: Clocks) -> float:
    start = clocks.wall()
    call()
    return clocks.wall() - start


def _stable(seconds: list[float]) -> bool:
    before, last = seconds[-2:]
    return abs(last - before) <= STABLE_WITHIN * before
