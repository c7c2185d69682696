"""The scatter of accuracy against what it costs, as geometry for SVG: one view per measure, each with its own front."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from bakeoff.decision.labels import place_labels
from bakeoff.decision.pareto import pareto_front
from bakeoff.decision.report.plot import Scale, polyline, scale_around
from bakeoff.decision.report.wording import Wording, is_known
from bakeoff.decision.study import BASELINE
from bakeoff.decision.summary import Summary

WIDTH, HEIGHT = 1120, 600
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 1100, 18, 548
_CHAR_PX, _LABEL_PX = 7.4, 15.0
_LEADER_PX = 20.0


@dataclass(frozen=True)
class Measure:
    """What the horizontal axis shows: `better` says which way is better."""

    name: str
    better: str
    timed: bool
    digits: int


MEASURES = (
    Measure("latency_ms", "less", timed=True, digits=1),
    Measure("images_per_s", "more", timed=True, digits=1),
    Measure("size_mib", "less", timed=False, digits=0),
)


def tradeoff_views(
    summaries: Sequence[Summary], choice: Mapping[str, Any], wording: Wording, *, keys: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """Return one picture per measure that any candidate has.

    Args:
        summaries: one per candidate.
        choice: choice.json; those of `apart` are shown and lie on no front.
        wording: the page's words.
        keys: candidate to the training keys of its MLflow runs.
    """
    views = []
    for measure in MEASURES:
        items = [item for item in summaries if is_known(_cost(item, measure))]
        if items:
            views.append(_view(items, measure, choice, lambda item, m=measure: _tip(item, m, wording, keys)))
    return views


def may_win(summaries: Sequence[Summary], choice: Mapping[str, Any]) -> set[str]:
    """Return the candidates that a front may consist of: learned, and pretrained where any candidate is."""
    if "apart" in choice:
        apart = {row["candidate"] for row in choice["apart"]}
        return {item.candidate for item in summaries} - apart
    allow_random = bool((choice.get("limits") or {}).get("allow_random_weights"))
    need_weights = any(item.pretrained for item in summaries) and not allow_random
    return {item.candidate for item in summaries if item.learned and (item.pretrained or not need_weights)}


def front_of(items: Sequence[Summary], measure: Measure, allowed: set[str]) -> list[Summary]:
    """Return the Pareto front in (measure, accuracy), from the cheapest to the most accurate."""
    items = [item for item in items if item.candidate in allowed]
    sign = 1 if measure.better == "less" else -1
    costs = [sign * _cost(item, measure) for item in items]
    kept = pareto_front(costs, [item.accuracy for item in items])
    pairs = sorted(zip(costs, kept, range(len(items)), strict=True))
    return [items[index] for _, keep, index in pairs if keep]


def _cost(item: Summary, measure: Measure) -> float:
    return float("nan") if measure.timed and not item.time_comparable else getattr(item, measure.name)


def _view(
    items: Sequence[Summary], measure: Measure, choice: Mapping[str, Any], tip: Callable[[Summary], list[str]]
) -> dict[str, Any]:
    x = scale_around((_cost(item, measure) for item in items), _LEFT, _RIGHT, margin=0.1)
    low, high = min(item.accuracy_low for item in items), max(item.accuracy_high for item in items)
    pad = 0.05 * max(high - low, 0.05)
    y = Scale(max(0.0, low - pad), min(1.0, high + pad), _BOTTOM, _TOP)
    best = front_of(items, measure, may_win(items, choice))
    line = [(x(_cost(item, measure)), y(item.accuracy)) for item in best]
    points = [_point(item, measure, x, y) | {"tip": tip(item), "on_front": item in best} for item in items]
    _label(points, line)
    return {
        "name": measure.name,
        "better": measure.better,
        "x_ticks": [{"at": x(value), "value": value} for value in x.ticks(8)],
        "y_ticks": [{"at": y(value), "value": value} for value in y.ticks(7)],
        "points": points,
        "front": polyline(line),
        "front_names": [item.candidate for item in best],
        "references": _references(choice, y),
    }


def _point(item: Summary, measure: Measure, x: Scale, y: Scale) -> dict[str, Any]:
    kind = "baseline" if item.candidate == BASELINE else item.mode if item.mode in ("frozen", "finetune") else "other"
    return {
        "candidate": item.candidate,
        "kind": kind,
        "x": x(_cost(item, measure)),
        "y": y(item.accuracy),
        "low": y(item.accuracy_low),
        "high": y(item.accuracy_high),
        "hollow": not item.pretrained,
        "diamond": item.commercial_use is False,
    }


def _label(points: list[dict[str, Any]], line: Sequence[tuple[float, float]]) -> None:
    """Give each point the place of its name, and a leader line where the name stands off."""
    at = np.array([[point["x"], point["y"]] for point in points])
    sizes = np.array([[_CHAR_PX * len(point["candidate"]), _LABEL_PX] for point in points])
    corners = place_labels(at, sizes, (_LEFT, _TOP, _RIGHT, _BOTTOM), lines=_along(np.array(line).reshape(-1, 2)))
    for point, corner, size, centre in zip(points, corners, sizes, at, strict=True):
        nearest = np.clip(centre, corner, corner + size)
        distance = float(np.hypot(*(nearest - centre)))
        point |= {"label_x": round(float(corner[0]), 1), "label_y": round(float(corner[1]) + 12, 1), "leader": None}
        if distance > _LEADER_PX:
            start = centre + (nearest - centre) * 10 / distance
            point["leader"] = [round(float(value), 1) for value in (*start, *nearest)]


def _along(corners: np.ndarray) -> np.ndarray:
    """Return (M, 2) px, a point about every 8 px along the line through `corners` (P, 2)."""
    parts = [np.zeros((0, 2))]
    for start, end in pairwise(corners):
        parts.append(np.linspace(start, end, max(2, int(np.hypot(*(end - start)) / 8))))
    return np.concatenate(parts)


def _references(choice: Mapping[str, Any], y: Scale) -> list[dict[str, Any]]:
    """Return the published test accuracies of this very task as lines; others belong in the table alone."""
    return [
        {**row, "at": y(row["value"])}
        for row in choice.get("references") or ()
        if (row.get("measure"), row.get("split")) == ("accuracy", "test") and y.low <= row["value"] <= y.high
    ]


def _tip(item: Summary, measure: Measure, wording: Wording, keys: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the lines that hovering over a point, or focusing it, shows."""
    words = wording.words
    low, high = wording.pct(item.accuracy_low), wording.pct(item.accuracy_high)
    lines = [item.candidate, words("tip.accuracy", accuracy=wording.pct(item.accuracy), low=low, high=high)]
    if item.time_comparable:
        latency, rate = wording.num(item.latency_ms), wording.num(item.images_per_s)
        lines.append(words("tip.times", latency=latency, rate=rate))
    lines.append(words("tip.size", size=wording.num(item.size_mib, 0), licence=item.licence))
    return [*lines, *(words("tip.run", filter=mlflow_filter(key)) for key in keys.get(item.candidate, ()))]


def mlflow_filter(key: str) -> str:
    """Return what to type into the search field of MLflow's run table to see the run of a training."""
    return f'tags."bakeoff.training_key" = "{key}"'
