"""The leaderboard's columns in groups, and a row per candidate with the values that its records hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from bakeoff.core.translation import N_, Translator
from bakeoff.decision.collect import Record, value_at
from bakeoff.decision.summary import Summary
from bakeoff.report.facts import Facts
from bakeoff.report.render import is_known

Group = Literal["base", "quality", "speed", "cost"]


@dataclass(frozen=True)
class Column:
    """One column: what it is called, where its value lies in a candidate's records, how it is written and sorted."""

    key: str
    title: str
    hint: str
    group: Group
    part: Literal["metrics", "throughput", "training"]
    path: str
    digits: int = 3
    first: Literal["ascending", "descending"] = "descending"
    factor: float = 1.0

    @property
    def is_time(self) -> bool:
        """Whether the value depends on the machine that it was measured on."""
        return self.part == "throughput" and self.key not in ("gmacs", "predict_memory")


COLUMNS = (
    Column(
        "macro_f1",
        N_("macro F1"),
        N_("mean of the classes’ F1: small classes count as much as large ones"),
        "base",
        "metrics",
        "splits.test.macro_f1",
    ),
    Column(
        "log_loss",
        N_("log loss"),
        N_("how confidently wrong the probabilities are; lower is better"),
        "base",
        "metrics",
        "splits.test.log_loss",
        first="ascending",
    ),
    Column(
        "latency",
        N_("ms/photo"),
        N_("median time for one photo alone, model only"),
        "base",
        "throughput",
        "latency_ms_p50",
        1,
        "ascending",
    ),
    Column(
        "images_per_s",
        N_("images/s"),
        N_("at the best batch size, model only"),
        "base",
        "throughput",
        "images_per_s",
        1,
    ),
    Column(
        "size",
        N_("MiB"),
        N_("parameters and buffers of backbone and head as float32"),
        "base",
        "training",
        "size_mib",
        0,
        "ascending",
    ),
    Column(
        "balanced_accuracy",
        N_("balanced acc."),
        N_("mean recall of the classes"),
        "quality",
        "metrics",
        "splits.test.balanced_accuracy",
    ),
    Column(
        "weighted_f1",
        N_("weighted F1"),
        N_("F1 weighted by the classes’ numbers of photos"),
        "quality",
        "metrics",
        "splits.test.weighted_f1",
    ),
    Column(
        "top_3_accuracy",
        N_("top 3"),
        N_("the true class is among the first three"),
        "quality",
        "metrics",
        "splits.test.top_3_accuracy",
    ),
    Column(
        "top_5_accuracy",
        N_("top 5"),
        N_("the true class is among the first five"),
        "quality",
        "metrics",
        "splits.test.top_5_accuracy",
    ),
    Column(
        "matthews",
        N_("Matthews"),
        N_("Matthews correlation, 1 is perfect and 0 is chance"),
        "quality",
        "metrics",
        "splits.test.matthews",
    ),
    Column(
        "cohen_kappa",
        N_("kappa"),
        N_("Cohen’s kappa, agreement beyond chance"),
        "quality",
        "metrics",
        "splits.test.cohen_kappa",
    ),
    Column(
        "roc_auc",
        N_("ROC AUC"),
        N_("area under the ROC curve, mean of one class against the rest"),
        "quality",
        "metrics",
        "splits.test.roc_auc",
    ),
    Column(
        "pr_auc",
        N_("PR AUC"),
        N_("mean average precision of one class against the rest"),
        "quality",
        "metrics",
        "splits.test.pr_auc",
    ),
    Column(
        "brier",
        N_("Brier"),
        N_("squared error of the probabilities, 0 to 2"),
        "quality",
        "metrics",
        "splits.test.brier",
        first="ascending",
    ),
    Column(
        "ece",
        N_("ECE"),
        N_("expected calibration error, before temperature scaling"),
        "quality",
        "metrics",
        "splits.test.ece",
        first="ascending",
    ),
    Column(
        "latency_p90",
        N_("p90 ms"),
        N_("nine photos out of ten are faster"),
        "speed",
        "throughput",
        "latency_ms_p90",
        1,
        "ascending",
    ),
    Column(
        "latency_p99",
        N_("p99 ms"),
        N_("99 photos out of 100 are faster"),
        "speed",
        "throughput",
        "latency_ms_p99",
        1,
        "ascending",
    ),
    Column(
        "images_per_cpu_s",
        N_("images/CPU-s"),
        N_("per second of one core’s work"),
        "speed",
        "throughput",
        "images_per_cpu_s",
        1,
    ),
    Column(
        "end_to_end",
        N_("end-to-end images/s"),
        N_("including reading, decoding and preparing"),
        "speed",
        "throughput",
        "end_to_end.images_per_s",
        1,
    ),
    Column(
        "parameters",
        N_("M par."),
        N_("millions of parameters"),
        "cost",
        "training",
        "n_parameters",
        1,
        "ascending",
        1e-6,
    ),
    Column(
        "gmacs",
        N_("GMACs"),
        N_("billions of multiply-adds for one photo"),
        "cost",
        "throughput",
        "gmacs",
        2,
        "ascending",
    ),
    Column(
        "predict_memory",
        N_("peak MiB"),
        N_("peak memory while predicting"),
        "cost",
        "throughput",
        "peak_memory_mib",
        0,
        "ascending",
    ),
    Column("train_time", N_("train s"), N_("training time"), "cost", "training", "train_time_s", 0, "ascending"),
    Column(
        "train_memory",
        N_("train MiB"),
        N_("peak memory while training"),
        "cost",
        "training",
        "peak_memory_mib",
        0,
        "ascending",
    ),
)
_GROUPS = {"quality": N_("Quality"), "speed": N_("Speed"), "cost": N_("Cost")}


def board(facts: Facts, t: Translator) -> dict[str, Any]:
    """Return the columns that any candidate fills, their groups, and the rows in rank order."""
    by_name: dict[str, list[Record]] = {}
    for record in facts.done:
        by_name.setdefault(record.slot.candidate, []).append(record)
    values = {item.candidate: _values(by_name[item.candidate]) for item in facts.summaries}
    shown = [column for column in COLUMNS if any(is_known(row[column.key]) for row in values.values())]
    chosen = {row["candidate"] for key in ("best", "best_commercial") if (row := facts.choice[key])}
    used = {column.group for column in shown}
    return {
        "columns": shown,
        "groups": {name: t.gettext(title) for name, title in _GROUPS.items() if name in used},
        "rows": [
            {"item": item, "rank": rank, "chosen": item.candidate in chosen, "cells": values[item.candidate]}
            for rank, item in enumerate(facts.summaries, start=1)
        ],
        "scale_pct": interval_scale(facts.summaries),
    }


def _values(records: Sequence[Record]) -> dict[str, float | None]:
    """Return each column's mean over the candidate's seeds, None where a seed lacks it."""
    found = {}
    for column in COLUMNS:
        each = [value_at(getattr(record, column.part), column.path) for record in records]
        known = all(is_known(value) for value in each)
        found[column.key] = column.factor * fmean(each) if known else None
    return found


def interval_scale(summaries: Sequence[Summary]) -> Any:
    """Return where an accuracy lies between the lowest and the highest interval end, in percent."""
    low = min(item.accuracy_low for item in summaries)
    span = max(item.accuracy_high for item in summaries) - low or 1.0
    return lambda accuracy: round(100 * (accuracy - low) / span, 1)
