"""The scatter of accuracy against what it costs, as geometry for SVG: one view per measure, each with its own front."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bakeoff.core.translation import Translator
from bakeoff.decision.choice_record import ChoiceRecord
from bakeoff.decision.pareto import Plane, front
from bakeoff.decision.summary import Summary
from bakeoff.records.candidate import BASELINE
from bakeoff.report.labels import leader, place_labels
from bakeoff.report.page.plot import Scale, polyline, scale_around
from bakeoff.report.render import filters, is_known, mlflow_filter

WIDTH, HEIGHT = 1120, 600
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 1100, 18, 548
_LABEL_PX = 12.5
COSTS = ("latency_ms", "images_per_s", "size_mib")


def tradeoff_views(summaries: Sequence[Summary], choice: ChoiceRecord, t: Translator) -> list[dict[str, Any]]:
    """Return one picture per measure that any candidate has."""
    views = []
    for name in COSTS:
        plane = Plane.of((name, "accuracy"), choice.exclusions)
        items = [item for item in summaries if is_known(plane.x.value(item))]
        if items:
            views.append(_view(items, plane, t))
    return views


def _view(items: Sequence[Summary], plane: Plane, t: Translator) -> dict[str, Any]:
    cost = plane.x.value
    x = scale_around(map(cost, items), _LEFT, _RIGHT, margin=0.1)
    low, high = min(item.accuracy_low for item in items), max(item.accuracy_high for item in items)
    pad = 0.05 * max(high - low, 0.05)
    y = Scale(max(0.0, low - pad), min(1.0, high + pad), _BOTTOM, _TOP)
    best = front(items, plane)
    line = [(x(cost(item)), y(item.accuracy)) for item in best]
    points = [_point(item, x(cost(item)), y) | {"tip": _tip(item, t), "on_front": item in best} for item in items]
    _label(points, line)
    return {
        "name": plane.x.name,
        "x_ticks": [{"at": x(value), "value": value} for value in x.ticks(8)],
        "y_ticks": [{"at": y(value), "value": value} for value in y.ticks(7)],
        "points": points,
        "front": polyline(line),
        "front_names": [item.candidate for item in best],
    }


def _point(item: Summary, x: float, y: Scale) -> dict[str, Any]:
    kind = "baseline" if item.candidate == BASELINE else item.mode if item.mode in ("frozen", "finetune") else "other"
    return {
        "candidate": item.candidate,
        "kind": kind,
        "x": x,
        "y": y(item.accuracy),
        "low": y(item.accuracy_low),
        "high": y(item.accuracy_high),
        "hollow": not item.pretrained,
        "diamond": item.commercial_use is False,
    }


def _label(points: list[dict[str, Any]], line: Sequence[tuple[float, float]]) -> None:
    """Give each point the place of its name, and a leader line where the name stands off."""
    at = np.array([[point["x"], point["y"]] for point in points])
    names = [point["candidate"] for point in points]
    front_line = np.array(line).reshape(-1, 2)
    boxes = place_labels(names, at, (_LEFT, _TOP, _RIGHT, _BOTTOM), font_px=_LABEL_PX, line=front_line)
    for point, box, centre in zip(points, boxes, at, strict=True):
        ends = leader(centre, box)
        point |= {"label_x": round(float(box[0]), 1), "label_y": round(float(box[3]) - 3, 1)}
        point["leader"] = None if ends is None else [round(float(value), 1) for value in ends.ravel()]


def _tip(item: Summary, t: Translator) -> list[str]:
    """Return the lines that hovering over a point, or focusing it, shows."""
    num, pct = filters(t)["num"], t.percent
    accuracy = {"accuracy": pct(item.accuracy), "low": pct(item.accuracy_low), "high": pct(item.accuracy_high)}
    lines = [item.candidate, t.gettext("accuracy {accuracy} (95% interval {low} to {high})", **accuracy)]
    if item.time_comparable:
        times = {"latency": num(item.latency_ms), "rate": num(item.images_per_s)}
        lines.append(t.gettext("{latency} ms per photo, {rate} images/s in batches", **times))
    lines.append(t.gettext("{size} MiB, licence {licence}", size=num(item.size_mib, 0), licence=item.licence))
    runs = [t.gettext("MLflow: {filter}", filter=mlflow_filter(key)) for key in item.keys]
    return [*lines, *runs]
