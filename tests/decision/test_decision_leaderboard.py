from __future__ import annotations

import math

import pandas as pd
import pytest

from bakeoff.decision.collect import collect
from bakeoff.decision.leaderboard import (
    COLUMNS,
    build_leaderboard,
    read_leaderboard,
    write_leaderboard,
)
from bakeoff.decision.licences import commercial_use, licence_text, marks
from bakeoff.decision.study import Study
from bakeoff.decision.summary import summarise
from bakeoff.decision.timing import share_measurements, timing_notes, use_session, usual_device
from decision.fake_study import ENGLISH, FRENCH, NC_CODE, training_record, write_candidate, write_session

ABC = Study(("a", "b", "c"), ("frozen",), (0,))


def test_rank_is_by_accuracy_then_latency(tmp_path):
    write_candidate(tmp_path, "baseline_tf", correct=90, latency_ms=30)
    write_candidate(tmp_path, "a-frozen", correct=84, latency_ms=5)
    write_candidate(tmp_path, "b-frozen", correct=90, latency_ms=20)
    write_candidate(tmp_path, "c-frozen", correct=100, latency_ms=400)
    table = build_leaderboard(collect(tmp_path, ABC))
    assert table["candidate"].tolist() == ["c-frozen", "b-frozen", "baseline_tf", "a-frozen"]
    assert table["rank"].tolist() == [1, 2, 3, 4]
    assert list(table.columns) == COLUMNS
    first = table.iloc[0]
    assert first["accuracy"] == pytest.approx(100 / 105)
    assert (first["latency_ms"], first["images_per_s"], first["weights"]) == (400, 3.5, "hub")
    assert (first["key"], first["status"], first["device"]) == ("key-of-c-frozen", "ok", "cpu: AMD EPYC 7763")


def test_seeds_are_ranked_by_their_mean_and_share_the_rank(tmp_path):
    study = Study(("a", "b"), ("frozen",), (0, 1))
    for seed, (a, b) in enumerate([(100, 95), (80, 93)]):  # means 90 and 94: b wins though a has the best single run
        write_candidate(tmp_path, "a-frozen", correct=a, latency_ms=10 + 10 * seed, seed=seed)
        write_candidate(tmp_path, "b-frozen", correct=b, latency_ms=10, seed=seed)
        write_candidate(tmp_path, "baseline_tf", correct=50, latency_ms=10, seed=seed)
    table = build_leaderboard(collect(tmp_path, study))
    rows = list(zip(table["rank"], table["candidate"], table["seed"], strict=True))
    assert rows[:4] == [(1, "b-frozen", 0), (1, "b-frozen", 1), (2, "a-frozen", 0), (2, "a-frozen", 1)]
    a = summarise(table)[1]
    assert (a.n_seeds, a.n_test, a.latency_ms) == (2, 105, 15)
    assert a.accuracy == pytest.approx(90 / 105)
    assert len(a.keys) == 2


def test_a_failed_row_comes_last_without_a_rank(tmp_path):
    write_candidate(tmp_path, "baseline_tf", correct=90, latency_ms=30)
    table = build_leaderboard(collect(tmp_path, ABC, partial=True))
    assert table["status"].tolist() == ["ok", "failed", "failed", "failed"]
    assert table["rank"].isna().tolist() == [False, True, True, True]
    assert "training.json is missing" in table["problem"].iloc[1]


def test_times_of_another_device_are_kept_and_not_compared(tmp_path):
    write_candidate(tmp_path, "baseline_tf", correct=90, latency_ms=30)
    write_candidate(tmp_path, "a-frozen", correct=90, latency_ms=1, device=("cuda:0", "H200"))
    write_candidate(tmp_path, "b-frozen", correct=90, latency_ms=25)
    write_candidate(tmp_path, "c-frozen", correct=91, latency_ms=70)
    records = collect(tmp_path, ABC)
    table = build_leaderboard(records)
    assert usual_device(records) == "cpu: AMD EPYC 7763"
    assert table["candidate"].tolist() == ["c-frozen", "b-frozen", "baseline_tf", "a-frozen"]
    assert table["time_comparable"].tolist() == [True, True, True, False]
    last = summarise(table)[-1]
    assert (last.latency_ms, last.comparable_latency_ms) == (1, math.inf)
    assert "those of a-frozen come from another device" in timing_notes(records, t=ENGLISH)[0]


def test_the_csv_round_trip_keeps_yes_no_and_unknown(tmp_path):
    write_candidate(tmp_path, "baseline_tf", correct=90, latency_ms=30)
    write_candidate(tmp_path, "a-frozen", correct=89, latency_ms=30, pretrained=False)
    write_candidate(tmp_path, "mobilevitv2-frozen", correct=88, latency_ms=30)
    study = Study(("a", "mobilevitv2", "gone"), ("frozen",), (0,))
    table = build_leaderboard(collect(tmp_path, study, partial=True))
    write_leaderboard(table, tmp_path / "leaderboard.csv")
    again = read_leaderboard(tmp_path / "leaderboard.csv")
    assert [bool(value) for value in again["pretrained"][:3]] == [True, False, True]
    assert again["commercial_use"].tolist()[:3] == [True, True, None]
    assert again["rank"].tolist()[:3] == [1, 2, 3]
    assert pd.isna(again["rank"].iloc[3])
    assert summarise(again) == summarise(table)


def test_one_no_forbids_commercial_use_and_yes_needs_every_part():
    free = training_record("x-frozen", model="x", mode="frozen")
    assert commercial_use(free) is True
    assert commercial_use(training_record("m-frozen", model="mamba_b", mode="frozen")) is False
    assert commercial_use(free | {"weights": {"source": "hub", "commercial_use": None}}) is None
    assert commercial_use(free | {"weights": {"source": "hub", "commercial_use": False}}) is False


def test_a_random_start_has_only_its_code_s_licence():
    mamba = training_record("m-frozen", model="mamba_b", mode="frozen", pretrained=False)
    assert commercial_use(mamba) is False
    assert licence_text(mamba) == NC_CODE
    assert commercial_use(training_record("x-frozen", model="x", mode="frozen", pretrained=False)) is True
    baseline = training_record("baseline_tf", model="baseline_tf", mode="frozen", pretrained=False)
    assert (commercial_use(baseline), licence_text(baseline)) == (True, "Apache-2.0")


def test_licences_are_named_once_where_code_and_weights_agree():
    assert licence_text(training_record("x-frozen", model="x", mode="frozen")) == "Apache-2.0"
    text = licence_text(training_record("m-frozen", model="mamba_b", mode="frozen"))
    assert text == "code NVIDIA Source Code License-NC, weights CC-BY-NC-SA-4.0"
    bare = {"settings": {}, "weights": {"source": "user_file", "licence": ""}}
    assert licence_text(bare) == "unknown"


def test_marks():
    assert marks(pretrained=True, commercial=True) == []
    assert marks(pretrained=False, commercial=False) == ["RANDOM START", "NON-COMMERCIAL"]
    assert marks(pretrained=True, commercial=None) == ["CHECK LICENCE"]


def times_of(records) -> dict[str, tuple[float, bool]]:
    return {r.slot.candidate: (r.throughput["latency_ms_p50"], bool(r.throughput.get("session"))) for r in records}


@pytest.fixture
def session(tmp_path):
    """Two candidates timed alone at 30 and 20 ms, and a session at 0.9 of that."""
    pytest.importorskip("bakeoff.speed.session")
    write_candidate(tmp_path / "runs", "baseline_tf", latency_ms=30)
    write_candidate(tmp_path / "runs", "a-frozen", latency_ms=20)
    write_session(tmp_path / "measurements" / "throughput.json", tmp_path / "runs")
    return tmp_path


A = Study(("a",), ("frozen",), (0,))


def test_a_session_s_times_are_preferred(session):
    records, notes = use_session(collect(session / "runs", A), session / "measurements", t=ENGLISH)
    assert times_of(records) == {"baseline_tf": (27, True), "a-frozen": (18, True)}
    assert "one session in which the candidates took turns" in notes[0]
    assert set(build_leaderboard(records)["timed"]) == {"session"}


def test_a_session_on_the_same_device_may_lack_a_candidate(session):
    write_candidate(session / "runs", "b-frozen", latency_ms=50)
    study = Study(("a", "b"), ("frozen",), (0,))
    records, notes = use_session(collect(session / "runs", study), session / "measurements", t=ENGLISH)
    assert times_of(records)["b-frozen"] == (50, False)
    assert notes[1] == (
        "That session lacks b-frozen, whose times were measured alone; `bakeoff throughput` measures all together."
    )
    assert sorted(set(build_leaderboard(records)["timed"])) == ["alone", "session"]


def test_a_session_of_another_device_is_taken_whole_or_not_at_all(session):
    other = session / "elsewhere"
    write_session(other / "throughput.json", session / "runs", device=("cuda", "H200"))
    records, _ = use_session(collect(session / "runs", A), other, t=ENGLISH)
    assert usual_device(records) == "cuda: H200"
    write_candidate(session / "runs", "b-frozen", latency_ms=50)
    study = Study(("a", "b"), ("frozen",), (0,))
    records, notes = use_session(collect(session / "runs", study), other, t=ENGLISH)
    assert not any(in_session for _, in_session in times_of(records).values())
    assert "is from another device (cuda: H200) and lacks b-frozen, so the study's own times are used" in notes[0]
    _, french = use_session(collect(session / "runs", study), other, t=FRENCH)
    assert "vient d’un autre appareil (cuda: H200) et ne contient pas b-frozen" in french[0]


def test_a_session_of_other_architectures_changes_nothing(session):
    runs = session / "others"
    write_candidate(runs, "baseline_tf", latency_ms=30, speed={"speed_key": "new"})
    write_candidate(runs, "a-frozen", latency_ms=20, speed={"speed_key": "newer"})
    records, notes = use_session(collect(runs, A), session / "measurements", t=ENGLISH)
    assert times_of(records)["a-frozen"] == (20, False)
    assert "holds none of these candidates as they are now" in notes[0]
    assert use_session(records, None, t=ENGLISH) == (records, [])
    assert use_session(records, session / "nowhere", t=ENGLISH) == (records, [])


def test_both_modes_of_a_network_get_its_steadiest_measurement(tmp_path):
    restless = {"speed_key": "one", "noisy": True, "restlessness": 3.0}
    write_candidate(tmp_path, "baseline_tf", latency_ms=30)
    write_candidate(tmp_path, "a-frozen", latency_ms=50, speed=restless)
    write_candidate(tmp_path, "a-finetune", latency_ms=20, speed={"speed_key": "one"})
    study = Study(("a",), ("frozen", "finetune"), (0,))
    records = share_measurements(collect(tmp_path, study))
    assert times_of(records) == {"baseline_tf": (30, False), "a-frozen": (20, False), "a-finetune": (20, False)}
    assert records[1].throughput["candidate"] == "a-frozen"
    assert records[1].throughput["measured_on"] == "a-finetune"
    assert not timing_notes(records, t=ENGLISH)
    write_candidate(tmp_path, "a-finetune", latency_ms=20, speed={**restless, "restlessness": 2.0})
    assert times_of(share_measurements(collect(tmp_path, study)))["a-frozen"] == (20, False)
    write_candidate(tmp_path, "a-finetune", latency_ms=20, speed={**restless, "restlessness": 4.0})
    assert times_of(share_measurements(collect(tmp_path, study)))["a-finetune"] == (50, False)


def test_threads_and_noisy_timings_are_said(tmp_path):
    write_candidate(tmp_path, "baseline_tf", speed={"threads": 1})
    write_candidate(tmp_path, "a-frozen", speed={"noisy": True})
    notes = timing_notes(collect(tmp_path, A), t=ENGLISH)
    assert "different numbers of threads (1, 2)" in notes[0]
    assert notes[1].startswith("The timings of a-frozen are noisy")


def test_the_new_columns_hold_what_the_records_say(tmp_path):
    write_candidate(tmp_path, "baseline_tf", correct=84, latency_ms=20)
    write_candidate(tmp_path, "a-frozen", correct=80, latency_ms=40)
    row = build_leaderboard(collect(tmp_path, A)).iloc[0]
    assert row["balanced_accuracy"] == pytest.approx(84 / 105)  # 15 products in each of the 7 classes
    assert (row["latency_p99_ms"], row["images_per_cpu_s"], row["end_to_end_images_per_s"]) == (26, 35, 56)
    assert (row["gmacs"], row["temperature"], row["noisy"], row["timed"]) == (0.8, 1.2, False, "alone")
    assert row["predict_memory_mib"] == 520
    assert row["macro_f1_low"] == pytest.approx(row["macro_f1"] - 0.07)
