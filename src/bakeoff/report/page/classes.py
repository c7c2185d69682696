"""F1 per class and candidate, the classes in the order in which they are confused."""

from collections.abc import Sequence
from typing import Any

from bakeoff.decision.collect import Evaluated
from bakeoff.records.evaluation import ClassMetrics

FILTER_FROM = 13
"""From this number of classes on the table gets a search field and scrolls in itself."""


def class_table(records: Sequence[Evaluated], order: Sequence[str]) -> dict[str, Any]:
    """Return a row per class with each candidate's F1 and interval."""
    names = [record.candidate.name for record in records]
    rows = [_row(label, [record.metrics.per_class[label] for record in records]) for label in order]
    return {"candidates": names, "rows": rows, "filter": len(rows) >= FILTER_FROM}


def _row(label: str, found: Sequence[ClassMetrics]) -> dict[str, Any]:
    known = [one.f1 for one in found if one.f1 is not None]
    best = max(known, default=None)
    return {
        "label": label,
        "support": found[0].support,
        "mean": sum(known) / len(known) if known else None,
        "cells": [{**dict(one), "best": best is not None and one.f1 == best} for one in found],
    }
