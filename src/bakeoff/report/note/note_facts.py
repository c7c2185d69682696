"""What the methodology note is made from: params.yaml, the reports, and each candidate's records, read once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.core.errors import EvaluationError
from bakeoff.core.section import load_top, read_yaml
from bakeoff.decision.choice import as_record
from bakeoff.decision.collect import Record, collect
from bakeoff.decision.leaderboard import read_leaderboard
from bakeoff.decision.study import Study
from bakeoff.decision.summary import summarise
from bakeoff.records.speed import ThroughputRecord
from bakeoff.records.study import StudyLists


@dataclass(frozen=True)
class NoteFacts:
    """Everything read; dictionaries are empty, and `aggregate` too, where the file is not there."""

    params: Mapping[str, Any]
    choice: Mapping[str, Any]
    rows: list[dict[str, Any]]
    """The leaderboard's lines, as choice.json holds them: means over training seeds, None where unknown."""
    records: list[Record]
    audit: Mapping[str, Any]
    split: Mapping[str, Any]
    aggregate: Mapping[str, Any]

    @property
    def done(self) -> list[Record]:
        """Trainings with a result."""
        return [record for record in self.records if record.ok]

    @property
    def device(self) -> str:
        """What the compared times were measured on, without its kind."""
        device = str(self.choice["inputs"]["device"])
        return device.partition(": ")[2] or device

    def record(self, candidate: str) -> Record | None:
        """Return the candidate's first training with a result."""
        return next((record for record in self.done if record.candidate.name == candidate), None)


def read_facts(root: Path, reports_dir: Path) -> NoteFacts:
    """Return what a finished study left.

    Raises:
        EvaluationError: no comparison has been made, one by an older version, or no candidate has a result.
    """
    choice_file, table_file = reports_dir / "choice.json", reports_dir / "leaderboard.csv"
    for path in (choice_file, table_file):
        if not path.is_file():
            raise EvaluationError(f"{path} is missing; run `bakeoff run`, or `bakeoff compare --partial`, then again.")
    choice = _json(choice_file)
    if "rule" not in choice:
        raise EvaluationError(f"{choice_file} was written by an older version; run `bakeoff compare` to write it anew.")
    params = read_yaml(root / "params.yaml")
    study = Study(load_top(root / "params.yaml", StudyLists))
    return NoteFacts(
        params=params,
        choice=choice,
        rows=[as_record(item) for item in summarise(read_leaderboard(table_file))],
        records=collect(
            root / "runs",
            study,
            partial=True,
            speed=ThroughputRecord.read_if_there(root / "measurements" / "throughput.json"),
        ),
        audit=_json(root / "data" / "audit" / "audit.json"),
        split=_json(root / "data" / "splits" / "split.json"),
        aggregate=_json(reports_dir / "aggregate.json"),
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise EvaluationError(f"{path} is not valid JSON ({error}); run `bakeoff compare` to write it anew.") from None
