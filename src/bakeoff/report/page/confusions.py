"""Confusions of the leading candidates: the matrix in clustered order, pairs with photos, groups, silent classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bakeoff.decision.collect import Record
from bakeoff.report.page.embedding import Budget
from bakeoff.report.page.evidence import read_confusion, read_optional

_PAIR_PX = 520
_N_PAIRS = 8
_MAX_GROUPS = 12


def confusion_view(record: Record, budget: Budget, *, photos: bool) -> dict[str, Any] | None:
    """Return a candidate's matrix as filled cells, its most confused pairs, groups and classes never predicted.

    Args:
        record: of the candidate.
        budget: of the page's pictures.
        photos: whether the pairs come with photos.
    """
    found = read_confusion(record)
    if found is None:
        return None
    analysis = read_optional(record.folder / "evaluation" / "confusions.json") or {}
    labels, counts = found
    order = _order(analysis, len(labels))
    never = [labels[j] for j in range(len(labels)) if not any(row[j] for row in counts)]
    return {
        "candidate": record.candidate.name,
        "seed": record.candidate.seed,
        "n": len(labels),
        "labels": [labels[i] for i in order],
        "totals": [sum(counts[i]) for i in order],
        "cells": _cells(counts, order),
        "clustered": "order" in analysis,
        "pairs": _pairs(record, analysis, labels, budget if photos else None),
        "groups": _groups(analysis, labels),
        "never": never,
    }


def class_order(record: Record, labels: Sequence[str]) -> list[str]:
    """Return the classes in the candidate's clustered order, or as they are where it was not computed."""
    analysis = read_optional(record.folder / "evaluation" / "confusions.json") or {}
    return [labels[i] for i in _order(analysis, len(labels))]


def _order(analysis: Mapping[str, Any], n: int) -> list[int]:
    order: list[int] = list(analysis.get("order") or ())
    return order if sorted(order) == list(range(n)) else list(range(n))


def _cells(counts: Sequence[Sequence[int]], order: Sequence[int]) -> list[dict[str, Any]]:
    """Return the cells that are not empty: row, column, count, share of the true class, and whether it is right."""
    cells = []
    for y, i in enumerate(order):
        total = sum(counts[i])
        for x, j in enumerate(order):
            if counts[i][j]:
                cells.append({"x": x, "y": y, "n": counts[i][j], "share": counts[i][j] / total, "right": i == j})
    return cells


def _pairs(
    record: Record, analysis: Mapping[str, Any], labels: Sequence[str], budget: Budget | None
) -> list[dict[str, Any]]:
    pairs = []
    for pair in (analysis.get("pairs") or [])[:_N_PAIRS]:
        path = _picture_path(record.folder / "evaluation", pair.get("picture")) if budget else None
        picture = budget.embed(path, max_px=_PAIR_PX) if budget and path else None
        named = {"true": labels[pair["true"]], "predicted": labels[pair["predicted"]]}
        pairs.append({**pair, **named, "picture": picture})
    return pairs


def _picture_path(folder: Path, name: str | None) -> Path | None:
    """Return the picture below the evaluation's folder, None where there is none."""
    if not name:
        return None
    path = (folder / name).resolve()
    return path if path.is_relative_to(folder.resolve()) and path.is_file() else None


def _groups(analysis: Mapping[str, Any], labels: Sequence[str]) -> list[dict[str, Any]]:
    groups = [group for group in analysis.get("groups") or () if len(group["label_ids"]) > 1]
    ranked = sorted(groups, key=lambda group: -(group.get("n_confused") or 0))[:_MAX_GROUPS]
    return [{**group, "labels": [labels[i] for i in group["label_ids"]]} for group in ranked]
