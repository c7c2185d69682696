"""A whole measurement: attempts until one was steady, within the budget, and the record of the steadiest."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from bakeoff.evaluation.memory import peak_memory_mib, reset_peak
from bakeoff.evaluation.throughput.clocks import INDEX_UNIT, MAX_DISAGREEMENT, MAX_DRIFT, Clocks, drift
from bakeoff.evaluation.throughput.end_to_end import time_end_to_end
from bakeoff.evaluation.throughput.protocol import PROTOCOL
from bakeoff.evaluation.throughput.subject import Subject, describe, speed_key
from bakeoff.evaluation.throughput.sweep import SweepPoint, Window, best_point, sweep_batches
from bakeoff.evaluation.throughput.timing import Timings, time_calls

LATENCY_SHARE = 0.3
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
    memory: dict[str, Any]
    on_cpu: bool

    @property
    def drift(self) -> float:
        """By which share the machine's speed changed."""
        return drift(*self.index)

    @property
    def disagreement(self) -> float:
        """By which share the forward pass took longer in the sweep than from end to end, or the other way round."""
        batch_size = self.end_to_end["batch_size"]
        alone = next(point.images_per_s for point in self.points if point.batch_size == batch_size)
        pair = sorted((1000 / alone, self.end_to_end["forward_ms"]))
        return pair[1] / pair[0] - 1 if pair[0] > 0 else 0.0

    @property
    def noisy(self) -> bool:
        """Whether the machine was too restless; on a GPU the way from end to end also copies, so only drift tells."""
        return self.drift > MAX_DRIFT or (self.on_cpu and self.disagreement > MAX_DISAGREEMENT)

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

    An attempt aims at half of the budget (all of it where one attempt is allowed), so that a noisy one can be repeated,
    and takes more only for batch sizes that would not fit otherwise. Attempts end with a steady one, after
    `max_attempts`, or when another would not fit. What a framework compiles for its first call (setup_s) is outside the
    budget.
    """
    clocks = clocks or Clocks()
    plan, predictor = subject.plan, subject.predictor
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    before = clocks.wall()
    subject.call(1)
    start = clocks.wall()
    attempts: list[Attempt] = []
    while True:
        began = clocks.wall()
        left_s = start + plan.budget_s - began
        aim_s = min(plan.budget_s / min(2, plan.max_attempts), left_s)
        attempts.append(_attempt(subject, aim_s=aim_s, left_s=left_s, clocks=clocks))
        took, spent = clocks.wall() - began, clocks.wall() - start
        if not attempts[-1].noisy or len(attempts) >= plan.max_attempts or spent + took > plan.budget_s:
            break
    seconds = clocks.wall() - start
    gmacs, method = predictor.count_gmacs()
    return {
        "protocol": PROTOCOL,
        "speed_key": speed_key(predictor, plan),
        **_figures(min(attempts, key=lambda attempt: (attempt.noisy, attempt.drift))),
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


def _attempt(subject: Subject, *, aim_s: float, left_s: float, clocks: Clocks) -> Attempt:
    """Measure everything once: latency first, then the sweep, then the way from file to class.

    Args:
        subject: the network and its photos.
        aim_s: seconds that are filled.
        left_s: seconds that a batch size which needs them may take all the same, at least `aim_s`.
        clocks: wall, CPU and machine speed.
    """
    start = clocks.wall()
    scope = _reset_memory(subject)
    before = clocks.index()
    latest = start + left_s - (clocks.wall() - start)  # the second reading takes as long as the first
    latency = time_calls(subject.call(1), until=start + LATENCY_SHARE * aim_s, max_calls=MAX_LATENCIES, clocks=clocks)
    end_to_end_s = END_TO_END_SHARE * aim_s
    window = Window(until=latest - (left_s - aim_s) - end_to_end_s, latest=latest - end_to_end_s)
    points = sweep_batches(subject, subject.plan.batch_sizes, single=latency, window=window, clocks=clocks)
    until = min(max(window.until, clocks.wall()) + end_to_end_s, latest)
    end_to_end = time_end_to_end(subject, points, until=until, clocks=clocks)
    on_device = subject.predictor.device_peak_mib()
    return Attempt(
        latency=latency,
        points=points,
        end_to_end=end_to_end,
        index=(before, clocks.index()),
        memory={
            "peak_memory_mib": peak_memory_mib() if on_device is None else on_device,
            "peak_memory_scope": scope if on_device is None else "device",
        },
        on_cpu=subject.predictor.description["device"] == "cpu",
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
        **attempt.memory,
        "machine_index": {"before": before, "after": after, "unit": INDEX_UNIT, "drift": attempt.drift},
        "forward_disagreement": attempt.disagreement,
        "noisy": attempt.noisy,
    }
