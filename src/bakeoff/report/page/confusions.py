"""Confusions of the leading candidates: the matrix in clustered order, pairs with photos, groups, silent classes."""

from collections.abc import Sequence
from typing import Any

from bakeoff.decision.collect import Evaluated
from bakeoff.records.evaluation import CONFUSIONS, ConfusionsRecord, Pair
from bakeoff.report.page.embedding import Budget
from bakeoff.statistics.matrix import count_confusions

_PAIR_PX = 520
_N_PAIRS = 8
_MAX_GROUPS = 12


def confusion_view(record: Evaluated, budget: Budget, *, photos: bool) -> dict[str, Any]:
    """Return a candidate's matrix as filled cells, its most confused pairs, groups and classes never predicted.

    Args:
        record: of the candidate.
        budget: of the page's pictures.
        photos: whether the pairs come with photos.
    """
    analysis = ConfusionsRecord.read(record.folder / "evaluation" / CONFUSIONS)
    labels, order, test = record.training.labels, analysis.order, record.test
    counts = count_confusions(test.label_ids, test.predicted, len(labels)).tolist()
    return {
        "candidate": record.candidate.name,
        "seed": record.candidate.seed,
        "n": len(labels),
        "labels": [labels[i] for i in order],
        "totals": [sum(counts[i]) for i in order],
        "cells": _cells(counts, order),
        "pairs": [_pair(record, pair, labels, budget if photos else None) for pair in analysis.pairs[:_N_PAIRS]],
        "groups": [
            {**dict(group), "labels": [labels[i] for i in group.label_ids]} for group in analysis.groups[:_MAX_GROUPS]
        ],
        "never": [labels[i] for i in analysis.never_predicted],
    }


def class_order(record: Evaluated, labels: Sequence[str]) -> list[str]:
    """Return the classes in the candidate's clustered order."""
    return [labels[i] for i in ConfusionsRecord.read(record.folder / "evaluation" / CONFUSIONS).order]


def _cells(counts: Sequence[Sequence[int]], order: Sequence[int]) -> list[dict[str, Any]]:
    """Return the cells that are not empty: row, column, count, share of the true class, and whether it is right."""
    cells = []
    for y, i in enumerate(order):
        total = sum(counts[i])
        for x, j in enumerate(order):
            if counts[i][j]:
                cells.append({"x": x, "y": y, "n": counts[i][j], "share": counts[i][j] / total, "right": i == j})
    return cells


def _pair(record: Evaluated, pair: Pair, labels: Sequence[str], budget: Budget | None) -> dict[str, Any]:
    path = (record.folder / "evaluation" / pair.picture).resolve()
    inside = path.is_relative_to((record.folder / "evaluation").resolve()) and path.is_file()
    picture = budget.embed(path, max_px=_PAIR_PX) if budget and inside else None
    return {**dict(pair), "true": labels[pair.true], "predicted": labels[pair.predicted], "picture": picture}
