"""reports/metrics.json for `dvc metrics show` and `dvc exp show`: who is chosen, and numbers, flat at the top."""

import math
from collections.abc import Sequence
from typing import Any

from bakeoff.decision.choice_record import ChoiceRecord
from bakeoff.decision.summary import Summary

_BEST = (
    *("accuracy", "accuracy_low", "accuracy_high", "macro_f1", "balanced_accuracy", "log_loss", "ece"),
    *("latency_ms", "latency_p99_ms", "images_per_s", "size_mib", "train_time_s"),
)
_EACH = ("accuracy", "latency_ms", "images_per_s")


def flat_metrics(choice: ChoiceRecord, summaries: Sequence[Summary]) -> dict[str, Any]:
    """Return the answer's measures, how sure it is, the counts, and the main measures of every candidate.

    A measure that is unknown, or a choice that is none, is left out: DVC shows a gap for it. A candidate whose result
    says nothing about its backbone has `apart`, the reason's code, which `bakeoff aggregate` reads.
    """
    metrics: dict[str, Any] = {}
    best = next((item for item in summaries if choice.best and item.candidate == choice.best["candidate"]), None)
    if best is not None:
        metrics |= {"best": best.candidate} | _known(best, _BEST)
        if corrected := choice.corrected.get(best.candidate):
            value = corrected.accuracy
            ends = {"accuracy_corrected_low": value.low, "accuracy_corrected_high": value.high}
            metrics |= {"accuracy_corrected": value.estimate, **ends}
        if choice.stability.winner_share is not None:
            metrics["winner_share"] = choice.stability.winner_share
    if choice.best_commercial:
        metrics["best_commercial"] = choice.best_commercial["candidate"]
    metrics |= {"n_test": choice.n_test, "n_candidates": choice.n_candidates, "n_failed": choice.n_failed}
    apart = {name: {"apart": codes[0]} for name, codes in choice.exclusions.items()}
    return metrics | {item.candidate: _known(item, _EACH) | apart.get(item.candidate, {}) for item in summaries}


def _known(item: Summary, names: Sequence[str]) -> dict[str, float]:
    values = {name: float(getattr(item, name)) for name in names}
    return {name: value for name, value in values.items() if math.isfinite(value)}
