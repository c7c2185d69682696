"""The words of the choice: short sentences that hold the numbers they rest on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from bakeoff.decision.rules import Refusal
from bakeoff.decision.summary import Summary
from bakeoff.params import CompareParams
from bakeoff.statistics.wilson import overlap


def random_opening(summaries: Sequence[Summary], limits: CompareParams) -> str:
    """Return what must be said first where candidates started from random weights, else an empty text."""
    random = [item for item in summaries if not item.pretrained]
    if not random:
        return ""
    names = ", ".join(sorted({item.model for item in random}))
    started = f"{len(random)} of {len(summaries)} candidates started from random weights ({names})"
    sentence = f"This is no comparison of backbones, only of what could be had here: {started}"
    if len(random) == len(summaries) or limits.allow_random_weights:
        return f"{sentence}."
    return f"{sentence}; they are listed and not chosen."


def limits_in_words(limits: CompareParams) -> str:
    """Return `latency <= 30 ms, size <= 100 MiB`, or `no limits`."""
    parts = []
    if limits.max_latency_ms is not None:
        parts.append(f"latency ≤ {limits.max_latency_ms:g} ms")
    if limits.min_images_per_s is not None:
        parts.append(f"throughput ≥ {limits.min_images_per_s:g} images/s")
    if limits.max_size_mib is not None:
        parts.append(f"size ≤ {limits.max_size_mib:g} MiB")
    return ", ".join(parts) or "no limits"


def answer_sentence(ranked: Sequence[Summary], limits: CompareParams, *, group: str) -> str:
    """Return why the first of the ranked ones is the answer.

    Args:
        ranked: those it was chosen from, in order.
        limits: section `compare`.
        group: the plural of what they are, `eligible candidates`.
    """
    best = ranked[0]
    facts = f"test accuracy {best.accuracy:.3f} (95 % interval {best.accuracy_low:.3f} to {best.accuracy_high:.3f})"
    if math.isfinite(best.latency_ms):
        facts += f", {best.latency_ms:.1f} ms per photo"
    top = max(ranked, key=lambda item: item.accuracy)
    if len(ranked) == 1:
        why = f"the only one of the {group}"
    elif top.accuracy > best.accuracy:
        why = f"within one test product of {top.candidate} ({top.accuracy:.3f}) and faster, of {len(ranked)} {group}"
    else:
        why = f"the most accurate of {len(ranked)} {group}"
    within = limits_in_words(limits)
    scope = f" ({within})" if within != "no limits" else ""
    return f"{best.candidate}, {facts}: {why}{scope}."


def noise_sentence(best: Summary, runner_up: Summary) -> str:
    """Return whether the lead over the next candidate could be chance."""
    half = 100 * (best.accuracy_high - best.accuracy_low) / 2
    difference = 100 * (best.accuracy - runner_up.accuracy)
    size = f"{best.n_test} test products: ±{half:.0f} points"
    next_one = f"{runner_up.candidate} ({runner_up.accuracy:.3f}, {difference:+.1f} points)"
    if overlap(best.interval, runner_up.interval):
        return f"The difference to the runner-up {next_one} is within the noise ({size})."
    return f"The difference to the runner-up {next_one} is larger than the noise ({size})."


def nothing_sentence(why_not: Mapping[str, Sequence[Refusal]], limits: CompareParams) -> str:
    """Return why nothing was chosen and what to change."""
    if not why_not:
        return "No candidate has a result, so there is nothing to choose from."
    counts = Counter(refusal.kind for found in why_not.values() for refusal in found)
    whys = "; ".join(f"{n} × {kind}" for kind, n in counts.items())
    within = limits_in_words(limits)
    advice = "Get pretrained weights (`bakeoff weights --retry`) or train longer"
    if within != "no limits":
        advice = "Relax the limits in section `compare` of conf/config.yaml"
    return f"No candidate is eligible, so none is chosen ({within}): {whys}. {advice}."
