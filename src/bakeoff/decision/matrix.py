"""The weighted decision matrix: five criteria, each scored 0 to 10 on a scale that no other candidate moves."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from bakeoff.core.translation import N_, Translator
from bakeoff.decision.measures import MEASURES
from bakeoff.decision.params import MatrixParams
from bakeoff.decision.summary import Summary

CRITERIA = {
    "accuracy": (N_("accuracy"), N_("test accuracy: 0 at chance (1 / number of classes), 10 at 100%, linear")),
    "cpu_time": (
        N_("CPU time"),
        N_("CPU time per product at the best batch: 10 up to {best:g} ms, 0 from {worst:g} ms, logarithmic"),
    ),
    "memory": (
        N_("memory"),
        N_("parameters and buffers as float32: 10 up to {best:g} MiB, 0 from {worst:g} MiB, logarithmic"),
    ),
    "feature_size": (
        N_("feature size"),
        N_("length of the pooled feature vector: 10 up to {best:g}, 0 from {worst:g}, logarithmic"),
    ),
    "support": (
        N_("support and documentation"),
        N_("a judgement from 0 to 10, set in conf/config.yaml (compare.matrix.support)"),
    ),
}
"""The five criteria in the order of their weights: what each is called, and how it is scored."""
NEUTRAL_SUPPORT = 5.0
"""What a model gets in `support` where params judge it not; its row is flagged."""


class LogScale(NamedTuple):
    """A measure of which less is better: `best` and less is 10, `worst` and more is 0, logarithmic between."""

    best: float
    worst: float

    def score(self, value: float) -> float | None:
        """Return 0..10 for a positive value in the measure's unit, None where it is not known."""
        return _clip(10 * (1 - math.log(value / self.best) / math.log(self.worst / self.best))) if value > 0 else None


SCALES = {
    "cpu_time": LogScale(25.0, 3000.0),
    "memory": LogScale(10.0, 2000.0),
    "feature_size": LogScale(512.0, 51_200.0),
}
"""Anchored by two networks that people had scored by hand; to the nearest whole point the scales agree with them:
ResNet-50 (189 ms of CPU on an AMD EPYC, 97.5 MiB, 2048 features) 6, 6, 7; EfficientNet-B0 (71 ms, 20.2 MiB, 1280
features) 8, 9, 8."""


def weighted_total(scores: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Return the weighted mean of the scores, 0..10; only the weights' proportions count."""
    return math.fsum(scores[name] * weights[name] for name in weights) / math.fsum(weights.values())


def with_matrix(
    summaries: Sequence[Summary], n_labels: int, params: MatrixParams, *, t: Translator
) -> tuple[list[Summary], dict[str, Any]]:
    """Return the summaries with `matrix_total`, and choice.json's `matrix`: its criteria, rows and note.

    Scales are fixed, so another candidate in the study changes no score and no order. Models without a judgement of
    `support` get `NEUTRAL_SUPPORT` and a flag. Scores and totals are 0 to 10; rows stand in the order of their totals,
    one that lacks a measure has none (null) and stands last.
    """
    weights = params.weights.model_dump()
    rows = [_row(item, n_labels, weights, params.support) for item in summaries]
    scored = [
        replace(item, values={**item.values, "matrix_total": math.nan if row["total"] is None else row["total"]})
        for item, row in zip(summaries, rows, strict=True)
    ]
    rows.sort(key=lambda row: (row["total"] is None, -(row["total"] or 0.0)))
    criteria = [
        {
            "name": name,
            "title": t.gettext(title),
            "weight": weights[name],
            "measure": t.gettext(measure, **(SCALES[name]._asdict() if name in SCALES else {})),
        }
        for name, (title, measure) in CRITERIA.items()
    ]
    return scored, {"criteria": criteria, "rows": rows, "note": _note(rows, t)}


def _row(item: Summary, n_labels: int, weights: Mapping[str, float], support: Mapping[str, float]) -> dict[str, Any]:
    chance, images_per_cpu_s = 1 / n_labels, MEASURES["images_per_cpu_s"].value(item)
    scores = {
        "accuracy": _clip(10 * (item.accuracy - chance) / (1 - chance)) if n_labels > 1 else None,
        "cpu_time": SCALES["cpu_time"].score(1000 / images_per_cpu_s if images_per_cpu_s else math.nan),
        "memory": SCALES["memory"].score(item.size_mib),
        "feature_size": SCALES["feature_size"].score(item.n_features),
        "support": float(support.get(item.model, NEUTRAL_SUPPORT)),
    }
    known = {name: score for name, score in scores.items() if score is not None}
    missing = [name for name in scores if name not in known]
    return {
        "candidate": item.candidate,
        "scores": scores,
        "total": None if missing else weighted_total(known, weights),
        "missing": missing,
        "support_assumed": item.model not in support,
    }


def _clip(score: float) -> float:
    return min(10.0, max(0.0, score))


def _note(rows: Sequence[Mapping[str, Any]], t: Translator) -> str:
    parts = [
        t.gettext(
            "The scales are fixed: adding or removing a candidate changes no other score. The total is the "
            "weighted mean."
        )
    ]
    told = {
        "support_assumed": N_("Nobody has judged the support of {names}: {neutral:g} of 10 is assumed."),
        "missing": N_("No total for {names}: a measure is missing."),
    }
    for key, text in told.items():
        if names := [row["candidate"] for row in rows if row[key]]:
            parts.append(t.gettext(text, names=t.join(names), neutral=NEUTRAL_SUPPORT))
    return " ".join(parts)
