"""What `bakeoff throughput` does: which networks, what it keeps of earlier sessions, and the table."""

from __future__ import annotations

import sys

import pytest
import yaml

from bakeoff.core.errors import EvaluationError
from bakeoff.records.speed import ThroughputRecord
from bakeoff.speed.command import measure_study, print_session, study_networks
from records_made import network_speed, throughput_record
from speed.scripted import told, write_project


@pytest.fixture
def study(tmp_path, monkeypatch):
    """The baseline, two models that can be measured and one that cannot."""
    for name in ("TORCH", "TF"):
        monkeypatch.setenv(f"BAKEOFF_PYTHON_{name}", sys.executable)
    root = write_project(tmp_path / "project", models=("a", "b.c", "greedy"))
    params = {"throughput": {"batch_sizes": [1, 8], "budget_s": 6.0, "rounds": 2, "threads": None}}
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    return root


def measure(root, **options):
    return measure_study(root, root / "measurements" / "throughput.json", **options)


def read(root):
    return ThroughputRecord.read(root / "measurements" / "throughput.json")


def test_every_network_of_the_study_is_measured(study, capsys):
    assert study_networks(study) == ["baseline_tf", "a", "b.c", "greedy"]
    record = measure(study)
    assert sorted(record.networks) == ["a", "b.c", "baseline_tf"]
    assert record.failed == {"greedy": "greedy: out of memory"}
    assert read(study).networks == record.networks
    assert "failed: greedy: greedy: out of memory" in capsys.readouterr().out


def test_rounds_and_seconds_replace_the_params(study):
    record = measure(study, candidates=["a"], rounds=3, budget_s=1.5)
    assert told(study, "turn:0.5") == ["a"] * 3
    assert (record.session.rounds, record.session.budget_s) == (3, 1.5)


def test_one_candidate_s_network_is_measured_and_the_others_stay(study):
    earlier = {"baseline_tf": network_speed(latency_ms=30), "a": network_speed(latency_ms=10)}
    path = study / "measurements" / "throughput.json"
    throughput_record(earlier, failed={"b.c": "out of memory"}).write(path)
    measure(study, candidates=["a-frozen", "a-finetune"])  # one network, whatever the mode
    assert told(study, "turn") == ["a", "a"]
    again = read(study)
    assert again.networks["baseline_tf"] == earlier["baseline_tf"]
    assert again.networks["a"].latency_ms_p50 == 100
    assert again.failed == {"b.c": "out of memory"}
    measure(study, candidates=["b.c"])
    assert sorted(read(study).networks) == ["a", "b.c", "baseline_tf"]
    assert read(study).failed == {}


def test_a_network_that_fails_now_has_no_older_figures(study):
    throughput_record({"a": network_speed(), "greedy": network_speed()}).write(study / "measurements/throughput.json")
    measure(study, candidates=["a", "greedy"])
    assert sorted(read(study).networks) == ["a"]
    assert read(study).failed == {"greedy": "greedy: out of memory"}


def test_without_candidates_nothing_earlier_stays(study):
    throughput_record({"gone": network_speed()}).write(study / "measurements" / "throughput.json")
    assert "gone" not in measure(study).networks


def test_an_earlier_file_stays_where_nothing_was_measured(study):
    path = study / "measurements" / "throughput.json"
    throughput_record().write(path)
    before = path.read_bytes()
    with pytest.raises(EvaluationError, match="nothing was measured: greedy"):
        measure(study, candidates=["greedy"])
    assert path.read_bytes() == before


def test_a_file_that_cannot_be_added_to_is_told_before_anything_is_measured(study):
    path = study / "measurements" / "throughput.json"
    path.parent.mkdir()
    path.write_text('{"protocol": 2, "records": {}}')
    with pytest.raises(EvaluationError, match=r"written by another version of bakeoff \(format 1, this one reads 3\)"):
        measure(study, candidates=["a"])
    assert not (study / "log.txt").exists()
    assert measure(study).networks, "a whole session writes it anew"


def test_an_unknown_candidate_and_a_study_that_is_not_there(study, tmp_path):
    with pytest.raises(EvaluationError, match=r"'x-frozen' is not a candidate .*; its networks: baseline_tf, a, b"):
        measure(study, candidates=["x-frozen"])
    with pytest.raises(EvaluationError, match="candidates is missing; run `dvc repro candidates`"):
        study_networks(tmp_path)


def test_the_table_by_hand(capsys):
    few = {"latency_ms_p99": None, "n_latency": 30, "noisy": True}
    networks = {"heavy": network_speed(latency_ms=100.0, **few), "light": network_speed(latency_ms=10.0)}
    print_session(throughput_record(networks, failed={"broken": "out of memory"}))
    printed = capsys.readouterr().out
    told = " ".join(printed.split())
    assert printed.index("light") < printed.index("heavy") < printed.index("failed: broken: out of memory")
    assert "140.0 32 10.0 13.0 112.0" in told  # products/s, batch, p50, p99, end to end
    assert "(135.8–144.2) (9.8–10.4)" in told
    assert "(slowest of" in told
    assert "The machine was noisy while measuring heavy (see docs/throughput.md)" in told
    print_session(throughput_record({"light": network_speed()}))
    assert "noisy" not in capsys.readouterr().out
