"""Feeds the decision matrix from the candidates' records and puts its totals where the rule finds them."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bakeoff.core.section import LanguageCode
from bakeoff.decision.collect import Evaluated
from bakeoff.decision.matrix import decision_matrix
from bakeoff.decision.params import MatrixParams
from bakeoff.decision.summary import Summary


def with_matrix(
    summaries: Sequence[Summary], done: Sequence[Evaluated], params: MatrixParams, *, language: LanguageCode
) -> tuple[list[Summary], dict[str, Any]]:
    """Return the summaries with `matrix_total`, and choice.json's `matrix`.

    Args:
        summaries: every candidate with a result.
        done: the trainings behind them; the first tells the number of classes.
        params: section `compare.matrix`.
        language: of the matrix' texts.
    """
    n_classes = len(done[0].test.labels) if done else None
    rows = [_row(item, n_classes) for item in summaries]
    matrix = decision_matrix(rows, params.weights.model_dump(), params.support, language=language)
    totals = {row["candidate"]: row["total"] for row in matrix["rows"] if row["total"] is not None}
    return [
        replace(item, values={**item.values, "matrix_total": totals.get(item.candidate, math.nan)})
        for item in summaries
    ], matrix


def _row(item: Summary, n_classes: int | None) -> dict[str, Any]:
    return {
        "candidate": item.candidate,
        "model": item.model,
        "accuracy": item.accuracy,
        "n_classes": n_classes,
        "images_per_cpu_s": item.images_per_cpu_s if item.time_comparable else None,
        "size_mib": item.size_mib,
        "n_features": item.n_features,
    }
