"""A process that holds the networks of one environment and measures one at a time on command.

It reads one JSON object a line from stdin and answers with one a line on stdout; everything a library prints goes to
stderr. Run by `bakeoff.speed.rounds` as `python -m bakeoff.speed.worker`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from bakeoff.core.errors import BakeoffError
from bakeoff.core.seeding import default_threads
from bakeoff.data.table import Catalogue, load_catalogue
from bakeoff.predictors.loading import load_predictor
from bakeoff.speed.attempts import measure
from bakeoff.speed.subject import Plan, Subject, speed_key
from bakeoff.study.params import Params, load_params


class Networks:
    """The networks that were loaded so far, by speed key."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._params: Params = load_params(root / "params.yaml")
        self._plan = Plan.of(self._params.throughput)
        self._catalogue: Catalogue | None = None
        self._subjects: dict[str, Subject] = {}

    def load(self, *, framework: str, training: str) -> dict[str, Any]:
        """Load a candidate, unless one of the same speed is there, and return its speed key."""
        if self._catalogue is None:
            data = self._root / "data"
            self._catalogue = load_catalogue(data / "catalogue", data / "splits" / "splits.parquet")
        settings = self._params
        predictor = load_predictor(
            framework,
            self._root / training,
            self._catalogue,
            batch_size=settings.evaluate.batch_size,
            device=settings.compute.device,
        )
        predictor.set_threads(self._threads)
        key = speed_key(predictor, self._plan)
        if key not in self._subjects:
            self._subjects[key] = Subject(predictor, self._catalogue, self._plan)
        return {"speed_key": key}

    def measure(self, *, speed_key: str) -> dict[str, Any]:
        """Return one attempt's record, which may take the whole budget."""
        subject = self._subjects[speed_key]
        subject.predictor.set_threads(self._threads)
        whole = subject.plan
        subject.plan = replace(whole, max_attempts=1)
        try:
            return {"record": {**measure(subject), "speed_key": speed_key}}
        finally:
            subject.plan = whole

    @property
    def _threads(self) -> int:
        return self._params.throughput.threads or self._params.compute.threads or default_threads()


def serve(networks: Networks, questions: TextIO, answers: TextIO) -> None:
    """Answer until the questions end; an error of one candidate is an answer like any other."""
    commands: dict[str, Callable[..., dict[str, Any]]] = {"load": networks.load, "measure": networks.measure}
    for line in questions:
        question = json.loads(line)
        try:
            answer = commands[question.pop("command")](**question)
        except (BakeoffError, OSError, RuntimeError, ValueError) as error:
            answer = {"problem": str(error) or type(error).__name__}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main() -> None:
    """Keep stdout for the answers and serve the project in the working folder."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        serve(Networks(Path.cwd()), sys.stdin, answers)


if __name__ == "__main__":
    main()
