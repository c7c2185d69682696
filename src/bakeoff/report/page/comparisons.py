"""Paired comparisons as a table and a picture: each candidate's difference, and bars over those not told apart."""

from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.decision.choice_record import ChoiceRecord
from bakeoff.decision.summary import Summary
from bakeoff.report.page.plot import scale_around

WIDTH = 1100
_NAME_PX, _ROW_PX, _TOP_PX, _BAR_PX = 250, 26, 30, 16


def comparisons(choice: ChoiceRecord, summaries: Sequence[Summary]) -> dict[str, Any] | None:
    """Return the rows against the best and the baseline, and the picture; None where nothing was compared."""
    if not choice.comparisons:
        return None
    rank = {item.candidate: place for place, item in enumerate(summaries)}
    rows = sorted(
        (row for row in choice.comparisons if row["candidate"] in rank), key=lambda row: rank[row["candidate"]]
    )
    against = {role: [row for row in rows if row["role"] == role] for role in ("best", "baseline")}
    return {
        "against": {role: found for role, found in against.items() if found},
        "picture": _picture(against["best"] or against["baseline"], choice.indistinguishable, rank),
    }


def _picture(
    rows: Sequence[Mapping[str, Any]], groups: Sequence[Sequence[str]], rank: Mapping[str, int]
) -> dict[str, Any]:
    """Return the rows, the scale of their differences, each candidate's line and the ends of each group's bar, px."""
    reference = rows[0]["against"]
    names = sorted({reference, *(row["candidate"] for row in rows)}, key=lambda name: rank.get(name, -1))
    line = {name: _TOP_PX + _ROW_PX * index + _ROW_PX // 2 for index, name in enumerate(names)}
    bars = [[line[name] for name in group if name in line] for group in groups]
    bars = [ends for ends in bars if len(ends) > 1]
    right = WIDTH - 24 - _BAR_PX * max(len(bars), 1)
    drawn = [row[key] for row in rows for key in ("low_points", "high_points", "difference_points")]
    x, bottom = scale_around([0.0, *drawn], _NAME_PX, right), _TOP_PX + _ROW_PX * len(names)
    return {"reference": reference, "rows": rows, "x": x, "bottom": bottom, "line": line, "bars": bars}
