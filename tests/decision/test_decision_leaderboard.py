from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from bakeoff.core.files import write_json
from bakeoff.decision.leaderboard import COLUMNS, build_leaderboard, read_leaderboard, usual_device
from bakeoff.decision.summary import summarise
from decision.fake_study import (
    NC_CODE,
    collected,
    fake_training,
    make_study,
    speed_file,
    summary,
    write_candidate,
)

A, ABC = make_study(["a"]), make_study(["a", "b", "c"])


def test_rank_is_by_accuracy_then_latency(tmp_path):
    write_candidate(tmp_path / "runs", "baseline_tf", correct=90, latency_ms=30)
    write_candidate(tmp_path / "runs", "a-frozen", correct=84, latency_ms=5)
    write_candidate(tmp_path / "runs", "b-frozen", correct=90, latency_ms=20)
    write_candidate(tmp_path / "runs", "c-frozen", correct=100, latency_ms=400)
    table = build_leaderboard(collected(tmp_path / "runs", ABC))
    assert table["candidate"].tolist() == ["c-frozen", "b-frozen", "baseline_tf", "a-frozen"]
    assert table["rank"].tolist() == [1, 2, 3, 4]
    assert list(table.columns) == COLUMNS
    first = table.iloc[0]
    assert first["accuracy"] == pytest.approx(100 / 105)
    assert (first["latency_ms"], first["images_per_s"], first["weights"]) == (400, 3.5, "hub")
    assert (first["key"], first["status"], first["device"]) == ("key-of-c-frozen", "ok", "cpu: AMD EPYC 7763")


def test_seeds_are_ranked_by_their_mean_and_share_the_rank(tmp_path):
    study = make_study(["a", "b"], seeds=[0, 1])
    for seed, (a, b) in enumerate([(100, 95), (80, 93)]):  # means 90 and 94: b wins though a has the best single run
        write_candidate(tmp_path / "runs", "a-frozen", correct=a, latency_ms=15, seed=seed)
        write_candidate(tmp_path / "runs", "b-frozen", correct=b, latency_ms=10, seed=seed)
        write_candidate(tmp_path / "runs", "baseline_tf", correct=50, latency_ms=10, seed=seed)
    table = build_leaderboard(collected(tmp_path / "runs", study))
    rows = list(zip(table["rank"], table["candidate"], table["seed"], strict=True))
    assert rows[:4] == [(1, "b-frozen", 0), (1, "b-frozen", 1), (2, "a-frozen", 0), (2, "a-frozen", 1)]
    a = summarise(table)[1]
    assert (a.n_seeds, a.n_test, a.latency_ms) == (2, 105, 15)
    assert a.accuracy == pytest.approx(90 / 105)
    assert len(a.keys) == 2


def test_a_failed_row_comes_last_without_a_rank(tmp_path):
    write_candidate(tmp_path / "runs", "baseline_tf", correct=90, latency_ms=30)
    table = build_leaderboard(collected(tmp_path / "runs", ABC, partial=True))
    assert table["status"].tolist() == ["ok", "failed", "failed", "failed"]
    assert table["rank"].isna().tolist() == [False, True, True, True]
    assert "training.json is missing" in table["problem"].iloc[1]


def test_times_of_another_device_are_kept_and_not_compared(tmp_path):
    write_candidate(tmp_path / "runs", "baseline_tf", correct=90, latency_ms=30)
    write_candidate(
        tmp_path / "runs", "a-frozen", correct=90, latency_ms=1, speed={"device": "cuda", "device_name": "H200"}
    )
    write_candidate(tmp_path / "runs", "b-frozen", correct=90, latency_ms=25)
    write_candidate(tmp_path / "runs", "c-frozen", correct=91, latency_ms=70)
    found = collected(tmp_path / "runs", ABC)
    table = build_leaderboard(found)
    assert usual_device(found.done) == "cpu: AMD EPYC 7763"
    assert table["candidate"].tolist() == ["c-frozen", "b-frozen", "baseline_tf", "a-frozen"]
    assert table["time_comparable"].tolist() == [True, True, True, False]
    last = summarise(table)[-1]
    assert (last.latency_ms, last.comparable_latency_ms) == (1, math.inf)


def test_the_csv_round_trip_keeps_yes_no_and_unknown(tmp_path):
    write_candidate(tmp_path / "runs", "baseline_tf", correct=90, latency_ms=30)
    write_candidate(tmp_path / "runs", "a-frozen", correct=89, latency_ms=30, pretrained=False)
    write_candidate(tmp_path / "runs", "mobilevitv2-frozen", correct=88, latency_ms=30)
    study = make_study(["a", "mobilevitv2", "gone"])
    table = build_leaderboard(collected(tmp_path / "runs", study, partial=True))
    table.to_csv(tmp_path / "leaderboard.csv", index=False)
    again = read_leaderboard(tmp_path / "leaderboard.csv")
    assert [bool(value) for value in again["pretrained"][:3]] == [True, False, True]
    assert again["commercial_use"].tolist()[:3] == [True, True, None]
    assert again["rank"].tolist()[:3] == [1, 2, 3]
    assert pd.isna(again["rank"].iloc[3])
    assert summarise(again) == summarise(table)
    path = tmp_path / "leaderboard.csv"
    path.write_text(path.read_text().replace("True", "TRUE").replace("False", "FALSE"))  # as spreadsheets save it
    assert summarise(read_leaderboard(path)) == summarise(table)
    pd.read_csv(path).drop(columns="robustness_loss").to_csv(path, index=False)
    older = summarise(read_leaderboard(path))
    assert [line.candidate for line in older] == [line.candidate for line in summarise(table)]
    assert np.isnan(older[0].values["robustness_loss"])


def with_weights(training, **changes):
    return training.model_copy(update={"weights": training.weights.model_copy(update=changes)})


def test_one_no_forbids_commercial_use_and_yes_needs_every_part():
    free = fake_training("x-frozen")
    assert free.commercial_use is True
    assert fake_training("mamba_b-frozen").commercial_use is False
    assert with_weights(free, commercial_use=None).commercial_use is None
    assert with_weights(free, commercial_use=False).commercial_use is False


def test_a_random_start_has_only_its_code_s_licence():
    mamba = fake_training("mamba_b-frozen", pretrained=False)
    assert mamba.commercial_use is False
    assert mamba.licence == NC_CODE
    assert fake_training("x-frozen", pretrained=False).commercial_use is True
    baseline = fake_training("baseline_tf", pretrained=False)
    assert (baseline.commercial_use, baseline.licence) == (True, "Apache-2.0")


def test_licences_are_named_once_where_code_and_weights_agree():
    assert fake_training("x-frozen").licence == "Apache-2.0"
    text = fake_training("mamba_b-frozen").licence
    assert text == "code NVIDIA Source Code License-NC, weights CC-BY-NC-SA-4.0"


def test_marks():
    assert summary().marks == []
    assert summary(pretrained=False, commercial_use=False).marks == ["RANDOM START", "NON-COMMERCIAL"]
    assert summary(commercial_use=None).marks == ["CHECK LICENCE"]


def test_what_was_not_measured_has_no_time_and_is_not_comparable(tmp_path):
    write_candidate(tmp_path / "runs", "baseline_tf", correct=90)
    write_candidate(tmp_path / "runs", "a-frozen", correct=80)
    speed_file(tmp_path / "runs").unlink()
    found = collected(tmp_path / "runs", A)
    table = build_leaderboard(found)
    assert table[["latency_ms", "images_per_s", "n_latency", "gmacs"]].isna().all(axis=None)
    assert table["time_comparable"].tolist() == [False, False]
    assert set(table["device"]) == {"not measured"}
    assert usual_device(found.done) is None
    assert summarise(table)[0].comparable_latency_ms == math.inf


def test_the_slow_end_is_the_slowest_call_where_calls_are_few(tmp_path):
    few = {"latency_ms_p99": None, "n_latency": 30}
    write_candidate(tmp_path / "runs", "baseline_tf", latency_ms=20, speed=few)
    row = build_leaderboard(collected(tmp_path / "runs", make_study())).iloc[0]
    assert pd.isna(row["latency_p99_ms"])
    assert (row["latency_slowest_ms"], row["n_latency"]) == (30, 30)


def test_the_new_columns_hold_what_the_records_say(tmp_path):
    folder = write_candidate(tmp_path / "runs", "baseline_tf", correct=84, latency_ms=20)
    write_candidate(tmp_path / "runs", "a-frozen", correct=80, latency_ms=40)
    calibration = json.loads((folder / "evaluation" / "calibration.json").read_text(encoding="utf-8"))
    write_json(folder / "evaluation" / "calibration.json", calibration | {"temperature": 1.2})
    found = collected(tmp_path / "runs", A)
    row = build_leaderboard(found).iloc[0]
    assert row["balanced_accuracy"] == pytest.approx(84 / 105)  # 15 products in each of the 7 classes
    assert (row["latency_p99_ms"], row["images_per_cpu_s"], row["end_to_end_images_per_s"]) == (26, 35, 56)
    assert (row["gmacs"], row["temperature"], row["noisy"]) == (0.8, 1.2, False)
    assert (row["predict_memory_mib"], row["train_memory_mib"], row["train_time_s"]) == (520, 1400, 42)
    interval = found.done[0].metrics.intervals["test"]["macro_f1"]
    assert (row["macro_f1_low"], row["macro_f1_high"]) == (interval.low, interval.high)
    assert row["macro_f1_low"] < row["macro_f1"] < row["macro_f1_high"]
