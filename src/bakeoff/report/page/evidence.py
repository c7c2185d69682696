"""What the report shows beside the numbers, read from a candidate's folder: confusions, heat maps, colour channels."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bakeoff.decision.collect import Evaluated
from bakeoff.report.page.embedding import Budget

_N_PAIRS = 12
_HEATMAP_PX = 960
CHANNELS = ("red", "green", "blue")


def read_confusion(record: Evaluated) -> dict[str, Any] | None:
    """Return labels, rows of cells and the most confused pairs of the test split; None without a confusion.csv.

    A cell is {count, share}: share of its true class in [0, 1].
    """
    path = record.folder / "evaluation" / "confusion.csv"
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    labels = rows[0][1:]
    counts = [[int(float(cell)) for cell in row[1:]] for row in rows[1:]]
    return {
        "candidate": record.candidate.name,
        "seed": record.candidate.seed,
        "labels": labels,
        "rows": [_confusion_row(label, row, labels) for label, row in zip(labels, counts, strict=True)],
        "pairs": _worst_pairs(labels, counts),
    }


def _confusion_row(label: str, counts: Sequence[int], labels: Sequence[str]) -> dict[str, Any]:
    total = sum(counts)
    cells = [
        {"count": count, "share": count / total if total else 0.0, "right": predicted == label}
        for count, predicted in zip(counts, labels, strict=True)
    ]
    return {"label": label, "total": total, "cells": cells}


def _worst_pairs(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    pairs = [
        {"true": labels[i], "predicted": labels[j], "count": counts[i][j], "total": sum(counts[i])}
        for i in range(len(labels))
        for j in range(len(labels))
        if i != j and counts[i][j]
    ]
    return sorted(pairs, key=lambda pair: (-pair["count"], pair["true"], pair["predicted"]))[:_N_PAIRS]


def read_channels(record: Evaluated) -> dict[str, Any] | None:
    """Return the accuracy lost per shuffled colour channel; None where the candidate was not interpreted."""
    values = read_optional(record.folder / "interpretation" / "channels.json")
    if values is None:
        return None
    drops = [values["channels"][name] for name in CHANNELS if name in values["channels"]]
    return {
        "candidate": record.candidate.name,
        "seed": record.candidate.seed,
        "accuracy": values["baseline_accuracy"],
        "n": values.get("n"),
        "repeats": values.get("repeats"),
        "drops": drops,
    }


def read_heat_maps(record: Evaluated, budget: Budget) -> list[dict[str, Any]]:
    """Return the candidate's heat maps with their pictures, as far as the budget goes."""
    folder = record.folder / "interpretation"
    values = read_optional(folder / "attributions.json") or {"items": []}
    found = []
    for item in values["items"]:
        path = _figure_path(folder, item)
        picture = budget.embed(path, max_px=_HEATMAP_PX) if path else None
        if picture:
            found.append({**item, "picture": picture, "candidate": record.candidate.name})
    return found


def _figure_path(folder: Path, item: dict[str, Any]) -> Path | None:
    """Return the figure's file below the interpretation folder, None where there is none."""
    path = (folder / str(item.get("figure"))).resolve()
    return path if path.is_relative_to(folder.resolve()) and path.is_file() else None


def read_optional(path: Path) -> dict[str, Any] | None:
    """Return a JSON record, None where the file is not there."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
