"""One variant against the plain network: speed, taking turns in one process, and accuracy on the test split."""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bakeoff.deploy.variants.build import Logits, Plain, Variant, build, plain_variant
from bakeoff.statistics.paired import paired_difference
from bakeoff.training.losses import probabilities

MIN_PAIRS, MAX_PAIRS = 3, 50
_SMALLEST = 1e-15


@dataclass(frozen=True)
class Task:
    """What every variant is tried on."""

    photos: np.ndarray  # (N, H, W, 3) float32 in [0, 1]: the test split
    label_ids: np.ndarray  # (N,) int
    probability_kind: str
    batch_size: int
    budget_s: float  # seconds of timing per variant


def compare_variants(
    plain: Plain, names: list[str], task: Task, *, on_variant: Callable[[str], None] = lambda name: None
) -> list[dict[str, Any]]:
    """Return one row per variant, the plain network's first; a variant that fails is a row with its problem."""
    reference = plain_variant(plain)
    on_variant("plain")
    expected, first_s = _classify(reference.logits, task)
    by_definition = {"accuracy_lost_low_points": 0.0, "accuracy_lost_high_points": 0.0}
    quality = {**_quality(expected, expected, task), **by_definition}
    speed = {**_speed(reference, reference, task), "speedup": 1.0, "latency_speedup": 1.0}
    rows = [_row("plain", reference, first_s, quality, speed)]
    for name in names:
        on_variant(name)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # compilers and exporters warn of their own internals
                variant = build(name, plain)
                found, first_s = _classify(variant.logits, task)
                speed = _speed(variant, reference, task)
            rows.append(_row(name, variant, first_s, _quality(found, expected, task), speed))
        except Exception as error:  # a compiler's, an exporter's, a runtime's: whatever it is, the others go on
            problem = {"variant": name, "status": "failed", "problem": _in_words(error)}
            rows.append(dict.fromkeys(rows[0]) | problem)
    return rows


def _row(
    name: str, variant: Variant, first_s: float, quality: dict[str, float], speed: dict[str, float]
) -> dict[str, Any]:
    made = {"size_mib": variant.size_mib, "setup_s": variant.setup_s + first_s}
    return {"variant": name, **speed, **made, **quality, "status": "ok", "problem": None}


def _classify(logits: Logits, task: Task) -> tuple[np.ndarray, float]:
    """Return probabilities (N, K) and how many seconds the first batch took longer than the last whole one.

    That is what compiling costs. All batches have one size: a compiled network is compiled anew for another.
    """
    size, n = task.batch_size, len(task.photos)
    timed = [_timed(logits, task.photos[np.arange(start, start + size) % n]) for start in range(0, n, size)]
    found = torch.from_numpy(np.concatenate([part for part, _ in timed])[:n])
    last_s = timed[-1][1] if len(timed) > 1 else _timed(logits, task.photos[np.arange(size) % n])[1]
    return probabilities(found, task.probability_kind).numpy().astype(np.float64), max(0.0, timed[0][1] - last_s)


def _timed(logits: Logits, photos: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the photos' logits (N, K) and how many seconds they took."""
    began = time.perf_counter()
    found = logits(photos)
    return found, time.perf_counter() - began


def _quality(found: np.ndarray, expected: np.ndarray, task: Task) -> dict[str, float]:
    """Return how right the variant is, what it lost with its 95 % interval, and how often it agrees with the plain."""
    right, plain_right = (values.argmax(axis=1) == task.label_ids for values in (found, expected))
    true = found[np.arange(len(found)), task.label_ids]
    lost, interval = paired_difference(plain_right, right)
    return {
        "accuracy": float(right.mean()),
        "accuracy_lost_points": 100 * lost,
        "accuracy_lost_low_points": 100 * interval.low,
        "accuracy_lost_high_points": 100 * interval.high,
        "agreement": float((found.argmax(axis=1) == expected.argmax(axis=1)).mean()),
        "log_loss": float(-np.log(np.clip(true, _SMALLEST, 1)).mean()),
    }


def _speed(variant: Variant, reference: Variant, task: Task) -> dict[str, float]:
    """Return images/s at the batch and latency at batch 1, in turns with the plain network: medians of the pairs."""
    batch = task.photos[np.arange(task.batch_size) % len(task.photos)]
    batch_s, plain_batch_s = _turns(variant.logits, reference.logits, batch, budget_s=task.budget_s / 2)
    single_s, plain_single_s = _turns(variant.logits, reference.logits, task.photos[:1], budget_s=task.budget_s / 2)
    return {
        "images_per_s": task.batch_size / float(np.median(batch_s)),
        "speedup": float(np.median(np.divide(plain_batch_s, batch_s))),
        "latency_ms_p50": 1000 * float(np.median(single_s)),
        "latency_speedup": float(np.median(np.divide(plain_single_s, single_s))),
    }


def _turns(
    logits: Logits, reference: Logits, photos: np.ndarray, *, budget_s: float
) -> tuple[list[float], list[float]]:
    """Return seconds of the variant and of the plain network, called one after the other after one call unmeasured."""
    logits(photos)
    reference(photos)
    own, plain = [], []
    start = time.perf_counter()
    while len(own) < MIN_PAIRS or (len(own) < MAX_PAIRS and time.perf_counter() - start < budget_s):
        for call, seconds in ((logits, own), (reference, plain)):
            seconds.append(_timed(call, photos)[1])
    return own, plain


def _in_words(error: Exception) -> str:
    """Return an error's first line, and its class where the text alone says little."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
