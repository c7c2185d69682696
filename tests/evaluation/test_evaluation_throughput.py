from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from bakeoff.errors import EvaluationError
from bakeoff.evaluation import memory
from bakeoff.evaluation.threads import physical_cores
from bakeoff.evaluation.throughput import Timings, default_lock, measure_throughput, summarise, time_calls
from numpy_predictor import SIDE, NumpyPredictor, make_catalogue


class FakeTime:
    """A clock that moves only when a call is made, so that budgets are exact."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def calls(self, *durations: float):
        remaining = list(durations)

        def call() -> None:
            self.now += remaining.pop(0) if len(remaining) > 1 else remaining[0]

        return call


class TimedPredictor(NumpyPredictor):
    """Takes `per_image_s` of the fake clock per image."""

    def __init__(self, catalogue, clock: FakeTime, per_image_s: float) -> None:
        super().__init__(catalogue)
        self.clock, self.per_image_s, self.batches = clock, per_image_s, []

    def compiled_call(self, images):
        self.batches.append(len(images))
        return self.clock.calls(self.per_image_s * len(images))


def test_summary_by_hand():
    values = summarise(Timings([0.010, 0.020, 0.030], 2), Timings([2.0, 1.0, 4.0], 3), batch_size=8)
    assert values["images_per_s"] == 4.0  # 8 images in the median batch of 2 s
    assert values["ms_per_image"] == 250.0
    assert values["latency_ms_p50"] == pytest.approx(20.0)
    assert values["latency_ms_p90"] == pytest.approx(28.0)
    assert values["latency_ms_p99"] == pytest.approx(29.8)
    assert (values["n_latency"], values["n_batches"], values["warmup_batches"]) == (3, 3, 3)


def test_warmup_goes_on_until_stable():
    clock = FakeTime()
    timings = time_calls(clock.calls(5.0, 2.0, 1.0, 1.0, 1.0), until=200.0, max_calls=4, clock=clock)
    assert timings.n_warmup == 4  # 5, 2, 1, 1: the last two agree
    assert timings.seconds == [1.0] * 4


def test_warmup_is_bounded_by_its_share():
    clock = FakeTime()
    jumping = clock.calls(*[1.0, 2.0] * 50)
    timings = time_calls(jumping, until=120.0, max_calls=100, clock=clock)
    assert 2 <= timings.n_warmup <= 7  # 40 % of 20 s at 1.5 s a call
    assert clock.now <= 120.0


def test_slow_candidate_still_gets_one_timed_batch():
    clock = FakeTime()
    timings = time_calls(clock.calls(30.0), until=112.0, max_calls=50, clock=clock)
    assert timings == Timings([30.0], 1)


def test_max_calls():
    clock = FakeTime()
    assert len(time_calls(clock.calls(0.1), until=200.0, max_calls=5, clock=clock).seconds) == 5


@pytest.mark.parametrize("per_image_s", [0.0001, 0.01, 0.05])
def test_stays_inside_the_budget(tmp_path, per_image_s):
    clock = FakeTime()
    predictor = TimedPredictor(make_catalogue(tmp_path), clock, per_image_s)
    photos = np.zeros((3, SIDE, SIDE, 3), np.float32)
    record = measure_throughput(predictor, photos, batch_size=32, budget_s=12, lock=tmp_path / "lock", clock=clock)
    assert record["seconds"] <= 12
    assert record["images_per_s"] == pytest.approx(1 / per_image_s)
    assert record["latency_ms_p50"] == pytest.approx(1000 * per_image_s)
    assert predictor.batches == [1, 32]  # three photos are repeated to fill the batch
    assert record["warmup_batches"] >= 2


def test_over_budget_costs_two_batches_at_most(tmp_path):
    clock = FakeTime()
    predictor = TimedPredictor(make_catalogue(tmp_path), clock, 1.0)
    photos = np.zeros((1, SIDE, SIDE, 3), np.float32)
    record = measure_throughput(predictor, photos, batch_size=32, budget_s=10, lock=tmp_path / "lock", clock=clock)
    assert (record["warmup_batches"], record["n_batches"]) == (1, 1)
    assert record["seconds"] <= 3 + 64


def test_record_on_the_real_clock(tmp_path):
    predictor = NumpyPredictor(make_catalogue(tmp_path))
    predictor.set_threads(1)
    record = measure_throughput(predictor, predictor.images([0, 1]), batch_size=4, budget_s=0.3, lock=tmp_path / "lock")
    assert record["seconds"] < 0.6
    assert record["threads"] == 1
    assert record["framework"] == "numpy"
    assert record["versions"] == {"numpy": np.__version__}
    assert 0.4 < record["latency_ms_p50"] <= record["latency_ms_p90"] <= record["latency_ms_p99"]
    assert 10 < record["peak_memory_mib"] < 20_000
    assert record["peak_memory_scope"] in ("measurement", "process")


def test_no_photo_is_refused(tmp_path):
    predictor = NumpyPredictor(make_catalogue(tmp_path))
    with pytest.raises(EvaluationError, match="needs at least one photo"):
        measure_throughput(predictor, np.zeros((0, SIDE, SIDE, 3)), batch_size=4, budget_s=1)


def _hold(path, held, seconds):
    with FileLock(path):
        held.set()
        time.sleep(seconds)


def test_two_measurements_never_overlap(tmp_path):
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    other = context.Process(target=_hold, args=(tmp_path / "lock", held, 0.5))
    other.start()
    assert held.wait(60)
    start = time.perf_counter()
    predictor = NumpyPredictor(make_catalogue(tmp_path))
    record = measure_throughput(predictor, predictor.images([0]), batch_size=2, budget_s=0.1, lock=tmp_path / "lock")
    waited = time.perf_counter() - start
    other.join()
    assert waited > 0.4
    assert record["seconds"] < 0.4  # waiting is not part of the budget


def test_default_lock_is_machine_wide():
    assert default_lock().name == "bakeoff-throughput.lock"


def test_peak_memory_sees_an_allocation_and_forgets_it():
    """In a process of its own: in one that has freed much before, an allocation may find resident pages."""
    script = """
import numpy as np
from bakeoff.evaluation import memory
scope = memory.reset_peak()
before = memory.peak_memory_mib()
block = np.ones(64 * 2**20, np.uint8)
after = memory.peak_memory_mib()
assert after >= before + 50, (before, after)
del block
if scope == "measurement":
    memory.reset_peak()
    assert memory.peak_memory_mib() < after - 30
"""
    source = str(Path(memory.__file__).resolve().parents[2])
    subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": source}, check=True)


def test_physical_cores():
    assert physical_cores() >= 1
