"""The whole way of a photo, as a service walks it: read and decode, resize and crop, forward pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.speed.clocks import Clocks
from bakeoff.speed.subject import Subject
from bakeoff.speed.sweep import SweepPoint

MAX_BATCHES = 20
LEAST_BATCHES = 3
_LITTLE_S = 1.0


@dataclass
class _Totals:
    n_images: int = 0
    decode_s: float = 0.0
    preprocess_s: float = 0.0
    forward_s: float = 0.0

    @property
    def seconds(self) -> float:
        return self.decode_s + self.preprocess_s + self.forward_s


def time_end_to_end(subject: Subject, points: list[SweepPoint], *, until: float, clocks: Clocks) -> dict[str, Any]:
    """Return images/s from file to probabilities, and where the time goes, mean ms per image.

    The batch is the fastest of the sweep of which a warm-up and three timed ones fit into the time left, else the
    smallest. Three that take less than a second together are timed even where the sweep left no time; a network too
    slow for two photos is timed on its first.

    Args:
        subject: the network and its photos.
        points: the sweep.
        until: the wall clock's reading at which it should end.
        clocks: wall and CPU.
    """
    batch_size = _batch_size(points, until - clocks.wall())
    totals, cpu_start = _Totals(), clocks.cpu()
    _walk(subject, batch_size, totals, clocks)
    batch_s = totals.seconds
    until = max(until, clocks.wall() + min(LEAST_BATCHES * batch_s, _LITTLE_S))
    if clocks.wall() + batch_s <= until:  # else the first one counts: the sweep has warmed the network already
        totals, cpu_start = _Totals(), clocks.cpu()
        for _ in range(MAX_BATCHES):
            _walk(subject, batch_size, totals, clocks)
            if clocks.wall() + batch_s > until:
                break
    cpu_s, n = clocks.cpu() - cpu_start, totals.n_images
    return {
        "images_per_s": n / totals.seconds,
        "ms_per_image": 1000 * totals.seconds / n,
        "images_per_cpu_s": n / cpu_s if cpu_s > 0 else None,
        "decode_ms": 1000 * totals.decode_s / n,
        "preprocess_ms": 1000 * totals.preprocess_s / n,
        "forward_ms": 1000 * totals.forward_s / n,
        "n_images": n,
        "batch_size": batch_size,
    }


def pool_ways(ways: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the record of all attempts that took the batch size with which most photos went."""
    n_of: Counter[int] = Counter()
    for way in ways:
        n_of[way["batch_size"]] += way["n_images"]
    batch_size, n = max(n_of.items(), key=lambda item: (item[1], -item[0]))
    same = [way for way in ways if way["batch_size"] == batch_size]
    pooled = {name: sum(way[name] * way["n_images"] for way in same) / n for name in same[0] if name.endswith("_ms")}
    pooled["ms_per_image"] = sum(way["ms_per_image"] * way["n_images"] for way in same) / n
    known = [way["n_images"] / way["images_per_cpu_s"] for way in same if way["images_per_cpu_s"]]
    return {
        "images_per_s": 1000 / pooled["ms_per_image"],
        "images_per_cpu_s": n / sum(known) if len(known) == len(same) else None,
        **pooled,
        "n_images": n,
        "batch_size": batch_size,
    }


def _batch_size(points: list[SweepPoint], left_s: float) -> int:
    measured = [point for point in points if point.timings]
    fitting = [point for point in measured if (1 + LEAST_BATCHES) * point.batch_size / point.images_per_s <= left_s]
    if not fitting:
        return min(point.batch_size for point in measured)
    return max(fitting, key=lambda point: point.images_per_s).batch_size


def _walk(subject: Subject, batch_size: int, totals: _Totals, clocks: Clocks) -> None:
    """Take one batch the whole way and add its seconds."""
    start = clocks.wall()
    photos = [subject.store_photo(totals.n_images + number) for number in range(batch_size)]
    decoded = clocks.wall()
    pixels = np.stack([subject.predictor.transform(photo) for photo in photos])
    prepared = clocks.wall()
    subject.predictor.forward(pixels)
    totals.decode_s += decoded - start
    totals.preprocess_s += prepared - decoded
    totals.forward_s += clocks.wall() - prepared
    totals.n_images += batch_size
