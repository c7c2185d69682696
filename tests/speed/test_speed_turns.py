"""One network's turn on a clock that moves only when something is computed, and on the real one."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest

from bakeoff.records.speed import NetworkSpeed
from bakeoff.speed import turns
from bakeoff.speed.pool import pool_turns
from bakeoff.speed.turns import MAX_CALLS, N_WARMUP, TURN, Stand, Timings, Turn, Walks
from numpy_predictor import NumpyPredictor, make_catalogue
from speed.fake_machine import INDEX_S, fake_stand


def skipped(turn: Turn) -> list[str | None]:
    return [turn.timings[size].skipped for size in sorted(turn.timings)]


def test_a_turn_by_hand(tmp_path):
    stand, _ = fake_stand(tmp_path, 0.125, sizes=(1, 8))
    turn = stand.take_turn(20)
    # 0.25 s for the index; 2 calls to warm up and 52 of 0.125 s fill the first 7 s; at batch 8 2 and 10 calls of 0.75 s
    # fill the next 9 s; 5 batches of 8 photos, 0.75 s each, fit into the last 4 s; another 0.25 s for the index
    assert [len(turn.timings[size].seconds) for size in (1, 8)] == [52, 10]
    assert turn.timings[1] == Timings([0.125] * 52, cpu_s=13.0, memory_mib=turn.timings[1].memory_mib)  # two threads
    assert turn.timings[8] == Timings([0.75] * 10, cpu_s=15.0, memory_mib=turn.timings[8].memory_mib)
    assert turn.walks == Walks(8, n_images=40, decode_s=0, preprocess_s=0, forward_s=3.75, cpu_s=7.5)
    assert (turn.index, turn.seconds) == ((50, 50), 20)
    assert turn.memory_scope in ("measurement", "process")


def test_the_speed_of_the_machine_is_read_before_and_after(tmp_path):
    stand, _ = fake_stand(tmp_path, 0.125, 50, 30)
    assert stand.take_turn(5).index == (50, 30)


def test_cold_calls_are_not_timed_and_a_later_turn_has_none(tmp_path):
    stand, network = fake_stand(tmp_path, 0.125, sizes=(1, 8))
    network.cold = 4
    first, n_first = stand.take_turn(20), len(network.calls)
    assert {second for timings in first.timings.values() for second in timings.seconds} == {0.125, 0.75}
    assert n_first == 2 * N_WARMUP + sum(len(timings.seconds) for timings in first.timings.values())
    second = stand.take_turn(20)
    assert len(network.calls) - n_first == sum(len(timings.seconds) for timings in second.timings.values())
    assert [len(second.timings[size].seconds) for size in (1, 8)] == [54, 12]  # the warm-up's time is measured instead


def test_calls_are_capped(tmp_path):
    stand, _ = fake_stand(tmp_path, 2**-12, sizes=(1, 8))
    assert {len(timings.seconds) for timings in stand.take_turn(1.25).timings.values()} == {MAX_CALLS}


@pytest.mark.parametrize("per_image_s", [0.005, 0.01, 0.05, 0.2, 0.4])
@pytest.mark.parametrize("budget_s", [5, 15])
def test_turns_stay_inside_their_budget(tmp_path, per_image_s, budget_s):
    stand, _ = fake_stand(tmp_path, per_image_s)
    for _ in range(3):
        turn = stand.take_turn(budget_s)
        assert 0.9 * budget_s <= turn.seconds <= budget_s + INDEX_S
        assert turn.timings[1].seconds
        assert turn.walks.n_images >= 1


def test_what_does_not_fit_says_so(tmp_path):
    stand, _ = fake_stand(tmp_path, 0.4)  # MambaVision-B on one core
    turn = stand.take_turn(15)
    assert skipped(turn) == [None, None, "budget", "budget"]
    assert turn.timings[32] == Timings(skipped="budget")
    assert turn.walks.batch_size == 1  # two batches of 8 would not fit into what is left


def test_latency_is_always_measured(tmp_path):
    stand, _ = fake_stand(tmp_path, 0.01, sizes=(32, 128))
    assert sorted(stand.take_turn(15).timings) == [1, 32, 128]


def test_time_is_shared_among_the_sizes_that_fit(tmp_path):
    stand, _ = fake_stand(tmp_path, 0.125, sizes=(1, 8, 16, 512))
    turn = stand.take_turn(40)  # 18 s for the sweep, of which 512 photos would take 128 s: 9 s each
    spent = {size: (2 + len(turn.timings[size].seconds)) * turn.timings[size].seconds[0] for size in (8, 16)}
    assert spent == {8: 9.0, 16: 9.0}
    assert turn.timings[512].skipped == "budget"


def test_a_network_slower_than_its_turn_is_measured_all_the_same(tmp_path):
    stand, _ = fake_stand(tmp_path, 20.0)
    turn = stand.take_turn(10)
    assert (turn.timings[1].seconds, turn.walks.n_images) == ([20.0], 1)
    assert skipped(turn) == [None, "budget", "budget", "budget"]
    assert turn.seconds <= 3 * 20 + 2 * INDEX_S  # a warm-up, a latency, a photo from end to end


def test_out_of_memory_is_told(tmp_path):
    stand, _ = fake_stand(tmp_path, 0.01, fits=8)
    for _ in range(2):
        turn = stand.take_turn(15)
        assert skipped(turn) == [None, None, "memory", "memory"]
        assert turn.walks.batch_size == 8


def test_a_batch_that_the_machine_cannot_hold_is_not_tried(tmp_path, monkeypatch):
    free = SimpleNamespace(available=500 * 2**20)
    monkeypatch.setattr(turns.psutil, "virtual_memory", lambda: free)
    peaks = itertools.chain([100.0, 180.0, 420.0], itertools.repeat(420.0))  # 10 MiB per image; freed memory is kept
    monkeypatch.setattr(turns, "peak_memory_mib", lambda: next(peaks))
    stand, network = fake_stand(tmp_path, 0.01)
    first = stand.take_turn(15)
    assert skipped(first) == [None, None, None, "memory"]  # 960 MiB more for the batch of 128
    assert [first.timings[size].memory_mib for size in (1, 8, 32)] == [100, 180, 420]
    assert skipped(stand.take_turn(15)) == [None, None, None, "memory"], "a later turn finds the memory fetched"
    assert 128 not in network.given


def test_memory_on_a_device_is_the_device_s(tmp_path, monkeypatch):
    stand, network = fake_stand(tmp_path, 0.01)
    resets = []

    def peak(*, reset=False):
        resets.append(reset)
        return 321.0

    monkeypatch.setattr(network, "device_peak_mib", peak)
    monkeypatch.setattr(type(network), "description", {**network.description, "device": "cuda"})
    monkeypatch.setattr(turns.psutil, "virtual_memory", lambda: SimpleNamespace(available=0))
    turn = stand.take_turn(15)
    assert turn.memory_scope == "device"
    assert resets == [True, *[False] * 4]  # a new peak for each turn
    assert {timings.memory_mib for timings in turn.timings.values()} == {321.0}, "a GPU raises where memory ends"


def test_photos_are_repeated_in_larger_batches_and_scaled_beforehand(tmp_path):
    stand, network = fake_stand(tmp_path, 0.01)
    stand.take_turn(15)
    images = network.given[128]
    assert images.shape == (128, 16, 16, 3)
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images[30:60], images[:30])
    photo = network.transform(stand.products.photo(7))
    np.testing.assert_array_equal(images[37], photo.astype(np.float32) / np.float32(255))


def test_a_turn_travels_as_json(tmp_path):
    stand, _ = fake_stand(tmp_path, 0.4)
    turn = stand.take_turn(15)
    assert TURN.validate_python(json.loads(json.dumps(asdict(turn), allow_nan=False))) == turn


def test_a_whole_measurement_on_the_real_clock(tmp_path):
    catalogue = make_catalogue(tmp_path)
    network = NumpyPredictor(catalogue.labels)
    network.set_threads(1)
    stand = Stand(network, catalogue.at(catalogue.rows("test")), (1, 4))
    gmacs, method = network.count_gmacs()
    found = pool_turns(
        [stand.take_turn(1.0) for _ in range(2)], network.description | {"gmacs": gmacs, "gmacs_method": method}
    )
    assert isinstance(found, NetworkSpeed)
    assert found.seconds < 4
    assert (found.threads, found.versions, found.gmacs) == (1, {"numpy": np.__version__}, 16 * 16 * 3 * 3 / 1e9)
    assert 0.4 < found.latency_ms_p50 <= found.latency_ms_p90 <= found.latency_ms_slowest
    assert found.predict_memory_mib is not None
    assert 10 < found.predict_memory_mib < 20_000
    assert found.predict_memory_scope in ("measurement", "process")
    assert found.end_to_end.decode_ms > 0
    json.dumps(found.model_dump(mode="json"), allow_nan=False)
