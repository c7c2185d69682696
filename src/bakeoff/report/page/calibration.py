"""How far a stated probability can be believed: reliability pictures before and after, and what a threshold costs."""

from collections.abc import Sequence
from typing import Any

from bakeoff.decision.collect import Evaluated
from bakeoff.records.evaluation import Calibration
from bakeoff.report.page.plot import Scale, polyline

SIDE, _LOW, _HIGH = 300, 40, 288


def calibration_views(records: Sequence[Evaluated], leading: Sequence[str]) -> dict[str, Any]:
    """Return the candidates' records, and those of the leading ones with their pictures."""
    return {
        "records": records,
        "details": [
            {"record": one, "panels": [_panel(stage, values) for stage, values in one.calibration.test]}
            for one in records
            if one.candidate.name in leading
        ],
    }


def _panel(stage: str, values: Calibration) -> dict[str, Any]:
    """Return one reliability diagram: filled bins as bars, a mark at (confidence, accuracy) with its interval."""
    x, y = Scale(0.0, 1.0, _LOW, _HIGH), Scale(0.0, 1.0, _HIGH - 12, 12)
    bins: list[Any] = [row for row in values.reliability if row.n]  # which have every figure
    most = max((row.n for row in bins), default=1)
    return {
        "stage": stage,
        "measured": values,
        "ticks": [{"x": x(value), "y": y(value), "value": value} for value in (0.0, 0.25, 0.5, 0.75, 1.0)],
        "diagonal": polyline([(x(0.0), y(0.0)), (x(1.0), y(1.0))]),
        "floor": y(0.0),
        "bins": [
            {
                "x": x(row.low) + 0.5,
                "width": max(1.0, x(row.high) - x(row.low) - 1),
                "top": y(row.accuracy),
                "height": max(0.0, y(0.0) - y(row.accuracy)),
                "weight": round(0.18 + 0.5 * row.n / most, 2),
                "at": x(row.confidence),
                "low": y(row.accuracy_low),
                "high": y(row.accuracy_high),
                "row": row,
            }
            for row in bins
        ],
    }
