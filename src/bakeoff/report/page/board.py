"""The leaderboard's columns in groups, and a row per candidate with the values that its records hold."""

from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.core.translation import N_, Translator
from bakeoff.decision.measures import BOARD_COLUMNS, MEASURES
from bakeoff.decision.summary import Summary
from bakeoff.report.facts import Facts
from bakeoff.report.render import is_known

_GROUPS = {"quality": N_("Quality"), "speed": N_("Speed"), "cost": N_("Cost")}
_FIRST = {True: "descending", False: "ascending"}


def board(facts: Facts, t: Translator) -> dict[str, Any]:
    """Return the columns that any candidate fills, their groups, and the rows in rank order."""
    shown = [
        {"key": name, "is_time": MEASURES[name].is_time, "first": _FIRST[MEASURES[name].more_is_better]}
        | column._asdict()
        for group in ("base", *_GROUPS)
        for name, column in BOARD_COLUMNS.items()
        if column.group == group and any(is_known(getattr(item, name)) for item in facts.summaries)
    ]
    used = {column["group"] for column in shown}
    return {
        "columns": shown,
        "groups": {name: t.gettext(title) for name, title in _GROUPS.items() if name in used},
        "rows": [
            {"item": item, "rank": rank, "chosen": item.candidate in facts.choice.winners, "cells": _cells(item, shown)}
            for rank, item in enumerate(facts.summaries, start=1)
        ],
        "scale_pct": interval_scale(facts.summaries),
    }


def _cells(item: Summary, columns: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Return each column's value, None where it is not known."""
    values = {column["key"]: column["factor"] * getattr(item, column["key"]) for column in columns}
    return {key: value if is_known(value) else None for key, value in values.items()}


def interval_scale(summaries: Sequence[Summary]) -> Any:
    """Return where an accuracy lies between the lowest and the highest interval end, in percent."""
    low = min(item.accuracy_low for item in summaries)
    span = max(item.accuracy_high for item in summaries) - low or 1.0
    return lambda accuracy: round(100 * (accuracy - low) / span, 1)
