"""The protocol on a clock that moves only when something is computed, and on the real one."""

from __future__ import annotations

import dataclasses
import itertools
import json
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from bakeoff.core.errors import EvaluationError, MemoryExhaustedError
from bakeoff.speed import memory
from bakeoff.speed.attempts import Attempt, measure
from bakeoff.speed.clocks import INDEX_S, Clocks, drift, machine_index, restlessness
from bakeoff.speed.end_to_end import pool_ways
from bakeoff.speed.protocol import PROTOCOL
from bakeoff.speed.sharing import Workplace, default_lock, read_shared, shared_throughput
from bakeoff.speed.subject import Plan, Subject, speed_key
from bakeoff.speed.sweep import SweepPoint, Window, pool_points
from bakeoff.speed.timing import Expected, Timings, time_calls
from numpy_predictor import NumpyPredictor, make_catalogue

SIZES = (1, 8, 32, 128)


class FakeMachine:
    """A clock that moves only when a call is made, so that budgets are exact; two threads compute at all times."""

    def __init__(self, *indices: float) -> None:
        self.now = 100.0
        self.indices = list(indices) or [50.0]

    def index(self) -> float:
        self.now += INDEX_S
        return self.indices.pop(0) if len(self.indices) > 1 else self.indices[0]

    @property
    def clocks(self) -> Clocks:
        return Clocks(wall=lambda: self.now, cpu=lambda: 2 * self.now, index=self.index)

    def calls(self, *durations: float):
        remaining = list(durations)

        def call() -> None:
            self.now += remaining.pop(0) if len(remaining) > 1 else remaining[0]

        return call


class TimedPredictor(NumpyPredictor):
    """Takes `per_image_s` of the fake clock per image, a tenth less in batches."""

    def __init__(self, catalogue, machine: FakeMachine, per_image_s: float, *, fits: int = 1000) -> None:
        super().__init__(catalogue)
        self.machine, self.per_image_s, self.fits, self.n_measured = machine, per_image_s, fits, 0

    def seconds(self, n: int) -> float:
        return self.per_image_s * n * (1 if n == 1 else 0.9)

    def compiled_call(self, images):
        if len(images) > self.fits:
            raise MemoryExhaustedError("out of memory")
        self.n_measured += len(images) == 1
        return self.machine.calls(self.seconds(len(images)))

    def count_gmacs(self):
        self.machine.now += 3  # counting is no measuring: outside the budget
        return super().count_gmacs()

    def forward(self, pixels):
        self.machine.now += self.seconds(len(pixels))
        return super().forward(pixels)


def _measure(
    tmp_path, per_image_s: float, *indices: float, budget_s: float = 15, fits: int = 1000, sizes=SIZES, **plan
):
    machine = FakeMachine(*indices)
    catalogue = make_catalogue(tmp_path)
    predictor = TimedPredictor(catalogue, machine, per_image_s, fits=fits)
    return measure(Subject(predictor, catalogue, Plan(sizes, budget_s, **plan)), clocks=machine.clocks)


def test_timings_by_hand():
    timings = Timings([2.0, 1.0, 4.0], 3, cpu_s=14.0)
    assert timings.images_per_s(8) == 4.0  # 8 images in the median batch of 2 s
    assert timings.images_per_cpu_s(8) == pytest.approx(24 / 14)
    assert Timings([1.0], 1, cpu_s=0.0).images_per_cpu_s(8) is None


def test_warmup_goes_on_until_stable():
    machine = FakeMachine()
    call = machine.calls(5.0, 2.0, 1.0, 1.0, 1.0)
    timings = time_calls(call, until=200.0, max_calls=4, clocks=machine.clocks)
    assert timings == Timings([1.0] * 4, 4, cpu_s=8.0)  # 5, 2, 1, 1: the last two agree; two threads each


def test_warmup_is_bounded_by_its_share():
    machine = FakeMachine()
    timings = time_calls(machine.calls(*[1.0, 2.0] * 50), until=120.0, max_calls=100, clocks=machine.clocks)
    assert 2 <= timings.n_warmup <= 7  # 40 % of 20 s at 1.5 s a call
    assert machine.now <= 120.0


def test_slow_call_is_still_timed_once():
    machine = FakeMachine()
    assert time_calls(machine.calls(30.0), until=112.0, max_calls=50, clocks=machine.clocks).seconds == [30.0]


def test_cold_calls_are_not_taken_from_the_time_to_measure():
    calls = [3.0, 2.0, *[1.0] * 20]
    machine = FakeMachine()
    plain = time_calls(machine.calls(*calls), until=105.0, max_calls=50, clocks=machine.clocks)
    assert (plain.seconds, plain.n_warmup) == ([2.0], 1)
    machine = FakeMachine()
    warm = Expected(1.0, latest=120.0)
    timings = time_calls(machine.calls(*calls), until=105.0, max_calls=50, clocks=machine.clocks, expected=warm)
    assert (timings.seconds, timings.n_warmup) == ([1.0] * 3, 2)  # 5 s without the 3 that were too many
    machine = FakeMachine()
    late = Expected(1.0, latest=106.0)
    timings = time_calls(machine.calls(*calls), until=105.0, max_calls=50, clocks=machine.clocks, expected=late)
    assert (timings.seconds, timings.n_warmup) == ([2.0], 1)
    machine = FakeMachine()
    soon = Expected(1.0, latest=115.0)
    timings = time_calls(machine.calls(*[10.0] * 20), until=105.0, max_calls=50, clocks=machine.clocks, expected=soon)
    assert (timings.seconds, timings.n_warmup) == ([10.0], 1)  # the least there is
    machine = FakeMachine()
    slow = Expected(1.0, latest=500.0)
    timings = time_calls(machine.calls(*[3.0] * 20), until=105.0, max_calls=50, clocks=machine.clocks, expected=slow)
    assert (timings.seconds, timings.n_warmup) == ([3.0], 2)  # slow for good: no more than two are forgiven


def test_the_record_by_hand(tmp_path):
    record = _measure(tmp_path, 0.002)
    assert [point["batch_size"] for point in record["sweep"]] == [1, 8, 32, 128]
    assert [point["images_per_s"] for point in record["sweep"]] == pytest.approx([500, *[500 / 0.9] * 3])
    assert record["images_per_s"] == pytest.approx(500 / 0.9)
    assert record["ms_per_image"] == pytest.approx(1.8)
    assert record["images_per_cpu_s"] == pytest.approx(250 / 0.9)
    assert record["batch_size"] in (8, 32, 128)
    assert [record[f"latency_ms_p{p}"] for p in (50, 90, 99)] == pytest.approx([2] * 3)
    whole = record["end_to_end"]
    assert whole["images_per_s"] == pytest.approx(500 / 0.9)  # decoding takes no time on this clock
    assert (whole["decode_ms"], whole["preprocess_ms"]) == (0, 0)
    assert whole["forward_ms"] == pytest.approx(1.8)
    assert record["machine_index"] == {**record["machine_index"], "before": 50, "after": 50, "drift": 0}
    assert (record["protocol"], record["noisy"], len(record["attempts"])) == (PROTOCOL, False, 1)
    assert (record["framework"], record["runtime"], record["gmacs"]) == ("numpy", "numpy", 16 * 16 * 3 * 3 / 1e9)


@pytest.mark.parametrize("per_image_s", [0.0001, 0.01, 0.05, 0.2, 0.4])
@pytest.mark.parametrize("indices", [(50.0,), (50.0, 30.0) * 5])
def test_all_attempts_stay_inside_the_budget(tmp_path, per_image_s, indices):
    record = _measure(tmp_path, per_image_s, *indices)
    assert record["seconds"] <= 15 * 1.05
    assert record["n_latency"] >= 3
    assert record["end_to_end"]["n_images"] >= 1


def test_what_does_not_fit_says_so(tmp_path):
    record = _measure(tmp_path, 0.4)  # MambaVision-B on one core
    assert [point["skipped"] for point in record["sweep"]] == [None, None, "budget", "budget"]
    assert record["sweep"][2]["images_per_s"] is None
    assert (record["batch_size"], record["images_per_s"]) == (8, pytest.approx(2.5 / 0.9))
    assert record["latency_ms_p50"] == pytest.approx(400)
    without_one = _measure(tmp_path / "other", 0.4, sizes=(32, 128))
    assert [point["batch_size"] for point in without_one["sweep"]] == [1, 32, 128]  # one size is always measured


@pytest.mark.parametrize(("per_image_s", "largest"), [(0.02, 128), (0.06, 32), (0.4, 8)])
def test_a_batch_that_needs_it_gets_more_than_half_of_the_budget(tmp_path, per_image_s, largest):
    record = _measure(tmp_path, per_image_s)
    assert [point["batch_size"] for point in record["sweep"] if point["skipped"] is None][-1] == largest
    assert 7.5 < record["seconds"] <= 15
    assert record["end_to_end"]["n_images"] >= 2


def test_no_repeat_where_the_first_attempt_needed_the_time(tmp_path):
    record = _measure(tmp_path, 0.06, *(50, 30) * 3)
    assert (len(record["attempts"]), record["noisy"]) == (1, True)
    fast = _measure(tmp_path / "fast", 0.004, *(50, 30) * 3)  # all batches fit into half of the budget
    assert (len(fast["attempts"]), fast["noisy"]) == (2, True)


def test_spare_time_is_shared_among_the_sizes_that_fit():
    window = Window(until=10.0, latest=20.0)
    assert window.end_of_next([1.0, 4.0], 0.0) == 1 + 5 / 2
    assert window.end_of_next([1.0, 4.0, 16.0], 0.0) == 1 + 5 / 2  # the third does not fit and takes no part
    assert window.end_of_next([1.0, 4.0, 11.1], 0.0) == 1 + 5 / 2  # nor does it where it may be slower than foreseen
    assert window.end_of_next([1.0, 4.0, 11.0], 0.0) == 1  # it does, and nothing is spare
    assert window.end_of_next([21.0], 0.0) is None
    assert window.end_of_next([3.0], 12.0) == 15  # past the end of what is filled


def test_a_network_slower_than_the_budget_is_measured_all_the_same(tmp_path):
    record = _measure(tmp_path, 20.0, budget_s=10)
    assert (record["n_latency"], record["end_to_end"]["n_images"]) == (1, 1)
    assert record["images_per_s"] == pytest.approx(0.05)
    assert record["seconds"] < 3 * 20 + 1  # a warm-up, a latency, a photo from end to end


def test_out_of_memory_is_told(tmp_path):
    record = _measure(tmp_path, 0.001, fits=8)
    assert [point["skipped"] for point in record["sweep"]] == [None, None, "memory", "memory"]
    assert record["batch_size"] == 8
    assert record["peak_memory_mib"] == record["sweep"][1]["peak_memory_mib"]


def test_a_batch_that_the_machine_cannot_hold_is_not_tried(tmp_path, monkeypatch):
    from bakeoff.speed import sweep

    tib_per_image = itertools.chain([100.0], itertools.repeat(100.0 + 8 * 2**20))  # from the batch of 8 on
    monkeypatch.setattr(sweep, "peak_memory_mib", lambda: next(tib_per_image))
    record = _measure(tmp_path, 0.001)
    assert [point["skipped"] for point in record["sweep"]] == [None, None, "memory", "memory"]


@pytest.mark.slow
def test_a_noisy_attempt_is_repeated_and_the_steadiest_kept(tmp_path):
    record = _measure(tmp_path, 0.0001, 50, 30, 50, 42, 50, 35)  # drifts of 0.4, 0.16 and 0.3
    assert [attempt["drift"] for attempt in record["attempts"]] == pytest.approx([0.4, 0.16, 0.3])
    assert record["machine_index"]["drift"] == pytest.approx(0.16)
    assert record["noisy"] is True
    calm = _measure(tmp_path / "calm", 0.0001, 50, 30, 50, 49)
    assert (len(calm["attempts"]), calm["noisy"]) == (2, False)
    single = _measure(tmp_path / "single", 0.0001, 50, 30, max_attempts=1)
    assert (len(single["attempts"]), single["noisy"]) == (1, True)


def _attempt(*, alone_s, whole_ms, on_cpu=True, after=50.0, n_images=16):
    sweep = [SweepPoint(1, Timings([9.0], 2, cpu_s=1.0)), SweepPoint(8, Timings([alone_s], 2, cpu_s=1.0))]
    whole = {"batch_size": 8, "forward_ms": whole_ms, "n_images": n_images}
    return Attempt(Timings([9.0], 2, cpu_s=1.0), sweep, whole, (50.0, after), memory_scope="measurement", on_cpu=on_cpu)


@pytest.mark.parametrize(
    ("alone_s", "whole_ms", "share", "is_noisy"),
    [(0.08, 12, 0.2, False), (0.08, 16, 0.6, True), (0.128, 10, 0.6, True), (0.112, 10, 0.4, False)],
)
def test_two_timings_of_one_forward_pass_must_agree(alone_s, whole_ms, share, is_noisy):
    attempt = _attempt(alone_s=alone_s, whole_ms=whole_ms)  # 0.08 s for 8 photos are 10 ms a photo
    assert attempt.disagreement == pytest.approx(share)
    assert attempt.summary()["disagreement"] == attempt.disagreement
    assert attempt.noisy is is_noisy
    assert not _attempt(alone_s=alone_s, whole_ms=whole_ms, on_cpu=False).noisy
    assert _attempt(alone_s=alone_s, whole_ms=whole_ms, on_cpu=False, after=44.0).noisy  # drift tells everywhere
    assert not _attempt(alone_s=alone_s, whole_ms=whole_ms, n_images=8).noisy  # one batch, maybe the first of its kind


def test_attempts_counted_together_by_hand():
    first = [
        SweepPoint(1, Timings([1.0], 2, cpu_s=1.0), peak_mib=400.0),
        SweepPoint(8, Timings([2.0, 8.0], 3, cpu_s=4.0), peak_mib=900.0),
    ]
    second = [
        SweepPoint(1, Timings([3.0], 2, cpu_s=2.0), peak_mib=900.0),  # what the first attempt fetched is kept
        SweepPoint(8, None, "budget"),
        SweepPoint(32, None, "memory"),
    ]
    pooled = pool_points([first, second])
    assert [point.batch_size for point in pooled] == [1, 8, 32]
    assert pooled[0].timings == Timings([1.0, 3.0], 4, cpu_s=3.0)
    assert (pooled[1].timings, pooled[1].skipped) == (first[1].timings, None)
    assert [point.peak_mib for point in pooled] == [400.0, 900.0, None]
    assert (pooled[2].timings, pooled[2].skipped) == (None, "memory")
    way = {"batch_size": 8, "decode_ms": 1.0, "preprocess_ms": 2.0, "forward_ms": 7.0, "ms_per_image": 10.0}
    slower = {**way, "forward_ms": 17.0, "ms_per_image": 20.0, "images_per_cpu_s": 25.0, "n_images": 8}
    lone = {**way, "batch_size": 1, "images_per_cpu_s": 1.0, "n_images": 30}
    found = pool_ways([{**way, "images_per_cpu_s": 50.0, "n_images": 24}, slower, lone])
    assert (found["batch_size"], found["n_images"], found["decode_ms"]) == (8, 32, 1)
    assert (found["forward_ms"], found["ms_per_image"], found["images_per_s"]) == (9.5, 12.5, 80)
    assert found["images_per_cpu_s"] == pytest.approx(32 / (24 / 50 + 8 / 25))
    assert pool_ways([{**lone, "images_per_cpu_s": None}])["images_per_cpu_s"] is None


def test_a_calm_attempt_with_few_calls_is_followed_by_another(tmp_path):
    record = _measure(tmp_path, 0.015)  # batch 128 takes 1.7 s a call and most of the first attempt
    assert (len(record["attempts"]), record["noisy"]) == (2, False)
    assert record["seconds"] <= 15
    assert [point["n_batches"] for point in record["sweep"]][1:] == [12, 2, 1]  # a shorter attempt added to the first


def test_noisy_attempts_do_not_count_beside_a_calm_one(tmp_path):
    calm = _measure(tmp_path, 0.005)
    mixed = _measure(tmp_path / "mixed", 0.005, 50, 30, 50, 50)
    assert (len(calm["attempts"]), len(mixed["attempts"])) == (2, 2)
    assert (mixed["noisy"], mixed["machine_index"]["drift"]) == (False, 0)
    assert mixed["n_latency"] == calm["n_latency"] / 2


def test_how_restless_by_hand():
    assert restlessness(0.05, 0.4, on_cpu=True) == pytest.approx(0.8)
    assert restlessness(0.11, 0.02, on_cpu=True) < restlessness(0.01, 4.0, on_cpu=True)  # the better of two noisy ones
    assert restlessness(0.11, 4.0, on_cpu=False) == pytest.approx(1.1)


def test_an_attempt_that_something_disturbed_is_repeated(tmp_path, monkeypatch):
    undisturbed = TimedPredictor.forward

    def forward(self, pixels):
        if self.machine.now < 108:  # the first attempt's way from end to end
            self.machine.now += 2 * self.seconds(len(pixels))
        return undisturbed(self, pixels)

    monkeypatch.setattr(TimedPredictor, "forward", forward)
    record = _measure(tmp_path, 0.002)
    assert [attempt["disagreement"] for attempt in record["attempts"]] == pytest.approx([2, 0])
    assert (record["forward_disagreement"], record["noisy"]) == (pytest.approx(0, abs=1e-9), False)


def test_drift_by_hand():
    assert drift(50, 55) == pytest.approx(0.1)
    assert drift(50, 45) == pytest.approx(0.1)


def test_machine_index_is_a_speed():
    start = time.perf_counter()
    assert 1 < machine_index() < 10_000
    assert INDEX_S <= time.perf_counter() - start < 5


def test_no_photo_is_refused(tmp_path):
    catalogue = make_catalogue(tmp_path)
    empty = dataclasses.replace(catalogue, products=catalogue.products.assign(split="train"))
    with pytest.raises(EvaluationError, match="needs at least one photo, got none; the test split is empty"):
        Subject(NumpyPredictor(empty), empty, Plan((1,), 1))


def test_the_whole_record_on_the_real_clock(tmp_path):
    catalogue = make_catalogue(tmp_path)
    predictor = NumpyPredictor(catalogue)
    predictor.set_threads(1)
    record = measure(Subject(predictor, catalogue, Plan((1, 4), 2.0, max_attempts=1)))
    assert record["seconds"] < 4
    assert (record["threads"], record["versions"]) == (1, {"numpy": np.__version__})
    assert 0.4 < record["latency_ms_p50"] <= record["latency_ms_p90"] <= record["latency_ms_p99"]
    assert 10 < record["peak_memory_mib"] < 20_000
    assert record["peak_memory_scope"] in ("measurement", "process")
    assert record["end_to_end"]["decode_ms"] > 0
    json.dumps(record, allow_nan=False)


def _shared(tmp_path, candidate, *indices, folder="kept", **changes):
    machine = FakeMachine(*indices)
    catalogue = make_catalogue(tmp_path / candidate)
    predictor = TimedPredictor(catalogue, machine, 0.001)
    for name, value in changes.items():
        setattr(predictor, name, value)
    place = Workplace(tmp_path / folder, lock=tmp_path / "lock", clocks=machine.clocks)
    record = shared_throughput(predictor, catalogue, Plan((1, 8), 15), candidate=candidate, workplace=place)
    return record, predictor.n_measured


def test_modes_share_one_measurement(tmp_path):
    first, n_first = _shared(tmp_path, "a-frozen")
    second, n_second = _shared(tmp_path, "a-finetune", weights=np.ones((16, 16, 3, 3)))  # weights do not matter
    assert (n_first, n_second) == (1, 0)
    assert (second["candidate"], second["measured_on"]) == ("a-finetune", "a-frozen")
    assert {**second, "candidate": "a-frozen"} == first
    _, n_other = _shared(tmp_path, "other-threads", threads=2)
    assert n_other == 1


def test_a_noisy_record_is_measured_again_and_the_steadier_stays(tmp_path):
    noisy, _ = _shared(tmp_path, "a", *(50, 30) * 3)
    assert noisy["noisy"]
    worse, n = _shared(tmp_path, "b", *(50, 10) * 3)
    assert (n, worse["measured_on"]) == (1, "a")
    (file,) = (tmp_path / "kept").glob("*.json")
    disturbed = {**noisy, "machine_index": {**noisy["machine_index"], "drift": 0.0}, "restlessness": 8.0}
    file.write_text(json.dumps(disturbed))  # by something that the two readings did not see
    assert _shared(tmp_path, "b", *(50, 20) * 3)[0]["measured_on"] == "b"
    better, _ = _shared(tmp_path, "c", 50, 50)
    assert (better["measured_on"], better["noisy"]) == ("c", False)
    assert _shared(tmp_path, "d")[0]["measured_on"] == "c"


def test_the_key_follows_what_determines_speed(tmp_path):
    predictor = NumpyPredictor(make_catalogue(tmp_path))
    key = speed_key(predictor, Plan((1, 8), 15))
    assert len(key) == 16
    assert key == speed_key(predictor, Plan((1, 8), 15))
    plans = [Plan((1, 16), 15), Plan((1, 8), 16), Plan((1, 8), 15, 2)]
    assert len({key, *(speed_key(predictor, plan) for plan in plans)}) == 4
    predictor.set_threads(2)
    assert speed_key(predictor, Plan((1, 8), 15)) != key
    predictor.set_threads(0)
    predictor.labels = ["one"]
    assert speed_key(predictor, Plan((1, 8), 15)) != key


def test_what_is_no_record_counts_as_none(tmp_path):
    path = tmp_path / "x.json"
    assert read_shared(path) is None
    for text in ("{", "[1]", '{"protocol": 1}'):
        path.write_text(text)
        assert read_shared(path) is None


def _hold(path, held, seconds):
    with FileLock(path):
        held.set()
        time.sleep(seconds)


@pytest.mark.slow
def test_two_measurements_never_overlap_and_waiting_is_told(tmp_path, caplog):
    context = multiprocessing.get_context("spawn")
    catalogue, waited, held = make_catalogue(tmp_path), [], context.Event()
    other = context.Process(target=_hold, args=(tmp_path / "lock", held, 1.0))
    other.start()
    assert held.wait(60)
    place = Workplace(tmp_path / "kept", on_wait=lambda: waited.append(True), lock=tmp_path / "lock")
    start = time.perf_counter()
    plan = Plan((1, 2), 0.6, max_attempts=1)
    record = shared_throughput(NumpyPredictor(catalogue), catalogue, plan, candidate="a", workplace=place)
    assert time.perf_counter() - start - record["seconds"] > 0.3  # waiting is not part of the budget
    other.join()
    assert waited == [True]
    assert "another measurement runs on this machine; waiting for" in caplog.text


def test_default_lock_is_machine_wide():
    assert default_lock().name == "bakeoff-throughput.lock"


def test_peak_memory_sees_an_allocation_and_forgets_it():
    """In a process of its own: in one that has freed much before, an allocation may find resident pages."""
    script = """
import numpy as np
from bakeoff.speed import memory
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


def test_what_fits_into_memory_is_foreseen_from_the_largest_batch_so_far(monkeypatch):
    from types import SimpleNamespace

    from bakeoff.speed import sweep

    free = SimpleNamespace(available=500 * 2**20)
    monkeypatch.setattr(sweep.psutil, "virtual_memory", lambda: free)
    memory = sweep.Memory(on_cpu=True)
    memory.begin(100.0)
    memory.measured(8, 180.0)  # 10 MiB per image
    assert not memory.too_small_for(32)
    assert memory.too_small_for(128)
    memory.begin(180.0)  # the second attempt finds the first one's memory still there
    memory.measured(8, 180.0)
    assert memory.too_small_for(128)
    assert not sweep.Memory(on_cpu=False).too_small_for(10**9)
