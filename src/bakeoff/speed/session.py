"""A session: every network of the study measured round after round, so that a drift of the machine hits all alike.

Each network has a process of its own, in its framework's environment: its peak memory is its own, and its end leaves
the others alone. Only one of them is ever busy.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bakeoff.core.errors import EvaluationError
from bakeoff.core.locks import measuring_lock, waiting_lock
from bakeoff.core.workers import WorkerProcess
from bakeoff.learning.key import now_utc
from bakeoff.records.candidate import Candidate
from bakeoff.records.speed import Session, ThroughputRecord
from bakeoff.speed import worker
from bakeoff.speed.params import ThroughputParams
from bakeoff.speed.pool import pool_turns
from bakeoff.speed.turns import TURN, Turn

LOADING_AT_ONCE = 2


class Worker(WorkerProcess):
    """The process of one network."""

    def __init__(self, root: Path, network: str) -> None:
        super().__init__(root, Candidate(network).environment, worker.__name__, network, purpose="measuring")

    def answer(self) -> dict[str, Any]:
        """Return the next answer; an EvaluationError where the worker tells a problem, or ended without an answer."""
        line = self._answers.readline()
        if not line:
            raise self.ended()
        found = json.loads(line)
        if "problem" in found:
            raise EvaluationError(found["problem"])
        return found

    def take_turn(self, seconds: float) -> Turn:
        """Have the network take a turn of about this many seconds and return it."""
        self.send(f"{seconds}\n".encode())
        return TURN.validate_python(self.answer()["turn"])


@dataclass
class _Measured:
    """What is known of the networks so far."""

    workers: dict[str, Worker] = field(default_factory=dict)
    described: dict[str, dict[str, Any]] = field(default_factory=dict)
    turns: dict[str, list[Turn]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @contextlib.contextmanager
    def or_leave_out(self, network: str) -> Iterator[None]:
        """Leave a network out from here on where the block fails."""
        try:
            yield
        except EvaluationError as error:
            self.failed[network] = str(error)
            for held in (self.described, self.turns):
                held.pop(network, None)
            if network in self.workers:
                self.workers.pop(network).close()


def measure_networks(root: Path, networks: Sequence[str], params: ThroughputParams) -> ThroughputRecord:
    """Measure the networks, taking turns, under the machine's lock; one that fails is left out of the rest.

    An EvaluationError where nothing could be measured.
    """
    found = _Measured()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with waiting_lock(measuring_lock(), what="the measuring of speed"), Progress(*columns) as progress:
        started_at, load = now_utc(), os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        try:
            _load(found, root, networks, progress)
            _go_round(found, params, progress)
        finally:
            for process in found.workers.values():
                process.close()
    if not found.turns:
        reasons = "; ".join(f"{name}: {problem}" for name, problem in sorted(found.failed.items()))
        raise EvaluationError(f"nothing was measured: {reasons}")
    settings = params.model_dump(include={"rounds", "budget_s"})
    session = Session(started_at=started_at, ended_at=now_utc(), load_average=load, **settings)
    speeds = {name: pool_turns(turns, found.described[name]) for name, turns in found.turns.items()}
    return ThroughputRecord(session=session, networks=speeds, failed=found.failed)


def _load(found: _Measured, root: Path, networks: Sequence[str], progress: Progress) -> None:
    """Start the processes, two at a time, and wait until each is ready."""
    task = progress.add_task("loading", total=len(networks))
    nobody = [None] * (LOADING_AT_ONCE - 1)
    for started, awaited in zip([*networks, *nobody], [*nobody, *networks], strict=True):
        if started:
            with found.or_leave_out(started):
                found.workers[started] = Worker(root, started)
        if awaited in found.workers:
            progress.update(task, description=f"loading {awaited}")
            with found.or_leave_out(awaited):
                found.described[awaited] = found.workers[awaited].answer()["ready"]
        progress.update(task, completed=len(found.described) + len(found.failed))


def _go_round(found: _Measured, params: ThroughputParams, progress: Progress) -> None:
    """Give every network its turn in every round; each round starts one network further on."""
    task = progress.add_task("measuring", total=params.rounds * len(found.described))
    for number in range(params.rounds):
        names = list(found.described)
        start = number % len(names) if names else 0
        for name in names[start:] + names[:start]:
            progress.update(task, description=f"round {number + 1} of {params.rounds}: {name}")
            with found.or_leave_out(name):
                turn = found.workers[name].take_turn(params.budget_s / params.rounds)
                found.turns.setdefault(name, []).append(turn)
            progress.advance(task)
