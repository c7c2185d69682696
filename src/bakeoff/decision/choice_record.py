"""reports/choice.json: which candidate to deploy, why, how sure that is, who was refused; and metrics.json from it."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from bakeoff.core.errors import BakeoffError, EvaluationError
from bakeoff.core.section import LanguageCode, Section
from bakeoff.decision.pairs import PairGain
from bakeoff.decision.rules import EXCLUSIONS
from bakeoff.decision.summary import Summary
from bakeoff.records.base import Record
from bakeoff.records.study import PairLists

_BEST = (
    *("accuracy", "accuracy_low", "accuracy_high", "macro_f1", "balanced_accuracy", "log_loss", "ece"),
    *("latency_ms", "latency_p99_ms", "images_per_s", "size_mib", "train_time_s"),
)
_EACH = ("accuracy", "latency_ms", "images_per_s")
Row = dict[str, Any]
"""A line of a table that the reports show as it stands; `candidate` names whom it is about."""


def _names_one(row: Row) -> Row:
    if not isinstance(row.get("candidate"), str):
        raise ValueError("an answer names its candidate")
    return row


Answer = Annotated[Row, AfterValidator(_names_one)]


class StatedRule(Section):
    """What was asked for: a measure to maximise, and limits."""

    maximise: str
    subject_to: dict[str, Any]
    in_words: str


class Excluded(Section):
    """A candidate that is listed but not ranked, or whose times are not compared, and why."""

    candidate: str
    reason_code: str
    reason: str


class FailedTraining(Section):
    """A training without a result."""

    candidate: str
    seed: int
    problem: str


class Stability(Section):
    """How likely other test products of the same number would choose each candidate."""

    n_resamples: int
    shares: dict[str, float]
    winner_share: float | None
    sentence: str


class CorrectedValue(Section):
    """A winner's value as measured and as to be expected on new products, with the 95 % interval of that."""

    measured: float
    estimate: float
    low: float
    high: float


class Corrected(Section):
    """What to expect of a winner: its figures corrected for having been chosen by the products that gave them."""

    n_resamples: int
    """0 where nothing was to choose between: then every value is as measured."""
    accuracy: CorrectedValue
    macro_f1: CorrectedValue
    lead: CorrectedValue | None
    """Accuracy less the baseline's; None for the baseline itself, or without one."""
    sentence: str


class ChoiceInputs(Section):
    """What the choice was made from, keys included, so that every number can be traced."""

    runs_dir: str
    models: list[str]
    modes: list[str]
    text_models: list[str] = Field(default=[])
    text_variants: list[str] = Field(default=[])
    fuse: PairLists = Field(default=PairLists(first=[], second=[], methods=[]))
    seeds: list[int]
    choices: list[str] | None
    """The `-S` choices that compose params.yaml, None where it was edited by hand."""
    partial: bool
    device: str | None
    keys: dict[str, str]
    """Training to its key."""


class ChoiceRecord(Record):
    """reports/choice.json."""

    FORMAT: ClassVar[int] = 3
    STAGE: ClassVar[str] = "compare"
    ERROR: ClassVar[type[BakeoffError]] = EvaluationError

    language: LanguageCode
    rule: StatedRule
    limits: dict[str, Any]
    limits_in_words: str
    n_candidates: int
    n_failed: int
    n_random: int
    n_test: int
    compares_backbones: bool
    reason: str
    opening: str
    best: Answer | None
    best_reason: str
    best_commercial: Answer | None
    best_commercial_reason: str
    corrected: dict[str, Corrected]
    """By winner."""
    noise: Row | None
    comparisons: list[Row]
    indistinguishable: list[list[str]]
    groups_sentence: str
    stability: Stability
    scenarios: list[Row]
    apart: list[Excluded]
    eligible: list[Row]
    refused: list[Row]
    refused_commercially: list[Row]
    failed: list[FailedTraining]
    notes: list[str]
    seeds: dict[str, Row]
    matrix: Row
    references: list[Row]
    pairs: list[PairGain] = Field(default=[])
    """What each pair gains over its better side."""
    inputs: ChoiceInputs

    @property
    def exclusions(self) -> dict[str, list[str]]:
        """Who is listed but not ranked, and the codes of why."""
        found: dict[str, list[str]] = {}
        for row in self.apart:
            if row.reason_code in EXCLUSIONS:
                found.setdefault(row.candidate, []).append(row.reason_code)
        return found

    @property
    def answers(self) -> dict[str, Row]:
        """`best` and `best_commercial`, where there is one."""
        rows = {"best": self.best, "best_commercial": self.best_commercial}
        return {name: row for name, row in rows.items() if row}

    @property
    def winners(self) -> list[str]:
        """The candidates that are an answer."""
        return [row["candidate"] for row in self.answers.values()]


def flat_metrics(choice: ChoiceRecord, summaries: Sequence[Summary]) -> dict[str, Any]:
    """Return reports/metrics.json, flat for DVC: the answer's measures, how sure it is, counts, main measures of all.

    A measure that is unknown, or a choice that is none, is left out: DVC shows a gap for it. A candidate whose result
    says nothing about its backbone has `apart`, the reason's code, which `bakeoff aggregate` reads.
    """
    metrics: dict[str, Any] = {}
    best = next((item for item in summaries if choice.best and item.candidate == choice.best["candidate"]), None)
    if best is not None:
        metrics |= {"best": best.candidate} | _known(best, _BEST)
        if corrected := choice.corrected.get(best.candidate):
            value = corrected.accuracy
            ends = {"accuracy_corrected_low": value.low, "accuracy_corrected_high": value.high}
            metrics |= {"accuracy_corrected": value.estimate, **ends}
        if choice.stability.winner_share is not None:
            metrics["winner_share"] = choice.stability.winner_share
    if choice.best_commercial:
        metrics["best_commercial"] = choice.best_commercial["candidate"]
    metrics |= {"n_test": choice.n_test, "n_candidates": choice.n_candidates, "n_failed": choice.n_failed}
    apart = {name: {"apart": codes[0]} for name, codes in choice.exclusions.items()}
    return metrics | {item.candidate: _known(item, _EACH) | apart.get(item.candidate, {}) for item in summaries}


def _known(item: Summary, names: Sequence[str]) -> dict[str, float]:
    values = {name: float(getattr(item, name)) for name in names}
    return {name: value for name, value in values.items() if math.isfinite(value)}
