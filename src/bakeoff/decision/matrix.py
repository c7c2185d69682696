"""The weighted decision matrix: five criteria, each scored 0 to 10 on a scale that no other candidate moves."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from bakeoff.core.errors import EvaluationError
from bakeoff.core.section import LanguageCode
from bakeoff.core.translation import N_, Translator

_CRITERION = {
    "accuracy": N_("accuracy"),
    "cpu_time": N_("CPU time"),
    "memory": N_("memory"),
    "feature_size": N_("feature size"),
    "support": N_("support and documentation"),
}

_MEASURE = {
    "accuracy": N_("test accuracy: 0 at chance (1 / number of classes), 10 at 100%, linear"),
    "cpu_time": N_("CPU time per image at the best batch: 10 up to {best:g} ms, 0 from {worst:g} ms, logarithmic"),
    "memory": N_("parameters and buffers as float32: 10 up to {best:g} MiB, 0 from {worst:g} MiB, logarithmic"),
    "feature_size": N_("length of the pooled feature vector: 10 up to {best:g}, 0 from {worst:g}, logarithmic"),
    "support": N_("a judgement from 0 to 10, set in conf/config.yaml (compare.matrix.support)"),
}

NEUTRAL_SUPPORT = 5.0
"""What a model gets in `support` where params judge it not; its row is flagged."""


class LogScale(NamedTuple):
    """A measure of which less is better: `best` and less is 10, `worst` and more is 0, logarithmic between."""

    measure: str
    best: float
    worst: float

    def score(self, value: float) -> float:
        """Return 0..10 for a positive value in the measure's unit."""
        return _clip(10 * (1 - math.log(value / self.best) / math.log(self.worst / self.best)))


SCALES = {
    "cpu_time": LogScale("cpu_ms_per_image", 25.0, 3000.0),
    "memory": LogScale("size_mib", 10.0, 2000.0),
    "feature_size": LogScale("n_features", 512.0, 51_200.0),
}
"""Anchored by two networks that people had scored by hand; to the nearest whole point the scales agree with them:
ResNet-50 (189 ms of CPU on an AMD EPYC, 97.5 MiB, 2048 features) 6, 6, 7; EfficientNet-B0 (71 ms, 20.2 MiB, 1280
features) 8, 9, 8."""


def weighted_total(scores: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Return the weighted mean of the scores, 0..10.

    Args:
        scores: criterion to 0..10.
        weights: criterion to weight, in any unit; only their proportions count.

    Raises:
        EvaluationError: the two name different criteria, or the weights do not add up to more than 0.
    """
    if scores.keys() != weights.keys():
        raise EvaluationError(
            f"the decision matrix has weights for {', '.join(sorted(weights))}, "
            f"but scores for {', '.join(sorted(scores))}; name the same criteria in both."
        )
    total = math.fsum(weights.values())
    if not total > 0 or min(weights.values()) < 0:
        raise EvaluationError(f"the weights of the decision matrix must be 0 or more and not all 0, got {weights}.")
    return math.fsum(scores[name] * weights[name] for name in weights) / total


def decision_matrix(
    rows: Sequence[Mapping[str, Any]],
    weights: Mapping[str, float],
    support: Mapping[str, float],
    *,
    language: LanguageCode = "en",
) -> dict[str, Any]:
    """Return choice.json's `matrix`, rows by total; a row that lacks a measure has no total and stands last.

    Scales are fixed, so another candidate in the study changes no score and no order.

    Args:
        rows: one per candidate with `candidate`, `model`, `accuracy` (share), `n_classes` (or `chance`, share), and
            `images_per_cpu_s` (images per second of CPU), `size_mib`, `n_features` (length of the pooled features);
            None or NaN where not known.
        weights: `accuracy`, `cpu_time`, `memory`, `feature_size`, `support` to weight (compare.matrix.weights).
        support: model to 0..10 (compare.matrix.support), a judgement; others get `NEUTRAL_SUPPORT` and a flag.
        language: of measures and note.

    Returns:
        {"criteria": [{"name", "title", "weight", "measure"}], "rows": [{"candidate", "scores": {name: 0..10 | None},
        "total": 0..10 | None, "missing": [names], "support_assumed": bool}], "note"}.

    Raises:
        EvaluationError: the weights name other criteria, or are all 0.
    """
    t = Translator(language)
    weighted_total(dict.fromkeys(CRITERIA, 0.0), weights)
    scored = [_score_row(row, weights, support) for row in rows]
    scored.sort(key=lambda row: (row["total"] is None, -(row["total"] or 0.0)))
    return {
        "criteria": [
            {
                "name": name,
                "title": t.gettext(_CRITERION[name]),
                "weight": weights[name],
                "measure": t.gettext(_MEASURE[name], **_bounds(name)),
            }
            for name in CRITERIA
        ],
        "rows": scored,
        "note": _note(scored, t),
    }


def _score_row(row: Mapping[str, Any], weights: Mapping[str, float], support: Mapping[str, float]) -> dict[str, Any]:
    scores: dict[str, float | None] = {name: scorer(row) for name, scorer in CRITERIA.items()}
    assumed = row["model"] not in support
    scores["support"] = float(support.get(row["model"], NEUTRAL_SUPPORT))
    known = {name: score for name, score in scores.items() if score is not None}
    missing = [name for name in scores if name not in known]
    return {
        "candidate": row["candidate"],
        "scores": scores,
        "total": None if missing else weighted_total(known, weights),
        "missing": missing,
        "support_assumed": assumed,
    }


def _accuracy_score(row: Mapping[str, Any]) -> float | None:
    """Return 0 at the chance level and 10 at 1, linear between."""
    accuracy, chance = _number(row, "accuracy"), _number(row, "chance")
    n_classes = _number(row, "n_classes")
    if chance is None and n_classes is not None and n_classes > 1:
        chance = 1 / n_classes
    if accuracy is None or chance is None:
        return None
    return _clip(10 * (accuracy - chance) / (1 - chance))


def _cpu_time_score(row: Mapping[str, Any]) -> float | None:
    rate = _number(row, "images_per_cpu_s")
    return SCALES["cpu_time"].score(1000 / rate) if rate else None


def _memory_score(row: Mapping[str, Any]) -> float | None:
    size_mib = _number(row, "size_mib")
    return SCALES["memory"].score(size_mib) if size_mib else None


def _feature_size_score(row: Mapping[str, Any]) -> float | None:
    n_features = _number(row, "n_features")
    return SCALES["feature_size"].score(n_features) if n_features else None


CRITERIA: dict[str, Callable[[Mapping[str, Any]], float | None]] = {
    "accuracy": _accuracy_score,
    "cpu_time": _cpu_time_score,
    "memory": _memory_score,
    "feature_size": _feature_size_score,
    "support": lambda _: None,
}
"""The five criteria in their order; `support` is a judgement and comes from params."""


def _number(row: Mapping[str, Any], name: str) -> float | None:
    value = row.get(name)
    return float(value) if value is not None and math.isfinite(value) else None


def _clip(score: float) -> float:
    return min(10.0, max(0.0, score))


def _bounds(name: str) -> dict[str, float]:
    scale = SCALES.get(name)
    return {"best": scale.best, "worst": scale.worst} if scale else {}


def _note(rows: Sequence[Mapping[str, Any]], t: Translator) -> str:
    parts = [
        t.gettext(
            "The scales are fixed: adding or removing a candidate changes no other score. The total is the "
            "weighted mean."
        )
    ]
    assumed = [row["candidate"] for row in rows if row["support_assumed"]]
    if assumed:
        parts.append(
            t.gettext(
                "Nobody has judged the support of {names}: {neutral:g} of 10 is assumed.",
                names=t.join(assumed),
                neutral=NEUTRAL_SUPPORT,
            )
        )
    incomplete = [row["candidate"] for row in rows if row["missing"]]
    if incomplete:
        parts.append(t.gettext("No total for {names}: a measure is missing.", names=t.join(incomplete)))
    return " ".join(parts)
