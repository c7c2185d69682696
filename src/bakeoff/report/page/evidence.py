"""What the report shows beside the numbers, read from a candidate's folder: confusions, heat maps, colour channels."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from bakeoff.decision.collect import Record
from bakeoff.report.page.embedding import Budget

_HEATMAP_PX = 960
CHANNELS = ("red", "green", "blue")


def read_confusion(record: Record) -> tuple[list[str], list[list[int]]] | None:
    """Return the labels, and the counts of the test split, a row per true class; None without a confusion.csv."""
    path = record.folder / "evaluation" / "confusion.csv"
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    return rows[0][1:], [[int(float(cell)) for cell in row[1:]] for row in rows[1:]]


def read_channels(record: Record) -> dict[str, Any] | None:
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


def read_heat_maps(record: Record, budget: Budget) -> list[dict[str, Any]]:
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
