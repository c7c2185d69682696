"""Classes: F1 of each, in the order in which they are confused; a candidate's matrix, pairs with photos, groups."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bakeoff.decision.collect import Evaluated
from bakeoff.records.evaluation import ClassMetrics, Pair
from bakeoff.report.page.embedding import Budget
from bakeoff.statistics.matrix import count_confusions

_PAIR_PX = 520
_N_PAIRS = 8
_MAX_GROUPS = 12
FILTER_FROM = 13  # from this number of classes on the table gets a search field and scrolls in itself


def class_table(records: Sequence[Evaluated], order: Sequence[str]) -> dict[str, Any]:
    """Return a row per class with each candidate's F1 and interval."""
    names = [record.candidate.name for record in records]
    rows = [_class_row(label, [record.metrics.per_class[label] for record in records]) for label in order]
    return {"candidates": names, "rows": rows, "filter": len(rows) >= FILTER_FROM}


def _class_row(label: str, found: Sequence[ClassMetrics]) -> dict[str, Any]:
    known = [one.f1 for one in found if one.f1 is not None]
    best = max(known, default=None)
    return {
        "label": label,
        "support": found[0].support,
        "mean": sum(known) / len(known) if known else None,
        "cells": [{**dict(one), "best": best is not None and one.f1 == best} for one in found],
    }


def confusion_view(record: Evaluated, budget: Budget, *, photos: bool) -> dict[str, Any]:
    """Return a candidate's matrix as filled cells, its most confused pairs, groups and classes never predicted."""
    analysis, labels, test = record.confusions, record.training.labels, record.test
    order = analysis.order
    counts = count_confusions(test.label_ids, test.predicted, len(labels))[np.ix_(order, order)]
    return {
        "candidate": record.candidate.name,
        "seed": record.candidate.seed,
        "n": len(labels),
        "labels": [labels[i] for i in order],
        "totals": counts.sum(axis=1).tolist(),
        "cells": _cells(counts),
        "pairs": [_pair(record, pair, labels, budget if photos else None) for pair in analysis.pairs[:_N_PAIRS]],
        "groups": [
            {**dict(group), "labels": [labels[i] for i in group.label_ids]} for group in analysis.groups[:_MAX_GROUPS]
        ],
        "never": [labels[i] for i in analysis.never_predicted],
    }


def _cells(counts: np.ndarray) -> list[dict[str, Any]]:
    """Return the cells that are not empty: row, column, count, share of the true class, and whether it is right."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return [
        {"x": x, "y": y, "n": int(counts[y, x]), "share": float(shares[y, x]), "right": x == y}
        for y, x in np.argwhere(counts).tolist()
    ]


def _pair(record: Evaluated, pair: Pair, labels: Sequence[str], budget: Budget | None) -> dict[str, Any]:
    picture = budget.embed(record.folder / "evaluation", pair.picture, max_px=_PAIR_PX) if budget else None
    return {**dict(pair), "true": labels[pair.true], "predicted": labels[pair.predicted], "picture": picture}
