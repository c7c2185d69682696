"""The table of all candidates: one row per training, ranked by test accuracy, then by latency."""

from pathlib import Path
from typing import Any

import pandas as pd

from bakeoff.decision.collect import Collected, Evaluated, value_at
from bakeoff.decision.licences import commercial_use, licence_text
from bakeoff.decision.measures import RECORDED
from bakeoff.decision.summary import summarise
from bakeoff.decision.timing import device_of, usual_device
from bakeoff.records.candidate import Candidate
from bakeoff.statistics.interval import wilson_interval

COLUMNS = [
    *("rank", "candidate", "model", "mode", "seed"),
    *(measure.name for measure in RECORDED),
    *("weights", "pretrained", "licence", "commercial_use", "learned", "steps_run", "device", "status", "key"),
    *("time_comparable", "n_test", "n_effective", "accuracy_low", "accuracy_high", "macro_f1_low", "macro_f1_high"),
    *("n_latency", "repair", "noisy", "still_improving", "problem"),
]
_TEXTS = ("candidate", "model", "mode", "weights", "licence", "repair", "device", "status", "key", "problem")
_FLAGS = ("pretrained", "commercial_use", "learned", "time_comparable", "noisy", "still_improving")


def build_leaderboard(found: Collected) -> pd.DataFrame:
    """Return the leaderboard: COLUMNS, one row per training, ranked ones first, failed ones last without a rank.

    With several seeds a candidate's rows share the rank that its means earn.
    """
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
    return table.astype({name: object for name in _FLAGS if name in table})  # an older file may lack some


def _row(one: Evaluated, device: str | None) -> dict[str, Any]:
    low, high = wilson_interval(one.metrics.accuracy("test"), one.metrics.n_effective)
    macro_f1 = one.metrics.intervals["test"].get("macro_f1")
    row = _empty_row(one.candidate) | {
        "mode": one.training.mode,
        "weights": one.training.weights.source,
        "pretrained": one.training.weights.pretrained,
        "licence": licence_text(one.training),
        "commercial_use": commercial_use(one.training),
        "learned": one.training.learned,
        "still_improving": one.training.still_improving,
        "repair": one.training.dataset.repair_name,
        "device": device_of(one),
        "status": "ok",
        "key": one.training.key,
        "time_comparable": one.speed is not None and device_of(one) == device,
        "n_test": one.n_test,
        "n_effective": one.metrics.n_effective,
        "n_latency": one.speed and one.speed.n_latency,
        "steps_run": one.training.steps_run,
        "accuracy_low": low,
        "accuracy_high": high,
        "macro_f1_low": macro_f1 and macro_f1.low,
        "macro_f1_high": macro_f1 and macro_f1.high,
        "noisy": one.speed is not None and one.speed.noisy,
    }
    return row | {measure.name: value_at(one, measure.path) for measure in RECORDED}


def _empty_row(one: Candidate) -> dict[str, Any]:
    known = {"candidate": one.name, "model": one.model, "mode": one.mode, "seed": one.seed}
    return dict.fromkeys(COLUMNS) | known
