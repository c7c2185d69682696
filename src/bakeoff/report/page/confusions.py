"""A candidate's confusion matrix as filled cells, in the order in which classes are confused, and groups of classes."""

from typing import Any

import numpy as np

from bakeoff.decision.collect import Evaluated
from bakeoff.statistics.matrix import count_confusions

_MAX_GROUPS = 12


def confusion_view(record: Evaluated) -> dict[str, Any]:
    """Return a candidate's matrix as filled cells, its groups of classes and classes never predicted, by name."""
    analysis, labels, test = record.confusions, record.training.labels, record.test
    order = analysis.order
    counts = count_confusions(test.label_ids, test.predicted, len(labels))[np.ix_(order, order)]
    return {
        "record": record,
        "labels": [labels[i] for i in order],
        "totals": counts.sum(axis=1).tolist(),
        "cells": _cells(counts),
        "groups": [(group, [labels[i] for i in group.label_ids]) for group in analysis.groups[:_MAX_GROUPS]],
        "never": [labels[i] for i in analysis.never_predicted],
    }


def _cells(counts: np.ndarray) -> list[dict[str, Any]]:
    """Return the cells that are not empty: row, column, count, share of the true class, and whether it is right."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return [
        {"x": x, "y": y, "n": int(counts[y, x]), "share": float(shares[y, x]), "right": x == y}
        for y, x in np.argwhere(counts).tolist()
    ]
