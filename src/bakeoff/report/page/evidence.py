"""What the report shows beside the numbers, read from a candidate's folder: confusions, heat maps, colour channels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bakeoff.decision.collect import Evaluated
from bakeoff.report.page.embedding import Budget

_HEATMAP_PX = 960
CHANNELS = ("red", "green", "blue")


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
