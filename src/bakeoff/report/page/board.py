"""The leaderboard's columns in groups, and a row per candidate with the values that its records hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from bakeoff.decision.collect import Record, value_at
from bakeoff.decision.summary import Summary
from bakeoff.report.page.wording import is_known

Group = Literal["base", "quality", "speed", "cost"]


@dataclass(frozen=True)
class Column:
    """One column: where its value lies in a candidate's records, and how it is written and sorted."""

    key: str
    group: Group
    part: Literal["metrics", "throughput", "training"]
    path: str
    digits: int = 3
    first: Literal["ascending", "descending"] = "descending"
    factor: float = 1.0
    unit: str = ""

    @property
    def is_time(self) -> bool:
        """Whether the value depends on the machine that it was measured on."""
        return self.part == "throughput" and self.key not in ("gmacs", "predict_memory")


def _test(name: str, digits: int = 3, *, key: str | None = None, group: Group = "quality", **more: Any) -> Column:
    return Column(key or name, group, "metrics", f"splits.test.{name}", digits, **more)


COLUMNS = (
    _test("macro_f1", group="base"),
    _test("log_loss", group="base", first="ascending"),
    Column("latency", "base", "throughput", "latency_ms_p50", 1, "ascending"),
    Column("images_per_s", "base", "throughput", "images_per_s", 1),
    Column("size", "base", "training", "size_mib", 0, "ascending"),
    _test("balanced_accuracy"),
    _test("weighted_f1"),
    _test("top_3_accuracy"),
    _test("top_5_accuracy"),
    _test("matthews"),
    _test("cohen_kappa"),
    _test("roc_auc"),
    _test("pr_auc"),
    _test("brier", first="ascending"),
    _test("ece", first="ascending"),
    Column("latency_p90", "speed", "throughput", "latency_ms_p90", 1, "ascending"),
    Column("latency_p99", "speed", "throughput", "latency_ms_p99", 1, "ascending"),
    Column("images_per_cpu_s", "speed", "throughput", "images_per_cpu_s", 1),
    Column("end_to_end", "speed", "throughput", "end_to_end.images_per_s", 1),
    Column("parameters", "cost", "training", "n_parameters", 1, "ascending", 1e-6),
    Column("gmacs", "cost", "throughput", "gmacs", 2, "ascending"),
    Column("predict_memory", "cost", "throughput", "predict_memory_mib", 0, "ascending"),
    Column("train_time", "cost", "training", "train_time_s", 0, "ascending"),
    Column("train_memory", "cost", "training", "train_memory_mib", 0, "ascending"),
)


_REFERENCE: dict[str, Any] = dict.fromkeys(("name", "model", "measure", "value", "split", "source_url"))


def board(records: Sequence[Record], summaries: Sequence[Summary], choice: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that any candidate fills, their groups, and the rows in rank order."""
    by_name: dict[str, list[Record]] = {}
    for record in records:
        if record.ok:
            by_name.setdefault(record.candidate.name, []).append(record)
    values = {item.candidate: _values(by_name[item.candidate]) for item in summaries}
    shown = [column for column in COLUMNS if any(is_known(row[column.key]) for row in values.values())]
    chosen = {row["candidate"] for key in ("best", "best_commercial") if (row := choice.get(key))}
    return {
        "columns": shown,
        "groups": [name for name in ("quality", "speed", "cost") if any(column.group == name for column in shown)],
        "rows": [
            {"item": item, "rank": rank, "chosen": item.candidate in chosen, "cells": values[item.candidate]}
            for rank, item in enumerate(summaries, start=1)
        ],
        "references": [{**_REFERENCE, **row} for row in choice.get("references") or ()],
        "scale_pct": interval_scale(summaries),
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
