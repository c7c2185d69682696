"""F1 per class and candidate, the classes in the order in which they are confused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.decision.collect import Record
from bakeoff.report.render import is_known

FILTER_FROM = 13
"""From this number of classes on the table gets a search field and scrolls in itself."""


def class_table(records: Sequence[Record], order: Sequence[str]) -> dict[str, Any] | None:
    """Return a row per class with each candidate's F1 and interval; None where no record has `per_class`.

    Args:
        records: one per candidate, in the order of the columns.
        order: all classes, in the order of the rows.
    """
    shown = [record for record in records if record.metrics.get("per_class")]
    if not shown:
        return None
    names = [record.candidate.name for record in shown]
    rows = [_row(label, shown) for label in order]
    return {"candidates": names, "rows": rows, "filter": len(rows) >= FILTER_FROM}


def _row(label: str, records: Sequence[Record]) -> dict[str, Any]:
    cells = [_cell(record.metrics["per_class"].get(label) or {}) for record in records]
    known = [cell["f1"] for cell in cells if is_known(cell["f1"])]
    best = max(known, default=None)
    supports = [record.metrics["per_class"].get(label, {}).get("support") for record in records]
    return {
        "label": label,
        "support": next((value for value in supports if value is not None), None),
        "mean": sum(known) / len(known) if known else None,
        "cells": [cell | {"best": best is not None and cell["f1"] == best} for cell in cells],
    }


def _cell(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values.get(name) for name in ("f1", "f1_low", "f1_high", "precision", "recall")}
