"""The table of all candidates: one row per training, ranked by test accuracy, then by latency."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bakeoff.decision.collect import Record, value_at
from bakeoff.decision.licences import commercial_use, is_pretrained, licence_text
from bakeoff.decision.summary import summarise
from bakeoff.statistics.wilson import wilson_interval

COLUMNS = [
    *("rank", "candidate", "model", "mode", "seed", "accuracy", "macro_f1", "weighted_f1", "log_loss"),
    *("latency_ms", "images_per_s", "ms_per_image", "n_parameters", "size_mib", "train_time_s", "peak_memory_mib"),
    *("weights", "pretrained", "licence", "commercial_use", "learned", "device", "status", "key"),
    *("time_comparable", "n_test", "accuracy_low", "accuracy_high", "problem"),
]
_TEST_MEASURES = ("accuracy", "macro_f1", "weighted_f1", "log_loss")
_TRAINING_MEASURES = ("n_parameters", "size_mib", "train_time_s", "peak_memory_mib")
_FLAGS = ("pretrained", "commercial_use", "learned", "time_comparable")


def build_leaderboard(records: Sequence[Record]) -> pd.DataFrame:
    """Return the leaderboard: COLUMNS, one row per training, ranked ones first, failed ones last without a rank.

    With several seeds a candidate's rows share the rank that its means earn.
    """
    device = usual_device(records)
    rows = [_row(record, device) if record.ok else _failed_row(record) for record in records]
    table = pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(_FLAGS, object))
    order = {item.candidate: rank for rank, item in enumerate(summarise(table), start=1)}
    done = table["status"] == "ok"
    table["rank"] = pd.Series([order.get(name) for name in table["candidate"]], dtype="Int64").where(done)
    table["seed"] = table["seed"].astype(int)
    return table.sort_values(["rank", "seed"], kind="stable", na_position="last", ignore_index=True)


def usual_device(records: Sequence[Record]) -> str | None:
    """Return the device that most records were timed on; a tie goes to the first in the study's order."""
    counts = Counter(device_of(record) for record in records if record.ok)
    return counts.most_common(1)[0][0] if counts else None


def device_of(record: Record) -> str:
    """Return `cpu: AMD EPYC`, what a time was measured on."""
    device = str(record.throughput["device"]).lower().removesuffix(":0")
    name = record.throughput.get("device_name")
    return f"{device}: {name}" if name and str(name).lower() != device else device


def timing_notes(records: Sequence[Record]) -> list[str]:
    """Return what must be said about the times: which were measured elsewhere, or with other threads."""
    device = usual_device(records)
    done = [record for record in records if record.ok]
    notes = []
    others = sorted({record.slot.candidate for record in done if device_of(record) != device})
    if others:
        notes.append(
            f"Times are compared on {device} only; those of {', '.join(others)} come from another device "
            "and are listed, not compared."
        )
    threads = sorted({str(record.throughput.get("threads")) for record in done if device_of(record) == device})
    if len(threads) > 1:
        notes.append(
            f"Times were measured with different numbers of threads ({', '.join(threads)}): compare with care."
        )
    return notes


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
    test = record.metrics["splits"]["test"]
    images_per_s = float(record.throughput["images_per_s"])
    low, high = wilson_interval(float(test["accuracy"]), record.n_test)
    row = _failed_row(record) | {
        "mode": record.training.get("mode", record.slot.mode),
        "latency_ms": float(record.throughput["latency_ms_p50"]),
        "images_per_s": images_per_s,
        "ms_per_image": record.throughput.get("ms_per_image", 1000 / images_per_s if images_per_s else None),
        "weights": record.training["weights"]["source"],
        "pretrained": is_pretrained(record.training),
        "licence": licence_text(record.training),
        "commercial_use": commercial_use(record.training),
        "learned": bool(record.training["learned"]),
        "device": device_of(record),
        "status": "ok",
        "key": record.training.get("key"),
        "time_comparable": device_of(record) == device,
        "n_test": record.n_test,
        "accuracy_low": low,
        "accuracy_high": high,
    }
    row |= {name: test.get(name) for name in _TEST_MEASURES}
    return row | {name: value_at(record.training, name) for name in _TRAINING_MEASURES}


def _failed_row(record: Record) -> dict[str, Any]:
    slot = record.slot
    known = {"candidate": slot.candidate, "model": slot.model, "mode": slot.mode, "seed": slot.seed}
    return dict.fromkeys(COLUMNS) | known | {"status": "failed", "problem": record.problem}
