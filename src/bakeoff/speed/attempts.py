"""A whole measurement: attempts until one was steady, within the budget, and the record of the steadiest."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from bakeoff.core.allocator import give_back_freed_memory
from bakeoff.speed.clocks import INDEX_UNIT, Clocks, drift, restlessness
from bakeoff.speed.end_to_end import pool_ways, time_end_to_end
from bakeoff.speed.memory import reset_peak
from bakeoff.speed.protocol import PROTOCOL
from bakeoff.speed.subject import Subject, describe, speed_key
from bakeoff.speed.sweep import Memory, SweepPoint, Window, best_point, pool_points, sweep_batches
from bakeoff.speed.timing import Timings, pool_timings, time_calls

AIM_SHARE = 0.45
"""Of the budget, so that a second attempt of the same length fits, its last calls included."""
ENOUGH_CALLS = 5
"""Timed calls per batch size that make a calm measurement thorough."""
MORE_SHARE = 0.25
"""Of the budget, that must be left for an attempt that only adds to a calm one."""
LATENCY_SHARE = 1 / 3
END_TO_END_SHARE = 0.2
MAX_LATENCIES = 200
_SIZES = ("n_parameters", "size_mib", "file_mib")


@dataclass(frozen=True)
class Attempt:
    """One pass over everything that is measured, between two readings of the machine's speed."""

    latency: Timings
    points: list[SweepPoint]
    end_to_end: dict[str, Any]
    index: tuple[float, float]
    memory_scope: str
    on_cpu: bool

    @property
    def drift(self) -> float:
        """By which share the machine's speed changed."""
        return drift(*self.index)

    @property
    def disagreement(self) -> float:
        """By which share the forward pass took longer in the sweep than from end to end, or the other way round.

        0 where only one batch went from end to end: it may have been the first of its kind.
        """
        batch_size = self.end_to_end["batch_size"]
        alone = next(point.images_per_s for point in self.points if point.batch_size == batch_size)
        if self.end_to_end["n_images"] < 2 * batch_size:
            return 0.0
        pair = sorted((1000 / alone, self.end_to_end["forward_ms"]))
        return pair[1] / pair[0] - 1 if pair[0] > 0 else 0.0

    @property
    def restlessness(self) -> float:
        """Above 1 the attempt is noisy."""
        return restlessness(self.drift, self.disagreement, on_cpu=self.on_cpu)

    @property
    def noisy(self) -> bool:
        """Whether the machine was too restless."""
        return self.restlessness > 1

    def summary(self) -> dict[str, float]:
        """Return what the record keeps of every attempt."""
        return {
            "images_per_s": best_point(self.points).images_per_s,
            "latency_ms_p50": 1000 * float(np.median(self.latency.seconds)),
            "drift": self.drift,
            "disagreement": self.disagreement,
        }


def measure(subject: Subject, *, clocks: Clocks | None = None) -> dict[str, Any]:
    """Return the record of throughput.json but for whose it is.

    An attempt aims at nearly half of the budget (all of it where one attempt is allowed), so that another one fits, and
    takes more only for batch sizes that would not fit otherwise. Attempts end when the last was calm and the calm ones
    hold `ENOUGH_CALLS` timed calls of every batch size together, after `max_attempts`, or when another would not fit;
    one that only adds to a calm one may be short and leave large batch sizes out.
    Calm attempts count together; where there is none, the least restless does. What a framework compiles for
    its first call (setup_s) is outside the budget.
    """
    clocks = clocks or Clocks()
    plan, predictor = subject.plan, subject.predictor
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    before = clocks.wall()
    give_back_freed_memory()  # else the peak would hold what was predicted before; between attempts memory stays warm
    subject.call(1)
    start = clocks.wall()
    attempts: list[Attempt] = []
    memory = Memory(subject.on_cpu)
    while True:
        began = clocks.wall()
        left_s = start + plan.budget_s - began
        aim_s = min(plan.budget_s * (AIM_SHARE if plan.max_attempts > 1 else 1), left_s)
        attempts.append(_attempt(subject, aim_s=aim_s, left_s=left_s, clocks=clocks, memory=memory))
        took, spent = clocks.wall() - began, clocks.wall() - start
        done = not attempts[-1].noisy and _is_thorough(_calm(attempts))
        needs_s = took if attempts[-1].noisy else MORE_SHARE * plan.budget_s
        if done or len(attempts) >= plan.max_attempts or spent + needs_s > plan.budget_s:
            break
    seconds = clocks.wall() - start
    gmacs, method = predictor.count_gmacs()
    return {
        "protocol": PROTOCOL,
        "speed_key": speed_key(predictor, plan),
        **_figures(_pool(_calm(attempts) or [min(attempts, key=lambda attempt: attempt.restlessness)])),
        **{name: predictor.description.get(name) for name in _SIZES},
        "gmacs": gmacs,
        "gmacs_method": method,
        **describe(predictor),
        "attempts": [attempt.summary() for attempt in attempts],
        "load_average": load,
        "budget_s": plan.budget_s,
        "seconds": seconds,
        "setup_s": start - before,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _calm(attempts: Sequence[Attempt]) -> list[Attempt]:
    return [attempt for attempt in attempts if not attempt.noisy]


def _is_thorough(attempts: Sequence[Attempt]) -> bool:
    points = pool_points([attempt.points for attempt in attempts])
    return all(len(point.timings.seconds) >= ENOUGH_CALLS for point in points if point.timings)


def _pool(attempts: Sequence[Attempt]) -> Attempt:
    """Return attempts as one, between the readings of the one that drifted most."""
    return Attempt(
        latency=pool_timings([attempt.latency for attempt in attempts]),
        points=pool_points([attempt.points for attempt in attempts]),
        end_to_end=pool_ways([attempt.end_to_end for attempt in attempts]),
        index=max(attempts, key=lambda attempt: attempt.drift).index,
        memory_scope=attempts[0].memory_scope,
        on_cpu=attempts[0].on_cpu,
    )


def _attempt(subject: Subject, *, aim_s: float, left_s: float, clocks: Clocks, memory: Memory) -> Attempt:
    """Measure everything once: latency first, then the sweep, then the way from file to class.

    Args:
        subject: the network and its photos.
        aim_s: seconds that are filled.
        left_s: seconds that a batch size which needs them may take all the same, at least `aim_s`.
        clocks: wall, CPU and machine speed.
        memory: of all attempts.
    """
    start = clocks.wall()
    scope = _reset_memory(subject)
    before = clocks.index()
    latest = start + left_s - (clocks.wall() - start)  # the second reading takes as long as the first
    latency = time_calls(subject.call(1), until=start + LATENCY_SHARE * aim_s, max_calls=MAX_LATENCIES, clocks=clocks)
    end_to_end_s = END_TO_END_SHARE * aim_s
    window = Window(until=latest - (left_s - aim_s) - end_to_end_s, latest=latest - end_to_end_s)
    points = sweep_batches(subject, single=latency, window=window, clocks=clocks, memory=memory)
    until = min(max(window.until, clocks.wall()) + end_to_end_s, latest)
    end_to_end = time_end_to_end(subject, points, until=until, clocks=clocks)
    return Attempt(
        latency=latency,
        points=points,
        end_to_end=end_to_end,
        index=(before, clocks.index()),
        memory_scope=scope if subject.predictor.device_peak_mib() is None else "device",
        on_cpu=subject.on_cpu,
    )


def _reset_memory(subject: Subject) -> str:
    subject.predictor.device_peak_mib(reset=True)
    return reset_peak()


def _figures(attempt: Attempt) -> dict[str, Any]:
    """Return what the kept attempt measured."""
    best = best_point(attempt.points)
    p50, p90, p99 = (1000 * np.percentile(attempt.latency.seconds, [50, 90, 99])).tolist()
    before, after = attempt.index
    return {
        "images_per_s": best.images_per_s,
        "ms_per_image": 1000 / best.images_per_s,
        "batch_size": best.batch_size,
        "latency_ms_p50": p50,
        "latency_ms_p90": p90,
        "latency_ms_p99": p99,
        "n_latency": len(attempt.latency.seconds),
        "images_per_cpu_s": best.timings and best.timings.images_per_cpu_s(best.batch_size),
        "sweep": [point.record() for point in attempt.points],
        "end_to_end": attempt.end_to_end,
        "peak_memory_mib": best.peak_mib,
        "peak_memory_scope": attempt.memory_scope,
        "machine_index": {"before": before, "after": after, "unit": INDEX_UNIT, "drift": attempt.drift},
        "forward_disagreement": attempt.disagreement,
        "restlessness": attempt.restlessness,
        "noisy": attempt.noisy,
    }
