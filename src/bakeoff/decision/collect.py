"""Reads what every candidate left under runs/; a missing record is an error, or a failed row by request."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bakeoff.core.errors import EvaluationError
from bakeoff.decision.outcomes import TestOutcomes, read_test_outcomes
from bakeoff.decision.study import Study
from bakeoff.records.candidate import Candidate
from bakeoff.records.speed import ThroughputRecord
from bakeoff.records.training import CostRecord, TrainingRecord

METRICS = "evaluation/metrics.json"
PREDICTIONS = "training/predictions.parquet"
_REQUIRED = ("splits.test.n", "splits.test.accuracy")
_SAME_ACCURACY = 1e-6
_OLDER = "one of its stages failed; what runs/ holds of it is older"


@dataclass(frozen=True)
class Record:
    """What one training of the study left; everything read is empty where `problem` says why."""

    candidate: Candidate
    folder: Path
    training: Mapping[str, Any]
    """training.json and cost.json together."""
    metrics: Mapping[str, Any]
    throughput: Mapping[str, Any]
    """Its network's record of measurements/throughput.json; empty where the network was not measured."""
    problem: str | None = None
    calibration: Mapping[str, Any] = field(default_factory=dict)
    """calibration.json, empty where there is none."""
    test: TestOutcomes | None = field(default=None, compare=False, repr=False)
    """What it says of each test product; None where `problem` says why."""

    @property
    def ok(self) -> bool:
        """Whether its records are there and complete."""
        return self.problem is None

    @property
    def n_test(self) -> int:
        """Number of test products behind the accuracy."""
        return int(self.metrics["splits"]["test"]["n"])


def collect(
    runs_dir: Path, study: Study, *, partial: bool = False, speed: ThroughputRecord | None = None
) -> list[Record]:
    """Return one record per training of the study, in the study's order.

    Args:
        runs_dir: folder with <candidate>/seed_<seed>/.
        study: which candidates there should be.
        partial: list a missing or broken candidate as failed instead of stopping.
        speed: of every network; None where nothing was measured.

    Raises:
        EvaluationError: without `partial`, a record is missing, broken or of another test split; with it, none is left.
    """
    records = [
        Record(
            candidate,
            candidate.folder(runs_dir),
            {},
            {},
            {},
            "one of its stages failed; what runs/ holds of it is older",
        )
        if candidate.name in study.unfinished
        else _read_record(candidate, runs_dir, speed)
        for candidate in study.candidates()
    ]
    records = _refuse_other_tests(records)
    failed = [record for record in records if not record.ok]
    if failed and (not partial or len(failed) == len(records)):
        raise EvaluationError(_stop_sentence(failed, len(records), partial=partial))
    return records


def value_at(record: Mapping[str, Any], dotted: str) -> Any:
    """Return a nested value, `splits.test.n`, or None where the record has none."""
    value: Any = record
    for key in dotted.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def _stop_sentence(failed: list[Record], n_all: int, *, partial: bool) -> str:
    first = failed[0]
    others = [record.candidate.title for record in failed[1:]]
    more = f" So do {len(others)} more: {', '.join(others)}." if others else ""
    sentence = f"candidate {first.candidate.title} has no usable result: {first.problem}.{more}"
    if partial:
        return f"nothing to compare, all {n_all} candidates failed: {sentence} Run `dvc repro` to train them."
    advice = "Run `dvc repro` to finish the study, or compare what exists with `bakeoff compare --partial`."
    return f"{sentence} {advice}"


def _read_record(candidate: Candidate, runs_dir: Path, speed: ThroughputRecord | None) -> Record:
    folder = candidate.folder(runs_dir)
    try:
        training = TrainingRecord.read(folder / "training" / "training.json")
        cost = CostRecord.read(folder / "training" / "cost.json")
    except EvaluationError as error:
        return Record(candidate, folder, {}, {}, {}, str(error).rstrip("."))
    metrics, problem = _read_json(folder / METRICS)
    problem = problem or _missing_value(metrics, folder / METRICS)
    judged = metrics.get("training_key", training.key)
    if not problem and judged != training.key:
        problem = f"{folder / METRICS} belongs to another training ({judged}, not {training.key})"
    if problem:
        return Record(candidate, folder, {}, {}, {}, problem)
    known = cost.model_dump(mode="json") | training.model_dump(mode="json")
    timed = (speed.of(training.model) if speed else None) or {}
    return _with_outcomes(Record(candidate, folder, known, metrics, timed))


def _with_outcomes(record: Record) -> Record:
    """Add predictions and calibration, or the problem of the predictions."""
    folder = record.folder / "evaluation"
    try:
        test = read_test_outcomes(record.folder / PREDICTIONS)
    except EvaluationError as error:
        return replace(record, problem=str(error).rstrip("."))
    if abs(test.accuracy - float(record.metrics["splits"]["test"]["accuracy"])) > _SAME_ACCURACY:
        problem = f"{folder} holds metrics of other predictions than {record.folder / PREDICTIONS}; evaluate it again"
        return replace(record, problem=problem)
    calibration = folder / "calibration.json"
    values, problem = _read_json(calibration) if calibration.is_file() else ({}, None)
    return replace(record, test=test, calibration=values, problem=problem)


def _read_json(path: Path) -> tuple[dict[str, Any], str | None]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, f"{path} is missing"
    except ValueError as error:
        return {}, f"{path} is not valid JSON ({error})"
    if not isinstance(values, dict):
        return {}, f"{path} must hold an object, got {type(values).__name__}"
    return values, None


def _missing_value(metrics: Mapping[str, Any], path: Path) -> str | None:
    for key in _REQUIRED:
        value = value_at(metrics, key)
        if value is None:
            return f"{path} lacks {key}"
        if not (isinstance(value, int | float) and math.isfinite(value)):
            return f"{path}: {key} must be a finite number, got {value!r}"
    return None


def _refuse_other_tests(records: list[Record]) -> list[Record]:
    """Mark records whose test products differ from most others': accuracies on other products do not compare."""
    tests = Counter(_test_identity(record) for record in records if record.ok)
    if len(tests) < 2:
        return records
    usual = tests.most_common(1)[0][0]
    example = next(record for record in records if record.ok and _test_identity(record) == usual)
    return [
        replace(record, problem=_other_test(record, example))
        if record.ok and _test_identity(record) != usual
        else record
        for record in records
    ]


def _test_identity(record: Record) -> tuple[Any, ...]:
    digest = value_at(record.training, "dataset.digest"), value_at(record.training, "splits")
    return (record.n_test, *digest, record.test.identity if record.test else None)


def _other_test(record: Record, usual: Record) -> str:
    """Return how a record's test differs from the usual one."""
    assert record.test is not None
    assert usual.test is not None
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
        f"{record.folder / METRICS} is from another data set or split "
        f"({record.n_test} test products, the other candidates {usual.n_test}{told})"
    )
