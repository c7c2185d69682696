"""Reads what every candidate left under runs/; a missing record is an error, or a failed row by request."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from bakeoff.core.errors import EvaluationError
from bakeoff.decision.outcomes import TestOutcomes, read_test_outcomes
from bakeoff.records import evaluation
from bakeoff.records.candidate import Candidate
from bakeoff.records.interpretation import ROBUSTNESS_FILE, RobustnessRecord
from bakeoff.records.speed import NetworkSpeed, ThroughputRecord
from bakeoff.records.study import StudyLists
from bakeoff.records.training import CostRecord, TrainingRecord

PREDICTIONS = "training/predictions.parquet"
_SAME_ACCURACY = 1e-6


class Study(NamedTuple):
    """Which candidates there should be, by name and never by globbing."""

    lists: StudyLists
    unfinished: frozenset[str] = frozenset()
    """Candidates one of whose stages failed in this run: what runs/ still holds of them is older and does not count."""
    choices: Sequence[str] | None = ()
    """What `-S` takes to compose its params.yaml from conf/; None where no choices do."""


@dataclass(frozen=True)
class Evaluated:
    """One training of the study that has a result."""

    candidate: Candidate
    folder: Path
    training: TrainingRecord
    cost: CostRecord
    metrics: evaluation.MetricsRecord
    calibration: evaluation.CalibrationRecord
    speed: NetworkSpeed | None
    """Its network's; None where that was not measured."""
    robustness: RobustnessRecord | None
    """None where that was not measured, or of another training."""
    test: TestOutcomes = field(compare=False, repr=False)
    """What it says of each test product."""

    @property
    def n_test(self) -> int:
        """Number of test products behind the accuracy."""
        return self.metrics.n("test")

    @property
    def test_identity(self) -> tuple[Any, ...]:
        """What tells test products apart: accuracies on other products do not compare."""
        return self.n_test, self.training.dataset.digest, self.training.splits, self.test.identity

    @cached_property
    def confusions(self) -> evaluation.ConfusionsRecord:
        """Which classes it mixes up; the reports alone read it."""
        return evaluation.ConfusionsRecord.read(self.folder / "evaluation" / evaluation.CONFUSIONS)


class Failed(NamedTuple):
    """One training of the study that has none, and why."""

    candidate: Candidate
    folder: Path
    problem: str


class Collected(NamedTuple):
    """The study's trainings with a result and those without, both in the study's order."""

    done: list[Evaluated]
    failed: list[Failed]


def collect(runs_dir: Path, study: Study, *, partial: bool = False, speed: ThroughputRecord | None = None) -> Collected:
    """Return what each training of the study left.

    `partial` lists a missing or broken candidate as failed; without `speed` nothing was measured.

    Raises:
        EvaluationError: without `partial`, a record is missing, broken or of another test split; with it, none is left.
    """
    read = [_read(candidate, runs_dir, study, speed) for candidate in study.lists.candidates()]
    tests = Counter(one.test_identity for one in read if isinstance(one, Evaluated)).most_common(1)
    done = [one for one in read if isinstance(one, Evaluated) and one.test_identity == tests[0][0]]
    failed = [
        one if isinstance(one, Failed) else Failed(one.candidate, one.folder, _other_test(one, done[0]))
        for one in read
        if one not in done
    ]
    if failed and (not partial or not done):
        raise EvaluationError(_stop_sentence(failed, len(read), partial=partial))
    return Collected(done, failed)


def value_at(record: Any, dotted: str) -> Any:
    """Return a nested value, `metrics.splits.test.n`, or None where the record has none."""
    value = record
    for key in dotted.split("."):
        value = value.get(key) if isinstance(value, Mapping) else getattr(value, key, None)
    return value


def _stop_sentence(failed: list[Failed], n_all: int, *, partial: bool) -> str:
    first = failed[0]
    others = [record.candidate.title for record in failed[1:]]
    more = f" The same goes for {', '.join(others)}." if others else ""
    sentence = f"candidate {first.candidate.title} has no usable result: {first.problem}.{more}"
    if partial:
        return f"nothing to compare, all {n_all} candidates failed: {sentence} Run `dvc repro` to train them."
    advice = "Run `dvc repro` to finish the study, or compare what exists with `bakeoff compare --partial`."
    return f"{sentence} {advice}"


def _read(candidate: Candidate, runs_dir: Path, study: Study, speed: ThroughputRecord | None) -> Evaluated | Failed:
    folder = candidate.folder(runs_dir)
    if candidate.name in study.unfinished:
        return Failed(candidate, folder, "one of its stages failed; what runs/ holds of it is older")
    try:
        return _read_records(candidate, folder, speed)
    except EvaluationError as error:
        return Failed(candidate, folder, str(error).rstrip("."))


def _read_records(candidate: Candidate, folder: Path, speed: ThroughputRecord | None) -> Evaluated:
    training = TrainingRecord.read(folder / "training" / "training.json")
    metrics = evaluation.MetricsRecord.read(folder / "evaluation" / evaluation.METRICS)
    if metrics.training_key != training.key:
        raise EvaluationError(
            f"{folder / 'evaluation' / evaluation.METRICS} belongs to another training "
            f"({metrics.training_key}, not {training.key})"
        )
    robustness = RobustnessRecord.read_current(folder / "interpretation" / ROBUSTNESS_FILE)
    found = Evaluated(
        candidate,
        folder,
        training,
        CostRecord.read(folder / "training" / "cost.json"),
        metrics,
        evaluation.CalibrationRecord.read(folder / "evaluation" / evaluation.CALIBRATION),
        speed.of(candidate) if speed else None,
        robustness if robustness and robustness.training_key == training.key else None,
        read_test_outcomes(folder / PREDICTIONS),
    )
    if abs(found.test.accuracy - metrics.accuracy("test")) > _SAME_ACCURACY:
        raise EvaluationError(
            f"{folder / 'evaluation'} holds metrics of other predictions than {folder / PREDICTIONS}; evaluate it again"
        )
    return found


def _other_test(record: Evaluated, usual: Evaluated) -> str:
    """Return how a record's test differs from the usual one."""
    path = record.folder / PREDICTIONS
    if record.test.labels != usual.test.labels:
        return (
            f"{path} has other labels ({len(record.test.labels)}: {', '.join(record.test.labels[:5])}, …) than "
            f"the other candidates ({len(usual.test.labels)}: {', '.join(usual.test.labels[:5])}, …); "
            "train it on this catalogue"
        )
    missing = sorted(set(usual.test.product_ids) - set(record.test.product_ids))
    if record.test.product_ids == usual.test.product_ids and record.test.identity != usual.test.identity:
        return f"{path} has other true classes for the same test products than the other candidates; evaluate it again"
    told = f"; it lacks {', '.join(missing[:3])}{', …' if len(missing) > 3 else ''}" if missing else ""
    return (
        f"{record.folder / 'evaluation' / evaluation.METRICS} is from another data set or split "
        f"({record.n_test} test products, the other candidates {usual.n_test}{told})"
    )
