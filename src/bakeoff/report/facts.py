"""What one comparison found, read once: report page, model card, methodology note and console tell it."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from bakeoff.core.errors import EvaluationError
from bakeoff.core.section import load_top, read_yaml
from bakeoff.data.table import SPLITS
from bakeoff.decision.choice_record import ChoiceRecord
from bakeoff.decision.collect import Evaluated, Study, collect
from bakeoff.decision.deployed import deployed_seed
from bakeoff.decision.label_errors import Recounted
from bakeoff.decision.leaderboard import read_leaderboard
from bakeoff.decision.measures import MEASURES
from bakeoff.decision.params import Limits
from bakeoff.decision.rules import Rule
from bakeoff.decision.slices import COLUMNS
from bakeoff.decision.summary import Summary, summarise
from bakeoff.records.candidate import BASELINE
from bakeoff.records.catalogue import AuditRecord, SplitRecord
from bakeoff.records.examination import FILE, ExaminationRecord
from bakeoff.records.speed import NetworkSpeed, ThroughputRecord
from bakeoff.records.study import StudyLists


@dataclass(frozen=True)
class Facts:
    """Records and choice of one comparison; what lies in a file that is not there is empty."""

    done: Sequence[Evaluated]  # trainings with a result, in the study's order
    summaries: Sequence[Summary]  # A line per candidate with a result, in rank order
    choice: ChoiceRecord
    audit: AuditRecord | None = None  # what was read, accepted and rejected; None leaves the counts out
    params: Mapping[str, Any] = field(default_factory=dict)  # params.yaml
    aggregate: Mapping[str, Any] = field(default_factory=dict)
    split: SplitRecord | None = None  # how the products were divided; None leaves it out
    audit_dir: Path | None = None  # where the audit's figures/ lie; None leaves them out
    split_dir: Path | None = None  # likewise the split's
    examination_dir: Path | None = None  # where examination.json and its figures/ lie; None leaves them out
    recounted: Recounted | None = None  # the ranking without probable label errors in test; None where there are none
    slices: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(COLUMNS)))
    """Slices of the test products, every candidate in each."""

    def record(self, candidate: str) -> Evaluated | None:
        """Return the candidate's first training with a result."""
        return next(iter(self.first_records([candidate])), None)

    def first_records(self, candidates: Sequence[str]) -> list[Evaluated]:
        """Return each candidate's first training with a result, each once, in the given order."""
        firsts = {record.candidate.name: record for record in reversed(self.done)}
        return [firsts[name] for name in dict.fromkeys(candidates) if name in firsts]

    @cached_property
    def examination(self) -> ExaminationRecord | None:
        """What a frozen backbone's features say of the products."""
        return ExaminationRecord.read_current(self.examination_dir / FILE) if self.examination_dir else None

    @cached_property
    def leading(self) -> list[str]:
        """Best, best for commercial use and the baseline, each once; where none was chosen, the highest ranked."""
        present = [BASELINE] if any(item.candidate == BASELINE for item in self.summaries) else []
        return list(dict.fromkeys([*(self.choice.winners or [self.summaries[0].candidate]), *present]))

    @cached_property
    def leading_first(self) -> list[Evaluated]:
        """Each candidate's first training with a result, those of `leading` before the others in rank order."""
        return self.first_records([*self.leading, *(item.candidate for item in self.summaries)])

    @cached_property
    def rule(self) -> Rule:
        """The rule that chose, whatever params.yaml says now."""
        made = self.choice.rule
        return Rule(MEASURES[made.maximise], Limits(**made.subject_to))

    @cached_property
    def duplicates_kept(self) -> bool:
        """Whether one photo may lie in two splits; the generated catalogue, a fallback, groups them."""
        kept = self.params.get("dataset", {}).get("duplicates") == "keep"
        return kept and not self.dataset["fallback_reason"]

    @cached_property
    def device(self) -> str:
        """What the compared times were measured on, without its kind; empty where nothing was measured."""
        device = self.choice.inputs.device or ""
        return device.partition(": ")[2] or device

    @cached_property
    def dataset(self) -> dict[str, Any]:
        """The catalogue's name, licence and source, its labels, products per split and, audited, per class."""
        first = self.done[0]
        per_class = self.audit.per_class if self.audit else {}
        largest = max(per_class.values(), default=1)
        return {
            **first.training.dataset.model_dump(),
            "labels": first.training.labels,
            "splits": {name: first.metrics.n(name) for name in SPLITS},
            "classes": [{"label": label, "n": n, "share": n / largest} for label, n in per_class.items()],
        }

    @cached_property
    def backbones(self) -> list[Evaluated]:
        """Each backbone's first training with a result."""
        firsts = {record.candidate.model: record for record in reversed(self.done)}
        return [record for record in self.done if firsts[record.candidate.model] is record]

    @cached_property
    def commits(self) -> list[str]:
        """The commits that the trainings were made at."""
        return sorted({commit for one in self.done if (commit := one.cost.git_commit)})

    @cached_property
    def versions(self) -> dict[str, Mapping[str, str]]:
        """Framework to the versions of its packages."""
        return dict(sorted({one.training.framework: one.training.versions for one in self.done}.items()))

    @cached_property
    def speed(self) -> NetworkSpeed | None:
        """The first network's speed, None where nothing was measured."""
        return next((one.speed for one in self.done if one.speed), None)

    @cached_property
    def threads(self) -> int | None:
        """How many threads every time was measured with; None where they differ."""
        found = {one.speed.threads for one in self.done if one.speed}
        return found.pop() if len(found) == 1 else None

    @cached_property
    def schedules(self) -> list[dict[str, Any]]:
        """The distinct training schedules, each with the candidates that follow it."""
        found: dict[str, dict[str, Any]] = {}
        for record in self.done:
            if not (ran := record.training.training):
                continue  # fitted at once
            shown = {name: ran.get(name) for name in ("epochs", "learning_rate", "max_steps", "batch_size")}
            shown["loss"] = record.training.loss
            row = found.setdefault(json.dumps(shown, sort_keys=True), {**shown, "candidates": {}, "modes": {}})
            row["candidates"][record.candidate.name] = row["modes"][record.candidate.mode or BASELINE] = None
        return list(found.values())

    @cached_property
    def commands(self) -> list[str]:
        """Shell lines that make the study again: its commit if there is one, and the choices over conf/."""
        choices = self.choice.inputs.choices
        picked = "".join(f" -S {shlex.quote(choice)}" for choice in choices or ())
        return [
            *([f"git checkout {self.commits[0]}"] if len(self.commits) == 1 else []),
            "make setup",
            ".venv-torch/bin/bakeoff run" if choices is None else f".venv-torch/bin/dvc exp run{picked}",
            ".venv-torch/bin/bakeoff show   # prints this leaderboard",
        ]

    @cached_property
    def beside_the_best(self) -> list[str]:
        """Who cannot be told apart from the best."""
        best = self.choice.best["candidate"] if self.choice.best else None
        names = [name for group in self.choice.indistinguishable if best in group for name in group]
        return [name for name in dict.fromkeys(names) if name != best]

    @cached_property
    def own_aggregate(self) -> Mapping[str, Any] | None:
        """aggregate.json's study of this data set and profile."""
        names = {name: (self.params.get(name) or {}).get("name") for name in ("dataset", "repair")}
        wanted = {**names, "profile": self.params["profile"]}
        studies = self.aggregate.get("studies") or []
        return next((one for one in studies if wanted.items() <= ({"repair": "none"} | one).items()), None)

    @cached_property
    def leader_over_splits(self) -> Mapping[str, Any] | None:
        """The first in rank of the aggregate, None where nobody is ranked."""
        ranked = [row for row in (self.own_aggregate or {}).get("candidates", []) if row["mean_rank"] is not None]
        return ranked[0] if ranked else None

    @cached_property
    def deployed(self) -> Evaluated | None:
        """The winner's training that is deployed: the best of its seeds on validation."""
        best = self.choice.best
        if not best:
            return None
        of_seed = {record.candidate.seed: record for record in self.done if record.candidate.name == best["candidate"]}
        return of_seed[deployed_seed({seed: one.metrics.accuracy("validation") for seed, one in of_seed.items()})]


def read_facts(root: Path, reports_dir: Path) -> Facts:
    """Return what a finished study left; an EvaluationError where it is not compared or no candidate has a result."""
    choice, summaries = read_decision(reports_dir)
    params = read_yaml(root / "params.yaml")
    study = Study(load_top(root / "params.yaml", StudyLists))
    speed = ThroughputRecord.read_if_there(root / "measurements" / "throughput.json")
    return Facts(
        done=collect(root / "runs", study, partial=True, speed=speed).done,
        summaries=summaries,
        choice=choice,
        audit=AuditRecord.read_if_there(root / "data" / "audit" / "audit.json"),
        audit_dir=root / "data" / "audit",
        params=params,
        aggregate=_read_aggregate(reports_dir / "aggregate.json"),
        split=SplitRecord.read_current(root / "data" / "splits" / "split.json"),
    )


def read_decision(reports_dir: Path) -> tuple[ChoiceRecord, list[Summary]]:
    """Return choice.json, and leaderboard.csv by candidate; an EvaluationError where one is missing or outdated."""
    paths = reports_dir / "choice.json", reports_dir / "leaderboard.csv"
    for path in paths:
        if not path.is_file():
            raise EvaluationError(f"{path} is missing; run `bakeoff run`, or `bakeoff compare --partial`.")
    return ChoiceRecord.read(paths[0]), summarise(read_leaderboard(paths[1]))


def _read_aggregate(path: Path) -> dict[str, Any]:
    """Return aggregate.json, empty where it is not there."""
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise EvaluationError(f"{path} is not valid JSON ({error}); run `bakeoff aggregate`.") from None
