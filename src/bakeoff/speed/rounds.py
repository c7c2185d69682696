"""A session: every architecture of the study measured round after round, so that a drift of the machine hits all alike.

One worker process per environment keeps its networks in memory; only one of them is ever busy.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.progress import Progress, TaskID

from bakeoff.core.errors import EvaluationError
from bakeoff.core.paths import environment_python
from bakeoff.speed.protocol import PROTOCOL
from bakeoff.speed.session import combine_rounds
from bakeoff.study.params import Params

BASELINE = "baseline_tf"
ENDING_S = 10


class WorkerDiedError(EvaluationError):
    """A worker process ended in the middle of a question."""


@dataclass(frozen=True)
class Trained:
    """One trained candidate: its name, its environment (`torch` or `tf`), its training folder from the root."""

    candidate: str
    framework: str
    training: str


@dataclass
class SessionResult:
    """Records by speed key, which candidates share each, and who failed why."""

    records: dict[str, dict[str, Any]]
    candidates: dict[str, list[str]]
    failed: dict[str, str] = field(default_factory=dict)


class Worker:
    """A running worker process of one environment, started at its first question and again after it died."""

    def __init__(self, root: Path, environment: str) -> None:
        self._root, self._environment = root, environment
        self._process: subprocess.Popen[str] | None = None

    def ask(self, command: str, **given: Any) -> dict[str, Any]:
        """Return the answer.

        Raises:
            EvaluationError: the worker tells a problem.
            WorkerDiedError: it ended without an answer.
        """
        process = self._process or self._start()
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(json.dumps({"command": command, **given}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(ENDING_S)  # else `close` kills it, and -9 would tell of a lack of memory
            self.close()
            raise WorkerDiedError(
                f"the measuring process of .venv-{self._environment} ended without an answer (status "
                f"{process.returncode}; -9 is a machine out of memory); see its messages above."
            )
        answer = json.loads(line)
        if "problem" in answer:
            raise EvaluationError(answer["problem"])
        return answer

    def close(self) -> None:
        """End the process; its networks are gone."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _start(self) -> subprocess.Popen[str]:
        command = ["sh", "stages/in_env.sh", self._environment, "-m", "bakeoff.speed.worker"]
        self._process = subprocess.Popen(
            command,
            cwd=self._root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is the session's to handle
        )
        return self._process


def trained_candidates(root: Path, params: Params, names: list[str] | None) -> list[Trained]:
    """Return the study's trained candidates, or those named, sorted; all their seeds.

    Raises:
        EvaluationError: one that is named is not trained, or nothing is.
    """
    found = [
        Trained(path.parents[2].name, framework_of(path), path.parent.relative_to(root).as_posix())
        for path in sorted((root / "runs").glob("*/seed_*/training/training.json"))
    ]
    study = {BASELINE, *(f"{model}-{mode}" for model in params.models for mode in params.modes)}
    trained = sorted({one.candidate for one in found})
    unknown = [name for name in names or [] if name not in trained]
    if unknown:
        raise EvaluationError(
            f"no training of {', '.join(unknown)} in {root / 'runs'}; trained here: {', '.join(trained) or 'none'}."
        )
    wanted = set(names) if names else study
    chosen = [one for one in found if one.candidate in wanted]
    if not chosen:
        raise EvaluationError(f"no candidate of the study is trained in {root / 'runs'} yet; run `bakeoff run`.")
    return chosen


def framework_of(training_json: Path) -> str:
    """Return the environment that reads a training: `tf` or `torch`."""
    framework = json.loads(training_json.read_text(encoding="utf-8")).get("framework")
    return "tf" if framework == "tensorflow" else "torch"


def hold_session(root: Path, candidates: list[Trained], *, n_rounds: int, progress: Progress) -> SessionResult:
    """Measure every distinct architecture among the candidates once a round; one that fails is left out of the rest."""
    missing = [name for name in {one.framework for one in candidates} if not environment_python(name).is_file()]
    workers = {name: Worker(root, name) for name in sorted({one.framework for one in candidates} - set(missing))}
    failed = {
        one.candidate: f"{environment_python(one.framework)} is missing; run `make setup`."
        for one in candidates
        if one.framework in missing
    }
    session = _Session(root, workers, SessionResult({}, {}, failed), progress)
    try:
        session.load([one for one in candidates if one.framework in workers])
        session.measure(n_rounds)
    finally:
        for worker in workers.values():
            worker.close()
    return session.result


class _Session:
    def __init__(self, root: Path, workers: dict[str, Worker], result: SessionResult, progress: Progress) -> None:
        self._root = root
        self._workers, self.result, self._progress = workers, result, progress
        self._networks: dict[str, Trained] = {}
        self._loaded: set[str] = set()

    def load(self, candidates: list[Trained]) -> None:
        """Find the distinct networks; a candidate that does not load leaves its siblings alone."""
        task = self._progress.add_task("loading", total=len(candidates))
        for one in candidates:
            self._progress.update(task, description=f"loading {one.candidate}")
            try:
                key = self._load(one)
            except EvaluationError as error:
                self.result.failed[one.candidate] = str(error)
            else:
                self._networks.setdefault(key, one)
                sharing = self.result.candidates.setdefault(key, [])
                if one.candidate not in sharing:
                    sharing.append(one.candidate)
            self._progress.advance(task)

    def measure(self, n_rounds: int) -> None:
        """Go round: each round starts one network further on, so that none is always first."""
        rounds: dict[str, list[dict[str, Any]]] = {key: [] for key in self._networks}
        task = self._progress.add_task("measuring", total=n_rounds * len(rounds))
        for number in range(n_rounds):
            keys = [key for key in rounds if key in self._networks]
            for key in keys[number % len(keys) :] + keys[: number % len(keys)] if keys else []:
                self._measure_one(key, rounds[key], f"round {number + 1} of {n_rounds}", task)
        for key, found in rounds.items():
            if key in self._networks and found:
                one = self._networks[key]
                combined = {"measured_on": one.candidate, **combine_rounds(found)}
                if combined["peak_memory_scope"] != "device":
                    combined |= _memory_alone(self._root / one.training, key)
                self.result.records[key] = combined

    def _measure_one(self, key: str, found: list[dict[str, Any]], where: str, task: TaskID) -> None:
        one = self._networks[key]
        self._progress.update(task, description=f"{where}: {one.candidate}")
        try:
            if key not in self._loaded:  # its worker died and took it along
                self._load(one)
            found.append(self._workers[one.framework].ask("measure", speed_key=key)["record"])
        except EvaluationError as error:
            if isinstance(error, WorkerDiedError):
                self._forget(one.framework)
            for name in self.result.candidates.pop(key):
                self.result.failed[name] = str(error)
            del self._networks[key]
        self._progress.advance(task)

    def _load(self, one: Trained) -> str:
        try:
            key = self._workers[one.framework].ask("load", framework=one.framework, training=one.training)["speed_key"]
        except WorkerDiedError:
            self._forget(one.framework)
            raise
        self._loaded.add(key)
        return key

    def _forget(self, framework: str) -> None:
        self._loaded -= {key for key, one in self._networks.items() if one.framework == framework}


def _memory_alone(training_dir: Path, key: str) -> dict[str, Any]:
    """Return the peak memory that `evaluate` saw: a worker's holds every network of its environment at once."""
    path = training_dir.parent / "evaluation" / "throughput.json"
    record = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    own = record if record.get("speed_key") == key else {}
    return {"peak_memory_mib": own.get("peak_memory_mib"), "peak_memory_scope": own.get("peak_memory_scope")}


def session_file(result: SessionResult, *, n_rounds: int, started_at: datetime) -> dict[str, Any]:
    """Return measurements/throughput.json.

    Raises:
        EvaluationError: nothing could be measured.
    """
    if not result.records:
        reasons = "; ".join(f"{name}: {problem}" for name, problem in sorted(result.failed.items()))
        raise EvaluationError(f"nothing was measured, the earlier session stays: {reasons}")
    first = next(iter(result.records.values()))
    return {
        "protocol": PROTOCOL,
        "session": {
            "started_at": started_at.isoformat(timespec="seconds"),
            "ended_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "rounds": n_rounds,
            **{name: first[name] for name in ("device", "device_name", "threads", "budget_s")},
            "candidates": result.candidates,
            "failed": result.failed,
        },
        "records": result.records,
    }
