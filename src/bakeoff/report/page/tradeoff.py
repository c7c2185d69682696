"""The scatter of accuracy against what it costs, as geometry for SVG: one view per measure, each with its own front."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bakeoff.decision.choice_record import ChoiceRecord
from bakeoff.decision.pareto import Plane, front
from bakeoff.decision.summary import Summary
from bakeoff.records.candidate import BASELINE
from bakeoff.report.labels import leader, place_labels
from bakeoff.report.page.plot import Plot, Scale, scale_around
from bakeoff.report.palette import MODES
from bakeoff.report.render import is_known

_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 1100, 18, 548
_LABEL_PX = 12.5
COSTS = ("latency_ms", "images_per_s", "size_mib")


def tradeoff_views(summaries: Sequence[Summary], choice: ChoiceRecord) -> list[dict[str, Any]]:
    """Return one picture per measure that any candidate has."""
    views = []
    for name in COSTS:
        plane = Plane.of((name, "accuracy"), choice.exclusions)
        items = [item for item in summaries if is_known(plane.x.value(item))]
        if items:
            views.append(_view(items, plane))
    return views


def _view(items: Sequence[Summary], plane: Plane) -> dict[str, Any]:
    x = scale_around(map(plane.x.value, items), _LEFT, _RIGHT, margin=0.1)
    low, high = min(item.accuracy_low for item in items), max(item.accuracy_high for item in items)
    pad = 0.05 * max(high - low, 0.05)
    plot = Plot(x, Scale(max(0.0, low - pad), min(1.0, high + pad), _BOTTOM, _TOP))
    best = front(items, plane)
    at, line = (np.array([plot.at(plane.point(item)) for item in some]).reshape(-1, 2) for some in (items, best))
    names, bounds = [item.candidate for item in items], (_LEFT, _TOP, _RIGHT, _BOTTOM)
    boxes = place_labels(names, at, bounds, font_px=_LABEL_PX, line=line)
    return {
        "name": plane.x.name,
        "plot": plot,
        "points": [_point(*one) for one in zip(items, at, boxes, strict=True)],
        "front": [plane.point(item) for item in best],
        "front_names": [item.candidate for item in best],
    }


def _point(item: Summary, at: np.ndarray, box: np.ndarray) -> dict[str, Any]:
    """Return where a candidate and its name are, px, and a leader line where the name stands off."""
    ends = leader(at, box)
    return {
        "item": item,
        "kind": "baseline" if item.candidate == BASELINE else item.mode if item.mode in MODES else "other",
        "at": at.tolist(),
        "label": (round(float(box[0]), 1), round(float(box[3]) - 3, 1)),
        "leader": None if ends is None else [round(float(value), 1) for value in ends.ravel()],
    }
