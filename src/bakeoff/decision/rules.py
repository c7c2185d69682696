"""Who may be chosen and who is ahead of whom; `choice` puts the outcome into words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bakeoff.decision.summary import Summary
from bakeoff.params import CompareParams

_ROUNDING = 1e-9


class Refusal(NamedTuple):
    """Why a candidate may not be chosen: a kind to count by, and the sentence with its numbers."""

    kind: str
    sentence: str


def refusals(item: Summary, limits: CompareParams, *, any_pretrained: bool) -> list[Refusal]:
    """Return why a candidate may not be chosen; empty where it may.

    Args:
        item: the candidate.
        limits: section `compare`.
        any_pretrained: whether any candidate of the study with a result started from pretrained weights.
    """
    found = [] if item.learned else [Refusal("did not learn", "it did not learn")]
    if not item.pretrained and any_pretrained and not limits.allow_random_weights:
        sentence = "it started from random weights while pretrained candidates are there"
        found.append(Refusal("random start beside pretrained candidates", sentence))
    if limits.max_latency_ms is not None or limits.min_images_per_s is not None:
        found += _time_refusals(item, limits)
    if limits.max_size_mib is not None and not item.size_mib <= limits.max_size_mib:
        sentence = f"its size {item.size_mib:.1f} MiB exceeds compare.max_size_mib = {limits.max_size_mib:g}"
        found.append(Refusal("too large", sentence))
    return found


def _time_refusals(item: Summary, limits: CompareParams) -> list[Refusal]:
    if not item.time_comparable:
        sentence = f"its times come from another device ({item.device}), so the limits cannot be checked"
        return [Refusal("timed on another device", sentence)]
    found = []
    if limits.max_latency_ms is not None and not item.latency_ms <= limits.max_latency_ms:
        limit = f"compare.max_latency_ms = {limits.max_latency_ms:g}"
        found.append(Refusal("too slow", f"its latency {item.latency_ms:.1f} ms exceeds {limit}"))
    if limits.min_images_per_s is not None and not item.images_per_s >= limits.min_images_per_s:
        limit = f"compare.min_images_per_s = {limits.min_images_per_s:g}"
        found.append(Refusal("too low a throughput", f"its {item.images_per_s:.1f} images/s are below {limit}"))
    return found


def commercial_refusal(item: Summary) -> str | None:
    """Return why a candidate may not be the commercial choice.

    An unknown licence counts as not proven: a wrong "yes" costs the user more than a wrong "no".
    """
    if item.commercial_use is True:
        return None
    if item.commercial_use is False:
        return f"its licence forbids commercial use ({item.licence})"
    return f"commercial use is not proven ({item.licence}): check the licence on the model card"


def rank_eligible(items: Sequence[Summary]) -> list[Summary]:
    """Return the candidates in the order in which they would be chosen.

    The next one is the fastest of those within one test product of the best accuracy left (ties: accuracy, then name).
    """
    left, ranked = list(items), []
    while left:
        top = max(item.accuracy for item in left)
        tied = [item for item in left if item.accuracy >= top - 1 / item.n_test - _ROUNDING]
        chosen = min(tied, key=lambda item: (item.comparable_latency_ms, -item.accuracy, item.candidate))
        ranked.append(chosen)
        left.remove(chosen)
    return ranked
