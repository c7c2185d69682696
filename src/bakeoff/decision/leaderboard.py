"""The table of all candidates: one row per training, ranked by test accuracy, then by latency."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bakeoff.decision.collect import Record, value_at
from bakeoff.decision.licences import commercial_use, is_pretrained, licence_text
from bakeoff.decision.measures import RECORDED
from bakeoff.decision.summary import summarise
from bakeoff.decision.timing import device_of, usual_device
from bakeoff.statistics.wilson import wilson_interval

COLUMNS = [
    *("rank", "candidate", "model", "mode", "seed"),
    *(measure.name for measure in RECORDED),
    *("weights", "pretrained", "licence", "commercial_use", "learned", "steps_run", "device", "status", "key"),
    *("time_comparable", "n_test", "accuracy_low", "accuracy_high", "macro_f1_low", "macro_f1_high", "n_latency"),
    *("noisy", "problem"),
]
_TEXTS = ("candidate", "model", "mode", "weights", "licence", "device", "status", "key", "problem")
_FLAGS = ("pretrained", "commercial_use", "learned", "time_comparable", "noisy")


def build_leaderboard(records: Sequence[Record]) -> pd.DataFrame:
    """Return the leaderboard: COLUMNS, one row per training, ranked ones first, failed ones last without a rank.

    With several seeds a candidate's rows share the rank that its means earn.
    """
    device = usual_device(records)
    rows = [_row(record, device) if record.ok else _failed_row(record) for record in records]
    table = pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(_FLAGS, object))
    order = {item.candidate: rank for rank, item in enumerate(summarise(table), start=1)}
    done = table["status"] == "ok"
    numbers = [name for name in COLUMNS if name not in {*_FLAGS, *_TEXTS}]
    table[numbers] = table[numbers].apply(pd.to_numeric)
    table["rank"] = pd.Series([order.get(name) for name in table["candidate"]], dtype="Int64").where(done)
    table["seed"] = table["seed"].astype(int)
    return table.sort_values(["rank", "seed"], kind="stable", na_position="last", ignore_index=True)


def write_leaderboard(table: pd.DataFrame, path: Path) -> None:
    """Write leaderboard.csv."""
    table.to_csv(path, index=False)


def read_leaderboard(path: Path) -> pd.DataFrame:
    """Return a written leaderboard with its types: yes/no columns hold True, False or None."""
    table = pd.read_csv(path, dtype={"rank": "Int64", "seed": int}).astype(dict.fromkeys(_FLAGS, object))
    words = {"True": True, "False": False}
    for column in _FLAGS:
        table[column] = pd.Series([words.get(str(value)) for value in table[column]], dtype=object)
    return table


def _row(record: Record, device: str | None) -> dict[str, Any]:
    low, high = wilson_interval(float(value_at(record.metrics, "splits.test.accuracy")), record.n_test)
    row = _failed_row(record) | {
        "mode": record.training.get("mode", record.candidate.mode),
        "weights": record.training["weights"]["source"],
        "pretrained": is_pretrained(record.training),
        "licence": licence_text(record.training),
        "commercial_use": commercial_use(record.training),
        "learned": bool(record.training["learned"]),
        "device": device_of(record),
        "status": "ok",
        "key": record.training.get("key"),
        "time_comparable": bool(record.throughput) and device_of(record) == device,
        "n_test": record.n_test,
        "n_latency": record.throughput.get("n_latency"),
        "steps_run": record.training["steps_run"],
        "accuracy_low": low,
        "accuracy_high": high,
        "macro_f1_low": value_at(record.metrics, "intervals.test.macro_f1.low"),
        "macro_f1_high": value_at(record.metrics, "intervals.test.macro_f1.high"),
        "noisy": bool(record.throughput.get("noisy")),
    }
    return row | {one.name: value_at(getattr(record, str(one.part)), one.path) for one in RECORDED}


def _failed_row(record: Record) -> dict[str, Any]:
    one = record.candidate
    known = {"candidate": one.name, "model": one.model, "mode": one.mode, "seed": one.seed}
    return dict.fromkeys(COLUMNS) | known | {"status": "failed", "problem": record.problem}
