"""Sessions: medians over rounds by hand, the worker's answers, and processes that fail or die."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.progress import Progress

from bakeoff.core.errors import EvaluationError
from bakeoff.speed import worker as worker_module
from bakeoff.speed.command import print_session
from bakeoff.speed.protocol import PROTOCOL
from bakeoff.speed.rounds import (
    SessionResult,
    Trained,
    Worker,
    WorkerDiedError,
    hold_session,
    session_file,
    trained_candidates,
)
from bakeoff.speed.session import combine_rounds, read_session


def _record(
    images_per_s: float,
    latency_ms: float,
    *,
    at_32: float | None = None,
    drift: float = 0.0,
    disagreement: float = 0.0,
    walked: int = 8,
) -> dict:
    sweep = [
        {"batch_size": 1, "images_per_s": 1000 / latency_ms, "images_per_cpu_s": 5.0, "n_batches": 9, "skipped": None},
        {"batch_size": 8, "images_per_s": images_per_s, "images_per_cpu_s": 7.0, "n_batches": 4, "skipped": None},
        {
            "batch_size": 32,
            "images_per_s": at_32,
            "images_per_cpu_s": at_32 and 6.0,
            "n_batches": 2 if at_32 else 0,
            "skipped": None if at_32 else "budget",
        },
    ]
    return {
        "protocol": PROTOCOL,
        "images_per_s": images_per_s,
        "latency_ms_p50": latency_ms,
        "latency_ms_p90": latency_ms + 1,
        "latency_ms_p99": latency_ms + 2,
        "images_per_cpu_s": 7.0,
        "batch_size": 8,
        "sweep": sweep,
        "end_to_end": {
            "images_per_s": images_per_s / 2,
            "images_per_cpu_s": None,
            "n_images": 16,
            "batch_size": walked,
        },
        "machine_index": {"drift": drift},
        "attempts": [{"images_per_s": images_per_s}],
        "seconds": 3.0,
        "peak_memory_mib": 100.0,
        "peak_memory_scope": "measurement",
        "device": "cpu",
        "device_name": "test",
        "threads": 1,
        "budget_s": 15,
        "forward_disagreement": disagreement,
        "restlessness": max(drift / 0.1, disagreement / 0.5),
        "noisy": drift > 0.1 or disagreement > 0.5,
    }


def test_medians_and_ranges_by_hand():
    found = combine_rounds([_record(20, 100), _record(40, 90, at_32=15, drift=0.3), _record(30, 140)])
    assert (found["images_per_s"], found["images_per_s_low"], found["images_per_s_high"]) == (30, 20, 40)
    assert (found["latency_ms_p50"], found["latency_ms_p50_low"], found["latency_ms_p50_high"]) == (100, 90, 140)
    assert (found["ms_per_image"], found["batch_size"], found["images_per_cpu_s"]) == (pytest.approx(1000 / 30), 8, 7)
    assert [point["images_per_s"] for point in found["sweep"]] == [10.0, 30.0, 15.0]  # batch 32 fitted in one round
    assert found["end_to_end"] == {"images_per_s": 15.0, "images_per_cpu_s": None, "n_images": 48, "batch_size": 8}
    assert (found["noisy"], found["session"], found["n_rounds"], found["seconds"]) == (False, True, 3, 9.0)
    assert len(found["attempts"]) == 3


@pytest.mark.parametrize(
    ("disagreements", "is_noisy"), [((2, 2, 0), True), ((2, 0, 0), False), ((2, 0), True), ((0.4, 0.2), False)]
)
def test_a_session_is_noisy_where_half_of_its_rounds_were_disturbed(disagreements, is_noisy):
    found = combine_rounds([_record(20, 100, disagreement=share) for share in disagreements])
    assert found["noisy"] is is_noisy
    assert found["forward_disagreement"] == np.median(disagreements)
    assert found["machine_index"]["drift"] == 0


def test_the_whole_way_is_compared_at_one_batch_size():
    found = combine_rounds([_record(20, 100), _record(30, 100), _record(44, 100, walked=32), _record(31, 100)])
    assert found["end_to_end"] == {"images_per_s": 15.0, "images_per_cpu_s": None, "n_images": 48, "batch_size": 8}


def test_the_best_batch_is_that_of_the_medians():
    found = combine_rounds([_record(20, 100, at_32=50), _record(20, 100, at_32=10), _record(20, 100, at_32=12)])
    assert (found["batch_size"], found["images_per_s"]) == (8, 20)


def test_reading_a_session(tmp_path):
    path = tmp_path / "throughput.json"
    assert read_session(path) == {}
    path.write_text(json.dumps({"protocol": PROTOCOL, "records": {"k": {"images_per_s": 3}}}))
    assert read_session(path) == {"k": {"images_per_s": 3}}
    path.write_text(json.dumps({"protocol": 1, "records": {"k": {}}}))
    assert read_session(path) == {}  # of an earlier protocol: not comparable
    for text in ("{", "[]", json.dumps({"protocol": PROTOCOL})):
        path.write_text(text)
        with pytest.raises(EvaluationError, match="is no session of `bakeoff throughput`"):
            read_session(path)


def _train(root: Path, *candidates: str) -> None:
    for name in candidates:
        folder = root / "runs" / name / "seed_0" / "training"
        folder.mkdir(parents=True)
        framework = "tensorflow" if name == "baseline_tf" else "pytorch"
        (folder / "training.json").write_text(json.dumps({"framework": framework}))


def test_which_candidates_take_part(tmp_path):
    params = SimpleNamespace(models=["a"], modes=["frozen", "finetune"])
    with pytest.raises(EvaluationError, match=r"no candidate of the study is trained .* run `bakeoff run`"):
        trained_candidates(tmp_path, params, None)
    _train(tmp_path, "a-frozen", "baseline_tf", "left-over")
    found = trained_candidates(tmp_path, params, None)
    assert [(one.candidate, one.framework) for one in found] == [("a-frozen", "torch"), ("baseline_tf", "tf")]
    assert [one.candidate for one in trained_candidates(tmp_path, params, ["left-over"])] == ["left-over"]
    with pytest.raises(EvaluationError, match=r"no training of b .* trained here: a-frozen, baseline_tf, left-over"):
        trained_candidates(tmp_path, params, ["b"])


SERVER = """
import json, os, sys
log = open("asked.txt", "a")
for line in sys.stdin:
    question = json.loads(line)
    name = question.get("training", question.get("speed_key"))
    log.write(f"{os.getpid()} {question['command']} {name}\\n"); log.flush()
    if question["command"] == "load":
        if "unreadable" in name:
            answer = {"problem": "unreadable is missing"}
        else:
            answer = {"speed_key": name.split("/")[1].split("-")[0]}
    elif name == "deadly":
        os.close(1); import time; time.sleep(0.5); os._exit(9)  # its pipe ends before it does
    elif name == "greedy":
        answer = {"problem": "greedy: out of memory"}
    else:
        record = json.load(open("record.json"))
        answer = {"record": record}
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture
def scripted(tmp_path, monkeypatch):
    """A project whose stages/in_env.sh starts a small server in the worker's place: real processes, real pipes."""
    (tmp_path / "stages").mkdir()
    (tmp_path / "server.py").write_text(SERVER)
    (tmp_path / "record.json").write_text(json.dumps(_record(20, 100)))
    (tmp_path / "stages" / "in_env.sh").write_text(f'exec "{sys.executable}" server.py\n')
    for name in ("TORCH", "TF"):
        monkeypatch.setenv(f"BAKEOFF_PYTHON_{name}", sys.executable)
    return tmp_path


def _session(root: Path, *names: str, n_rounds: int = 2) -> SessionResult:
    chosen = [
        Trained(name, "tf" if name == "baseline_tf" else "torch", f"runs/{name}/seed_0/training") for name in names
    ]
    with Progress(disable=True) as progress:
        return hold_session(root, chosen, n_rounds=n_rounds, progress=progress)


def test_rounds_go_round_robin_and_modes_share(scripted):
    result = _session(scripted, "a-finetune", "a-frozen", "b-frozen", "baseline_tf")
    assert result.candidates == {"a": ["a-finetune", "a-frozen"], "b": ["b-frozen"], "baseline_tf": ["baseline_tf"]}
    assert sorted(result.records) == ["a", "b", "baseline_tf"]
    assert result.records["a"]["measured_on"] == "a-finetune"
    assert result.records["a"]["n_rounds"] == 2
    assert result.records["a"]["peak_memory_mib"] is None  # many networks share the process
    asked = [line.split()[1:] for line in (scripted / "asked.txt").read_text().splitlines()]
    assert [name for command, name in asked if command == "measure"] == [
        "a",
        "b",
        "baseline_tf",
        "b",
        "baseline_tf",
        "a",
    ]
    assert (
        len({line.split()[0] for line in (scripted / "asked.txt").read_text().splitlines()}) == 2
    )  # one per environment
    file = session_file(result, n_rounds=2, started_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert (file["protocol"], file["session"]["rounds"], file["session"]["device"]) == (PROTOCOL, 2, "cpu")


def test_peak_memory_is_that_of_the_evaluation(scripted):
    folder = scripted / "runs" / "a-frozen" / "seed_0" / "evaluation"
    folder.mkdir(parents=True)
    own = {"speed_key": "a", "peak_memory_mib": 321.0, "peak_memory_scope": "measurement"}
    (folder / "throughput.json").write_text(json.dumps(own))
    assert _session(scripted, "a-frozen").records["a"]["peak_memory_mib"] == 321.0


def test_a_failing_candidate_leaves_the_others(scripted, capsys):
    result = _session(scripted, "a-frozen", "unreadable-frozen", "greedy-frozen", "deadly-frozen", "z-frozen")
    assert sorted(result.records) == ["a", "z"]
    assert result.records["z"]["n_rounds"] == 2  # loaded again after the process died
    assert result.failed["unreadable-frozen"] == "unreadable is missing"
    assert result.failed["greedy-frozen"] == "greedy: out of memory"
    assert "the measuring process of .venv-torch ended without an answer" in result.failed["deadly-frozen"]
    result.records["a"]["noisy"] = True
    print_session(result)
    printed = " ".join(capsys.readouterr().out.split())
    assert "failed: greedy-frozen: greedy: out of memory" in printed
    assert "restless while measuring a-frozen" in printed


def test_nothing_measured_is_an_error(scripted):
    result = _session(scripted, "greedy-frozen")
    with pytest.raises(
        EvaluationError, match=r"nothing was measured, the earlier session stays: greedy-frozen: greedy"
    ):
        session_file(result, n_rounds=1, started_at=datetime.now(UTC))


def test_a_missing_environment_is_told(scripted, monkeypatch):
    monkeypatch.setenv("BAKEOFF_PYTHON_TF", str(scripted / "nowhere"))
    result = _session(scripted, "a-frozen", "baseline_tf")
    assert sorted(result.records) == ["a"]
    assert result.failed["baseline_tf"].endswith("nowhere is missing; run `make setup`.")


def test_a_worker_that_is_gone(scripted):
    worker = Worker(scripted, "torch")
    with pytest.raises(WorkerDiedError, match=r"ended without an answer \(status 9;"):
        worker.ask("measure", speed_key="deadly")
    assert worker.ask("load", training="runs/a-frozen/x") == {"speed_key": "a"}  # a new process
    worker.close()
    worker.close()


def test_the_worker_answers_problems_in_words():
    class Networks:
        def load(self, *, framework: str, training: str) -> dict:
            if training == "bad":
                raise EvaluationError("training.json is missing")
            return {"speed_key": framework}

        def measure(self, *, speed_key: str) -> dict:
            raise RuntimeError("")

    questions = [
        {"command": "load", "framework": "torch", "training": "good"},
        {"command": "load", "framework": "torch", "training": "bad"},
        {"command": "measure", "speed_key": "k"},
    ]
    answers = io.StringIO()
    worker_module.serve(Networks(), io.StringIO("\n".join(map(json.dumps, questions))), answers)  # type: ignore[arg-type]
    assert [json.loads(line) for line in answers.getvalue().splitlines()] == [
        {"speed_key": "torch"},
        {"problem": "training.json is missing"},
        {"problem": "RuntimeError"},
    ]
