"""The table of all candidates: one row per training, ranked by test accuracy, then by latency; times of one device."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bakeoff.decision.collect import Collected, Evaluated, value_at
from bakeoff.decision.measures import RECORDED
from bakeoff.decision.summary import summarise
from bakeoff.records.candidate import Candidate
from bakeoff.statistics.interval import wilson_interval

COLUMNS = [
    *("rank", "candidate", "model", "mode", "seed"),
    *(measure.name for measure in RECORDED),
    *("weights", "pretrained", "licence", "commercial_use", "learned", "steps_run", "device", "status", "key"),
    *("time_comparable", "n_test", "n_effective", "accuracy_low", "accuracy_high", "macro_f1_low", "macro_f1_high"),
    *("n_latency", "repair", "noisy", "still_improving", "problem"),
]
_OF_TRAINING = ("mode", "learned", "still_improving", "steps_run", "key", "licence", "commercial_use")
_TEXTS = ("candidate", "model", "mode", "weights", "licence", "repair", "device", "status", "key", "problem")
_FLAGS = ("pretrained", "commercial_use", "learned", "time_comparable", "noisy", "still_improving")


def build_leaderboard(found: Collected) -> pd.DataFrame:
    """Return COLUMNS, one row per training: by the rank of its candidate's means, failed ones last without one."""
    device = usual_device(found.done)
    rows = [_row(one, device) for one in found.done]
    rows += [_empty_row(one.candidate) | {"status": "failed", "problem": one.problem} for one in found.failed]
    table = pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(_FLAGS, object))
    numbers = [name for name in COLUMNS if name not in {*_FLAGS, *_TEXTS}]
    table[numbers] = table[numbers].apply(pd.to_numeric)
    order = {item.candidate: rank for rank, item in enumerate(summarise(table), start=1)}
    ranks = pd.Series([order.get(name) for name in table["candidate"]], dtype="Int64")
    table["rank"] = ranks.where(table["status"] == "ok")
    table["seed"] = table["seed"].astype(int)
    return table.sort_values(["rank", "seed"], kind="stable", na_position="last", ignore_index=True)


def read_leaderboard(path: Path) -> pd.DataFrame:
    """Return a written leaderboard with its types: yes/no columns hold True, False or None."""
    flags = dict.fromkeys(_FLAGS, lambda text: {"true": True, "false": False}.get(text.lower()))  # spreadsheets shout
    table = pd.read_csv(path, dtype={"rank": "Int64", "seed": int, "key": str}, converters=flags)
    table[[one.name for one in RECORDED if one.name not in table]] = math.nan  # measures newer than the file
    return table.astype({name: object for name in _FLAGS if name in table})  # an older file may lack some


def _row(one: Evaluated, device: str | None) -> dict[str, Any]:
    low, high = wilson_interval(one.metrics.accuracy("test"), one.metrics.n_effective)
    macro_f1 = one.metrics.intervals["test"].get("macro_f1")
    row = _empty_row(one.candidate) | {
        **{name: getattr(one.training, name) for name in _OF_TRAINING},
        "weights": one.training.weights.source,
        "pretrained": None if one.training.weights.source == "none" else one.training.weights.pretrained,
        "repair": one.training.dataset.repair_name,
        "device": _device_of(one),
        "status": "ok",
        "time_comparable": one.speed is not None and _device_of(one) == device,
        "n_test": one.n_test,
        "n_effective": one.metrics.n_effective,
        "n_latency": one.speed and one.speed.n_latency,
        "accuracy_low": low,
        "accuracy_high": high,
        "macro_f1_low": macro_f1 and macro_f1.low,
        "macro_f1_high": macro_f1 and macro_f1.high,
        "noisy": one.speed is not None and one.speed.noisy,
    }
    return row | {measure.name: value_at(one, measure.path) for measure in RECORDED}


def _empty_row(one: Candidate) -> dict[str, Any]:
    return dict.fromkeys(COLUMNS) | {"candidate": one.name, "model": one.model, "mode": one.mode, "seed": one.seed}


def usual_device(done: Sequence[Evaluated]) -> str | None:
    """Return the device that most were timed on; a tie goes to the first in the study's order."""
    counts = Counter(_device_of(one) for one in done if one.speed)
    return counts.most_common(1)[0][0] if counts else None


def _device_of(one: Evaluated) -> str:
    """Return `cpu: AMD EPYC`, what its time was measured on."""
    return one.speed.device_title if one.speed else "not measured"
