"""The model card's figures: measures with their intervals, calibration, and the classes one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bakeoff.decision.collect import Record, value_at
from bakeoff.language.phrases import Words

_MEASURES = (
    *("accuracy", "balanced_accuracy", "top_3_accuracy", "top_5_accuracy", "macro_f1", "weighted_f1"),
    *("matthews", "roc_auc", "log_loss", "brier"),
)
_SPLITS = ("train", "validation", "test")


def metrics_section(record: Record, words: Words) -> list[str]:
    """Return the table of measures on the test photos, and the accuracy on the three splits side by side."""
    test, intervals = record.metrics["splits"]["test"], value_at(record.metrics, "intervals.test") or {}
    rows = [
        f"| {words(f'card.metric.{name}')} | {_score(test, name, words)} | {_interval(intervals.get(name), words)} |"
        for name in _MEASURES
        if isinstance(test.get(name), int | float)
    ]
    blocks = ["\n".join([words("card.metrics_head"), "|---|---|---|", *rows])]
    accuracies = {name: value_at(record.metrics, f"splits.{name}.accuracy") for name in _SPLITS}
    if all(isinstance(value, int | float) for value in accuracies.values()):
        blocks.append(words("card.splits_compared", **accuracies))
    return blocks


def calibration_section(record: Record, words: Words) -> list[str]:
    """Return what calibration.json says of the probabilities, and which answers may be kept without a look."""
    calibration = record.calibration
    before = value_at(calibration, "test.before.ece_equal_width")
    after = value_at(calibration, "test.after.ece_equal_width")
    if before is None or after is None:
        return [words("card.uncalibrated")]
    facts = {"temperature": calibration["temperature"], "n": calibration["n_validation"]}
    blocks = [words("card.calibrated", before=before, after=after, **facts)]
    rows = [_coverage_row(row, words) for row in calibration.get("coverage") or []]
    if rows:
        blocks.append("\n".join([words("card.coverage_head"), "|---|---|---|", *rows]))
    return blocks


def per_class_section(record: Record, words: Words) -> list[str]:
    """Return the table of classes in the order of the labels."""
    per_class = record.metrics.get("per_class") or {}
    rows = []
    for label, row in per_class.items():
        scores = " | ".join(_score(row, name, words) for name in ("precision", "recall", "f1"))
        rows.append(f"| {label.replace('|', '/')} | {scores} | {row.get('support', 0)} |")
    return ["\n".join([words("card.per_class_head"), "|---|---|---|---|---|", *rows])] if rows else []


def _coverage_row(row: Mapping[str, Any], words: Words) -> str:
    kept = words.percent(row["coverage"], 0)
    accuracy = "—" if row.get("accuracy") is None else words.percent(row["accuracy"])
    return f"| {words.percent(row['threshold'], 0)} | {kept} | {accuracy} |"


def _interval(interval: Mapping[str, Any] | None, words: Words) -> str:
    if not interval or interval.get("low") is None:
        return words("card.no_interval")
    return words("card.to", low=interval["low"], high=interval["high"])


def _score(row: Mapping[str, Any], name: str, words: Words) -> str:
    value = row.get(name)
    return "—" if value is None else words.number(value, ".3f")
