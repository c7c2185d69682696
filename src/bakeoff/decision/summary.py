"""One candidate in one line: the means over its seeds, which the ranking, the choice and the report read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import pandas as pd

from bakeoff.decision.licences import marks
from bakeoff.statistics.wilson import wilson_interval

_TEXTS = ("candidate", "model", "mode", "licence", "weights", "device", "timed")
QUALITY = ("macro_f1", "weighted_f1", "log_loss", "balanced_accuracy", "matthews", "roc_auc", "ece", "temperature")
_SIZES = ("n_parameters", "size_mib", "file_mib", "gmacs", "train_time_s", "predict_memory_mib")
_MEANS = (*QUALITY, "macro_f1_low", "macro_f1_high", *_SIZES)
_TIMES = (
    *("latency_ms", "latency_p99_ms", "images_per_s", "ms_per_image", "images_per_cpu_s"),
    "end_to_end_images_per_s",
)


@dataclass(frozen=True)
class Summary:
    """A candidate that has a result; measures are means over `n_seeds` trainings, NaN where not recorded.

    `accuracy_low` and `accuracy_high` are the 95 % Wilson interval of `n_test` products: seeds share their test
    products, so more seeds do not narrow it. `predict_memory_mib` is the peak while predicting, `timed` is "alone" or
    "session" (every candidate again, interleaved), `matrix_total` the decision matrix' 0 to 10.
    """

    candidate: str
    model: str
    mode: str
    n_seeds: int
    n_test: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    macro_f1: float
    macro_f1_low: float
    macro_f1_high: float
    weighted_f1: float
    balanced_accuracy: float
    matthews: float
    roc_auc: float
    log_loss: float
    ece: float
    temperature: float
    latency_ms: float
    latency_p99_ms: float
    images_per_s: float
    ms_per_image: float
    images_per_cpu_s: float
    end_to_end_images_per_s: float
    n_parameters: float
    gmacs: float
    size_mib: float
    file_mib: float
    predict_memory_mib: float
    train_time_s: float
    pretrained: bool
    learned: bool
    time_comparable: bool
    commercial_use: bool | None
    licence: str
    weights: str
    device: str
    timed: str
    noisy: bool
    keys: tuple[str, ...]
    matrix_total: float = math.nan

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
    low, high = wilson_interval(accuracy, n_test)
    values: dict[str, Any] = {
        "n_seeds": len(rows),
        "n_test": n_test,
        "accuracy": accuracy,
        "accuracy_low": low,
        "accuracy_high": high,
        "pretrained": all(bool(row["pretrained"]) for row in rows),
        "learned": all(bool(row["learned"]) for row in rows),
        "time_comparable": bool(timed),
        "noisy": any(row["noisy"] is True for row in timed or rows),
        "commercial_use": _strictest([row["commercial_use"] for row in rows]),
        "keys": tuple(row["key"] for row in rows if isinstance(row["key"], str)),
    }
    values |= {name: str(first[name]) for name in _TEXTS}
    values |= {name: _mean(rows, name) for name in _MEANS}
    values |= {name: _mean(timed or rows, name) for name in _TIMES}
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
