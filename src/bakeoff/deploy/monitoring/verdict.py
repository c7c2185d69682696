"""The verdict in sentences, in the language of params."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.language.monitoring import PHRASES
from bakeoff.language.phrases import LanguageCode, Words

_SMALLEST_P = 0.001


def monitoring_words(language: LanguageCode) -> Words:
    """Return the object that says monitoring's phrases."""
    return Words(language, PHRASES)


def settle_verdict(tests: Sequence[Mapping[str, Any]]) -> str:
    """Return `alarm` (accuracy fell), `changed` (something else differs) or `calm`."""
    differing = [test for test in tests if test["differs"]]
    if any(test["name"] == "accuracy" and test["statistic"] < 0 for test in differing):
        return "alarm"
    return "changed" if differing else "calm"


def write_sentences(report: Mapping[str, Any], words: Words) -> list[str]:
    """Return the verdict's sentences: accuracy or its estimate, what differs, what was left out, what to do."""
    tests = report["tests"]
    sentences = [_accuracy(report, words) if report["performance"] else _estimate(report, words)]
    drifting = [test["name"] for test in tests if test["differs"] and test["name"] != "accuracy"]
    if drifting:
        sentences.append(words("drift", names=words.join(words(f"name.{name}") for name in drifting)))
    elif not any(test["differs"] for test in tests):
        sentences.append(words("no_drift", n_tests=len(tests), n=report["n_new"]))
    if report["n_refused"]:
        sentences.append(words.count("refused", report["n_refused"]))
    if report["verdict"] == "alarm":
        sentences.append(words("advice.drop"))
    elif drifting and not report["performance"]:
        sentences.append(words("advice.drift"))
    return sentences


def write_p(p_value: float, words: Words) -> str:
    """Return `p = 0.020`, or `p < 0.001`."""
    return words("p.below", limit=_SMALLEST_P) if p_value < _SMALLEST_P else words("p.is", p=p_value)


def _accuracy(report: Mapping[str, Any], words: Words) -> str:
    performance = report["performance"]
    test = next(test for test in report["tests"] if test["name"] == "accuracy")
    now, before = performance["accuracy"], performance["accuracy_at_deployment"]
    points = 100 * performance["difference"]["value"]
    key = "same" if not test["differs"] else "drop" if points < 0 else "rise"
    detectable = {"detectable": 100 * performance["detectable_drop"]} if key == "same" else {}
    return words(
        key,
        candidate=report["candidate"],
        accuracy=words.percent(now["value"]),
        low=words.percent(now["low"]),
        high=words.percent(now["high"]),
        n=now["n"],
        before=words.percent(before["value"]),
        n_before=before["n"],
        points=points if key == "same" else abs(points),
        p=write_p(test["p_holm"], words),
        n_tests=len(report["tests"]),
        **detectable,
    )


def _estimate(report: Mapping[str, Any], words: Words) -> str:
    estimate = report["estimated_accuracy"]
    before = estimate["accuracy_at_deployment"]
    return words(
        "estimate",
        confidence=words.percent(estimate["average_confidence"]["value"]),
        threshold=words.percent(estimate["threshold_on_confidence"]["value"]),
        before=words.percent(before["value"]),
        n_before=before["n"],
    )
