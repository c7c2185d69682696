"""Sessions: rounds, processes that fail or die, and two sessions on one machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from bakeoff.core.errors import EvaluationError
from bakeoff.records.speed import ThroughputRecord
from bakeoff.speed import session
from bakeoff.speed.params import ThroughputParams
from bakeoff.speed.session import Worker, measure_networks
from speed.scripted import told, write_project

PARAMS = ThroughputParams(batch_sizes=[1, 8], budget_s=6.0, rounds=2, threads=None)


@pytest.fixture
def scripted(tmp_path, monkeypatch):
    for name in ("TORCH", "TF"):
        monkeypatch.setenv(f"BAKEOFF_PYTHON_{name}", sys.executable)
    return write_project(tmp_path / "project")


def test_rounds_go_round_robin_each_one_network_further(scripted):
    record = measure_networks(scripted, ["baseline_tf", "a", "b"], PARAMS)
    assert sorted(record.networks) == ["a", "b", "baseline_tf"]
    assert record.failed == {}
    assert told(scripted, "turn:3.0") == ["baseline_tf", "a", "b", "a", "b", "baseline_tf"]  # 6 s in two rounds
    speed = record.networks["a"]
    assert (speed.framework, speed.n_rounds, speed.n_latency, speed.images_per_s) == ("a", 2, 2, 20.0)
    assert (record.session.rounds, record.session.budget_s) == (2, 6.0)
    assert record.session.started_at <= record.session.ended_at


def test_every_network_has_a_process_of_its_own_and_only_one_is_busy(scripted):
    measure_networks(scripted, ["a", "b", "c"], PARAMS)
    lines = [line.split() for line in (scripted / "log.txt").read_text().splitlines()]
    assert len({pid for pid, _, _ in lines}) == 3
    measured = [(what[:4], network) for _, what, network in lines if what != "start"]
    assert [what for what, _ in measured] == ["turn", "end"] * 6
    assert [network for _, network in measured[::2]] == [network for _, network in measured[1::2]]


def test_networks_that_fail_leave_the_others(scripted):
    record = measure_networks(scripted, ["a", "unreadable", "greedy", "deadly", "z"], PARAMS)
    assert sorted(record.networks) == ["a", "z"]
    assert record.networks["z"].n_rounds == 2
    assert record.failed["unreadable"] == "unreadable is missing"
    assert record.failed["greedy"] == "greedy: out of memory"
    assert "the measuring process of .venv-torch ended without an answer (status 9;" in record.failed["deadly"]
    assert [told(scripted, "turn").count(name) for name in ("greedy", "deadly", "z")] == [1, 1, 2]


def test_a_network_that_dies_after_a_round_has_no_figures(scripted, monkeypatch):
    """Its rounds were not those of the others."""
    whole = Worker.take_turn

    def take_turn(self, seconds):
        if told(scripted, "turn").count("b"):
            self._process.kill()
        return whole(self, seconds)

    monkeypatch.setattr(Worker, "take_turn", take_turn)
    with pytest.raises(EvaluationError, match=r"nothing was measured: .*status -9; -9 is a machine out of memory"):
        measure_networks(scripted, ["b"], PARAMS)


def test_nothing_measured_is_an_error(scripted):
    with pytest.raises(
        EvaluationError, match="nothing was measured: greedy: greedy: out of memory; unreadable: unread"
    ):
        measure_networks(scripted, ["greedy", "unreadable"], PARAMS)


def test_a_missing_environment_is_told(scripted, monkeypatch):
    monkeypatch.setenv("BAKEOFF_PYTHON_TF", str(scripted / "nowhere"))
    record = measure_networks(scripted, ["a", "baseline_tf"], PARAMS)
    assert sorted(record.networks) == ["a"]
    assert record.failed["baseline_tf"].endswith("nowhere is missing; run `make setup`.")


def test_an_interrupt_ends_every_process(scripted, monkeypatch):
    def interrupted(self, seconds):
        raise KeyboardInterrupt

    opened = []
    start = Worker.__init__

    def started(self, *given):
        start(self, *given)
        opened.append(self._process)

    monkeypatch.setattr(Worker, "__init__", started)
    monkeypatch.setattr(Worker, "take_turn", interrupted)
    with pytest.raises(KeyboardInterrupt):
        measure_networks(scripted, ["a", "b", "c"], PARAMS)
    assert [process.poll() is None for process in opened] == [False] * 3


def test_at_most_two_networks_load_at_once(scripted, monkeypatch):
    loading, most = set(), []

    def started(self, root, network):
        start(self, root, network)
        self.network = network
        loading.add(network)
        most.append(len(loading))

    def answered(self):
        found = answer(self)
        loading.discard(self.network)
        return found

    start, answer = Worker.__init__, Worker.answer
    monkeypatch.setattr(Worker, "__init__", started)
    monkeypatch.setattr(Worker, "answer", answered)
    measure_networks(scripted, ["a", "b", "c", "d"], PARAMS)
    assert max(most) == session.LOADING_AT_ONCE == 2


def test_two_sessions_wait_for_each_other(scripted, tmp_path, capfd):
    script = (
        "import sys; from pathlib import Path; from bakeoff.speed.params import ThroughputParams; "
        "from bakeoff.speed.session import measure_networks; "
        f"measure_networks(Path({str(scripted)!r}), ['first'], "
        f"ThroughputParams.model_validate({PARAMS.model_dump() | {'rounds': 40}!r}))"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    other = subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.DEVNULL)
    waiting_s = time.monotonic() + 60
    while not (scripted / "log.txt").is_file():
        assert time.monotonic() < waiting_s
        time.sleep(0.05)
    measure_networks(scripted, ["second"], PARAMS)
    assert other.wait(60) == 0
    assert told(scripted, "turn") == ["first"] * 40 + ["second"] * 2
    assert "another process holds the measuring of speed" in capfd.readouterr().err


def test_the_record_is_read_as_it_was_written(scripted, tmp_path):
    record = measure_networks(scripted, ["a", "greedy"], PARAMS)
    record.write(tmp_path / "throughput.json")
    again = ThroughputRecord.read(tmp_path / "throughput.json")
    assert (again.networks, again.failed, again.session) == (record.networks, record.failed, record.session)
    found = again.networks["a"]
    assert found is not None
    assert (found.images_per_s, "greedy" in again.networks, found.device_title) == (20.0, False, "cpu: test")
