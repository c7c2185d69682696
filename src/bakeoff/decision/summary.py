"""One candidate in one line: the means over its seeds, which the ranking, the choice and the report read."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import pandas as pd

from bakeoff.decision.licences import marks
from bakeoff.decision.measures import MEASURES, RECORDED
from bakeoff.statistics.wilson import wilson_interval

_TEXTS = ("candidate", "model", "mode", "licence", "weights", "device")


@dataclass(frozen=True)
class Summary:
    """A candidate that has a result; its measures (`bakeoff.decision.measures`) are attributes too.

    `accuracy_low` and `accuracy_high` are the 95 % Wilson interval of `n_test` products: seeds share their test
    products, so more seeds do not narrow it.
    """

    candidate: str
    model: str
    mode: str
    n_seeds: int
    n_test: int
    accuracy_low: float
    accuracy_high: float
    macro_f1_low: float
    macro_f1_high: float
    pretrained: bool
    learned: bool
    time_comparable: bool
    commercial_use: bool | None
    licence: str
    weights: str
    device: str
    noisy: bool
    n_latency: float
    """Timed calls behind the latencies, NaN where it was not measured."""
    keys: tuple[str, ...]
    values: Mapping[str, float]
    """Measure to mean over `n_seeds` trainings, NaN where not recorded."""

    def __getattr__(self, name: str) -> float:
        """Return a measure."""
        if name not in MEASURES:
            raise AttributeError(f"a summary has no {name}; measures are {', '.join(MEASURES)}")
        return self.values.get(name, math.nan)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy."""
        return self.accuracy_low, self.accuracy_high

    @property
    def comparable_latency_ms(self) -> float:
        """The latency, infinite where it is unknown or comes from another device than most."""
        return self.latency_ms if self.time_comparable and math.isfinite(self.latency_ms) else math.inf

    @property
    def marks(self) -> list[str]:
        """The warnings beside the name: RANDOM START, NON-COMMERCIAL, CHECK LICENCE."""
        return marks(pretrained=self.pretrained, commercial=self.commercial_use)


def summarise(table: pd.DataFrame) -> list[Summary]:
    """Return every candidate that has a result, by mean accuracy, then latency, then name.

    Args:
        table: a leaderboard, one row per training.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in table.to_dict("records"):
        if row["status"] == "ok":
            groups.setdefault(str(row["candidate"]), []).append({str(key): value for key, value in row.items()})
    summaries = [_summarise_one(rows) for rows in groups.values()]
    return sorted(summaries, key=lambda item: (-item.accuracy, item.comparable_latency_ms, item.candidate))


def _summarise_one(rows: list[dict[str, Any]]) -> Summary:
    first, n_test = rows[0], int(rows[0]["n_test"])
    timed = [row for row in rows if row["time_comparable"]]
    accuracy = fmean(float(row["accuracy"]) for row in rows)
    low, high = wilson_interval(accuracy, float(first["n_effective"]))
    values: dict[str, Any] = {
        "n_seeds": len(rows),
        "n_test": n_test,
        "accuracy_low": low,
        "accuracy_high": high,
        "pretrained": all(bool(row["pretrained"]) for row in rows),
        "learned": all(bool(row["learned"]) for row in rows),
        "time_comparable": bool(timed),
        "noisy": any(row["noisy"] is True for row in timed or rows),
        "commercial_use": _strictest([row["commercial_use"] for row in rows]),
        "keys": tuple(row["key"] for row in rows if isinstance(row["key"], str)),
        "n_latency": _mean(timed or rows, "n_latency"),
        "values": {one.name: _mean((timed or rows) if one.is_time else rows, one.name) for one in RECORDED},
    }
    values |= {name: str(first[name]) for name in _TEXTS}
    values |= {name: _mean(rows, name) for name in ("macro_f1_low", "macro_f1_high")}
    return Summary(**values)


def _mean(rows: list[dict[str, Any]], name: str) -> float:
    values = [row[name] for row in rows]
    if any(value is None or pd.isna(value) for value in values):
        return math.nan
    return fmean(float(value) for value in values)


def _strictest(verdicts: list[Any]) -> bool | None:
    if any(verdict is False for verdict in verdicts):
        return False
    return True if all(verdict is True for verdict in verdicts) else None
