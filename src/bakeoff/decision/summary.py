"""One candidate in one line: the means over its seeds, which the ranking, the choice and the report read."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import pandas as pd

from bakeoff.decision.measures import MEASURES, RECORDED
from bakeoff.records.training import strictest
from bakeoff.statistics.interval import wilson_interval

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
    """False where it started at random; a model that starts from nothing (TF-IDF) has no such start."""
    learned: bool
    still_improving: bool
    """Its training ended while it improved, with one seed at least."""
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
    repair: str = "none"
    """Of the photos; an older leaderboard does not say."""

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
        """The warnings that stand beside the name wherever it is listed."""
        licence = {True: [], False: ["NON-COMMERCIAL"], None: ["CHECK LICENCE"]}[self.commercial_use]
        return licence if self.pretrained else ["RANDOM START", *licence]


def summarise(table: pd.DataFrame) -> list[Summary]:
    """Return every candidate that has a result, by mean accuracy, then latency, then name."""
    groups = table.loc[table["status"] == "ok", :].groupby("candidate", sort=False)
    summaries = [_summarise_one(rows.to_dict("records")) for _, rows in groups]
    return sorted(summaries, key=lambda item: (-item.accuracy, item.comparable_latency_ms, item.candidate))


def _summarise_one(rows: Sequence[Mapping[Any, Any]]) -> Summary:
    first, timed = rows[0], [row for row in rows if row["time_comparable"]]
    low, high = wilson_interval(_mean(rows, "accuracy"), float(first["n_effective"]))
    texts: dict[str, Any] = {name: str(first[name]) for name in _TEXTS}
    return Summary(
        **texts,
        repair=str(first.get("repair", "none")),
        n_seeds=len(rows),
        n_test=int(first["n_test"]),
        accuracy_low=low,
        accuracy_high=high,
        macro_f1_low=_mean(rows, "macro_f1_low"),
        macro_f1_high=_mean(rows, "macro_f1_high"),
        pretrained=all(row["pretrained"] in (True, None) for row in rows),
        learned=all(row["learned"] for row in rows),
        still_improving=any(row.get("still_improving") for row in rows),
        time_comparable=bool(timed),
        noisy=any(row["noisy"] for row in timed or rows),
        commercial_use=strictest([row["commercial_use"] for row in rows]),
        keys=tuple(row["key"] for row in rows),
        n_latency=_mean(timed or rows, "n_latency"),
        values={one.name: _mean((timed or rows) if one.is_time else rows, one.name) for one in RECORDED},
    )


def _mean(rows: Sequence[Mapping[Any, Any]], name: str) -> float:
    mean = fmean(float(row[name]) for row in rows)
    return math.nan if math.isnan(mean) else mean  # always the same NaN, so that equal lines compare as equal
