"""What two networks take that are asked one after the other."""

from __future__ import annotations

import pytest

from bakeoff.records.candidate import Candidate
from bakeoff.records.speed import NetworkSpeed
from records_made import network_speed, throughput_record

PAIR = Candidate("cnn-frozen+tfidf-original-mean")


def test_a_pairs_times_sizes_and_memory_are_sums():
    first, second = network_speed(latency_ms=20), network_speed(latency_ms=5, framework="scikit-learn", gmacs=None)
    found = throughput_record({"cnn": first, "tfidf": second}).of(PAIR)
    assert found is not None
    assert (found.composed, first.composed) == (True, False)
    for name in ("latency_ms_p50", "latency_ms_p99", "ms_per_image", "file_mib", "n_parameters", "predict_memory_mib"):
        assert getattr(found, name) == pytest.approx(getattr(first, name) + getattr(second, name))
    assert found.images_per_s == pytest.approx(1000 / found.ms_per_image)
    assert found.end_to_end.ms_per_image == pytest.approx(
        first.end_to_end.ms_per_image + second.end_to_end.ms_per_image
    )
    assert found.end_to_end.images_per_s == pytest.approx(1000 / found.end_to_end.ms_per_image)
    assert (found.gmacs, found.framework, found.sweep) == (None, "pytorch + scikit-learn", [])
    assert NetworkSpeed.model_validate(found.model_dump()) == found


def test_a_side_that_was_too_slow_for_p99_leaves_the_pair_without():
    both = {"cnn": network_speed(latency_ms_p99=None), "tfidf": network_speed(noisy=True)}
    found = throughput_record(both).of(PAIR)
    assert found is not None
    assert found.latency_ms_p99 is None
    assert found.noisy


def test_a_side_that_was_not_measured_leaves_the_pair_unmeasured():
    record = throughput_record({"cnn": network_speed()})
    assert record.of(PAIR) is None
    assert record.of(PAIR.sides[0]) == record.networks["cnn"]
