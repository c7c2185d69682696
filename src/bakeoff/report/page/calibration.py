"""How far a stated probability can be believed: reliability pictures before and after, and what a threshold costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.decision.collect import Record
from bakeoff.report.page.evidence import read_optional
from bakeoff.report.page.plot import Scale, polyline
from bakeoff.report.render import is_known

SIDE, _LOW, _HIGH = 300, 40, 288
_STAGES = ("before", "after")


def calibration_views(records: Sequence[Record], leading: Sequence[str]) -> dict[str, Any] | None:
    """Return a row per calibrated candidate, and pictures and the threshold table of the leading ones.

    Args:
        records: one per candidate, in rank order.
        leading: the candidates that are shown in detail.
    """
    found = [
        {"candidate": record.candidate.name, **values}
        for record in records
        if (values := read_optional(record.folder / "evaluation" / "calibration.json"))
    ]
    if not found:
        return None
    details = [_detail(values) for values in found if values["candidate"] in leading]
    return {"rows": found, "details": details or [_detail(found[0])]}


def _detail(values: Mapping[str, Any]) -> dict[str, Any]:
    test = values.get("test") or {}
    panels = [_panel(stage, test[stage]) for stage in _STAGES if (test.get(stage) or {}).get("reliability")]
    return {"candidate": values["candidate"], "panels": panels, "coverage": values.get("coverage") or []}


def _panel(stage: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return one reliability diagram: filled bins as bars, a mark at (confidence, accuracy) with its interval."""
    x, y = Scale(0.0, 1.0, _LOW, _HIGH), Scale(0.0, 1.0, _HIGH - 12, 12)
    bins = [row for row in values["reliability"] if row["n"] and is_known(row["accuracy"])]
    most = max((row["n"] for row in bins), default=1)
    return {
        "stage": stage,
        "measured": values,
        "ticks": [{"x": x(value), "y": y(value), "value": value} for value in (0.0, 0.25, 0.5, 0.75, 1.0)],
        "diagonal": polyline([(x(0.0), y(0.0)), (x(1.0), y(1.0))]),
        "floor": y(0.0),
        "bins": [
            {
                "x": x(row["low"]) + 0.5,
                "width": max(1.0, x(row["high"]) - x(row["low"]) - 1),
                "top": y(row["accuracy"]),
                "height": max(0.0, y(0.0) - y(row["accuracy"])),
                "weight": round(0.18 + 0.5 * row["n"] / most, 2),
                "at": x(row["confidence"]),
                "low": y(_end(row, "accuracy_low")),
                "high": y(_end(row, "accuracy_high")),
                "row": row,
            }
            for row in bins
        ],
    }


def _end(row: Mapping[str, Any], name: str) -> float:
    return row[name] if is_known(row.get(name)) else row["accuracy"]
