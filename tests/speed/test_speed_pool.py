"""The calls of all turns together: percentiles, medians, ranges and noise by hand."""

from __future__ import annotations

import pytest

from bakeoff.records.speed import ENOUGH_FOR_P99, BatchSpeed, NetworkSpeed
from bakeoff.speed.pool import disagreement, drift, pool_turns
from bakeoff.speed.turns import Timings, Turn, Walks
from speed.fake_machine import DESCRIPTION


def make_turn(timings: dict[int, Timings], *, walks: Walks | None = None, after: float = 50.0) -> Turn:
    """Return a steady turn that took one photo from end to end, unless said otherwise."""
    walked = walks or Walks(1, n_images=1, forward_s=1.0, cpu_s=1.0)
    return Turn(timings, walked, (50.0, after), "measurement", 3.0)


def calls(*seconds: float, cpu_s: float = 1.0, memory_mib: float | None = None) -> Timings:
    return Timings(list(seconds), cpu_s=cpu_s, memory_mib=memory_mib)


def pool(*turns: Turn, **changes) -> NetworkSpeed:
    return pool_turns(turns, DESCRIPTION | changes)


def test_latencies_of_all_rounds_are_pooled():
    found = pool(make_turn({1: calls(0.010, 0.020, 0.030)}), make_turn({1: calls(0.040)}))
    assert found.latency_ms_p50 == pytest.approx(25)  # not the mean of the rounds' medians, 30
    assert (found.latency_ms_p50_low, found.latency_ms_p50_high) == pytest.approx((20, 40))
    assert found.latency_ms_p90 == pytest.approx(37)  # 0.9 of the way from the 1st to the 4th call
    assert (found.latency_ms_slowest, found.n_latency) == (pytest.approx(40), 4)
    assert found.latency_ms_p99 is None
    assert (found.n_rounds, found.seconds) == (2, 6.0)


@pytest.mark.parametrize(("n", "p99"), [(ENOUGH_FOR_P99 - 1, None), (ENOUGH_FOR_P99, 99.01)])
def test_the_99th_percentile_needs_100_calls(n, p99):
    half = [number / 1000 for number in range(1, n + 1)]
    found = pool(make_turn({1: calls(*half[::2])}), make_turn({1: calls(*half[1::2])}))
    assert found.latency_ms_p99 == (p99 and pytest.approx(p99))
    assert (found.latency_ms_slowest, found.n_latency) == (pytest.approx(n), n)


def test_throughput_is_that_of_the_median_call_at_the_best_batch():
    found = pool(
        make_turn({1: calls(1.0), 8: calls(1.0, 2.0, cpu_s=4.0, memory_mib=900.0), 32: calls(16.0)}),
        make_turn({1: calls(1.0), 8: calls(4.0, cpu_s=2.0, memory_mib=950.0), 32: calls(16.0)}),
    )
    assert (found.batch_size, found.n_calls) == (8, 3)
    assert (found.images_per_s, found.ms_per_image) == (4.0, 250.0)  # 8 photos in 2 s
    assert (found.images_per_s_low, found.images_per_s_high) == (2.0, pytest.approx(8 / 1.5))
    assert found.images_per_cpu_s == 8 * 3 / 6.0
    assert found.predict_memory_mib == 900.0  # what the first round fetched is kept
    assert [(point.batch_size, point.images_per_s) for point in found.sweep] == [(1, 1.0), (8, 4.0), (32, 2.0)]


def test_of_equally_fast_batches_the_smaller_counts():
    assert pool(make_turn({1: calls(1.0), 8: calls(4.0), 32: calls(16.0)})).batch_size == 8


def test_a_batch_that_fitted_in_one_round_counts():
    missing = [Timings(skipped=why) for why in ("budget", "memory")]
    first = make_turn({1: calls(9.0), 8: calls(8.0), 32: missing[0], 128: missing[1]})
    second = make_turn({1: calls(9.0), 8: missing[0], 32: missing[0], 128: missing[1]})
    found = pool(first, second)
    assert found.sweep[1].images_per_s == 1.0
    assert found.sweep[1].skipped is None
    assert [point.skipped for point in found.sweep] == [None, None, "budget", "memory"]
    assert found.sweep[2] == BatchSpeed(
        batch_size=32, images_per_s=None, images_per_cpu_s=None, n_calls=0, predict_memory_mib=None, skipped="budget"
    )
    assert (found.images_per_s_low, found.images_per_s_high) == (1.0, 1.0)


def test_no_cpu_seconds_no_images_per_cpu_second():
    found = pool(make_turn({1: calls(1.0, cpu_s=0.0)}, walks=Walks(1, n_images=1, forward_s=1.0)))
    assert (found.images_per_cpu_s, found.end_to_end.images_per_cpu_s) == (None, None)


def test_the_way_from_end_to_end_by_hand():
    fast = {"decode_s": 0.024, "preprocess_s": 0.048, "forward_s": 0.168}
    found = pool(
        make_turn({1: calls(0.01), 8: calls(0.056)}, walks=Walks(8, n_images=24, cpu_s=0.48, **fast)),
        make_turn({1: calls(0.01), 8: calls(0.056)}, walks=Walks(8, 8, 0.008, 0.016, 0.136, 0.32)),
        make_turn({1: calls(0.01), 8: calls(0.056)}, walks=Walks(1, 30, 1.0, 1.0, 0.3, 9.0)),
    ).end_to_end
    assert (found.batch_size, found.n_images) == (8, 32)  # where most photos went: one size, not a mixture
    assert (found.decode_ms, found.preprocess_ms, found.forward_ms) == pytest.approx((1, 2, 9.5))
    assert (found.ms_per_image, found.images_per_s) == pytest.approx((12.5, 80))
    assert found.images_per_cpu_s == pytest.approx(32 / 0.8)


@pytest.mark.parametrize(
    ("alone_s", "whole_ms", "share", "noisy"),
    [(0.08, 12, 0.2, False), (0.08, 16, 0.6, True), (0.128, 10, 0.6, True), (0.112, 10, 0.4, False)],
)
def test_two_timings_of_one_forward_pass_must_agree(alone_s, whole_ms, share, noisy):
    def turn(*, n_images: int = 16, after: float = 50.0) -> Turn:
        walks = Walks(8, n_images=n_images, forward_s=whole_ms * n_images / 1000)
        return make_turn({1: calls(9.0), 8: calls(alone_s)}, walks=walks, after=after)  # 0.08 s for 8: 10 ms a photo

    assert disagreement(turn()) == pytest.approx(share)
    assert pool(turn()).disagreement == pytest.approx(share)
    assert pool(turn()).noisy is noisy
    assert not pool(turn(), device="cuda").noisy
    assert pool(turn(after=44.0), device="cuda").noisy  # drift tells everywhere
    assert disagreement(turn(n_images=8)) == 0  # one batch, maybe the first of its kind


def test_a_size_that_was_not_timed_alone_disagrees_with_nothing():
    walks = Walks(8, n_images=16, forward_s=9.0)
    assert disagreement(make_turn({1: calls(9.0), 8: Timings(skipped="budget")}, walks=walks)) == 0


def test_drift_by_hand():
    assert drift(make_turn({}, after=55)) == pytest.approx(0.1)
    assert drift(make_turn({}, after=45)) == pytest.approx(0.1)


def test_noisy_turns_do_not_count_beside_a_steady_one():
    steady, drifted = make_turn({1: calls(1.0)}), make_turn({1: calls(3.0)}, after=30.0)
    found = pool(drifted, steady, drifted)
    assert (found.noisy, found.n_rounds, found.n_latency, found.latency_ms_p50) == (False, 1, 1, 1000)
    assert (found.drift, found.seconds) == (0, 9.0), "what noisy turns took is told all the same"


def test_all_turns_count_where_none_was_steady():
    found = pool(make_turn({1: calls(1.0)}, after=30.0), make_turn({1: calls(3.0)}, after=40.0))
    assert (found.noisy, found.n_rounds, found.latency_ms_p50) == (True, 2, 2000)
    assert found.drift == pytest.approx(0.3)
