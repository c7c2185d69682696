"""What a session of `bakeoff throughput` found: medians and ranges over its rounds, in one small file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.core.errors import EvaluationError
from bakeoff.speed.protocol import PROTOCOL


def read_session(path: Path) -> dict[str, dict[str, Any]]:
    """Return the session's records by speed key, empty where no session of this protocol was held.

    Args:
        path: measurements/throughput.json.

    Raises:
        EvaluationError: the file is not a session.
    """
    if not path.is_file():
        return {}
    try:
        session = json.loads(path.read_text(encoding="utf-8"))
        protocol, records = session["protocol"], dict(session["records"])
    except (ValueError, KeyError, TypeError):
        raise EvaluationError(
            f"{path} is not a session of `bakeoff throughput` (expected JSON with protocol and records); "
            "run `bakeoff throughput` again, or delete the file."
        ) from None
    return records if protocol == PROTOCOL else {}


def combine_rounds(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return one record of several: medians over the rounds, with the lowest and the highest of the two main figures.

    The best batch is the one with the highest median; what is no speed comes from the round nearest to that median.

    Args:
        rounds: records of one speed key, at least one.
    """
    points = [_combine_points(list(same)) for same in zip(*_aligned(rounds), strict=True)]
    best = max((point for point in points if point["images_per_s"]), key=lambda point: point["images_per_s"])
    at_best = [_speed(record, best["batch_size"]) for record in rounds]
    speeds = [speed for speed in at_best if speed is not None]
    latencies = [record["latency_ms_p50"] for record in rounds]
    distances = [abs((speed or 0) - best["images_per_s"]) for speed in at_best]
    nearest = rounds[int(np.argmin(distances))]
    restless = float(np.median([record["restlessness"] for record in rounds]))
    return {
        **nearest,
        "images_per_s": best["images_per_s"],
        "images_per_s_low": min(speeds),
        "images_per_s_high": max(speeds),
        "ms_per_image": 1000 / best["images_per_s"],
        "images_per_cpu_s": best["images_per_cpu_s"],
        "batch_size": best["batch_size"],
        **{name: _median(rounds, name) for name in ("latency_ms_p50", "latency_ms_p90", "latency_ms_p99")},
        "latency_ms_p50_low": min(latencies),
        "latency_ms_p50_high": max(latencies),
        "sweep": points,
        "end_to_end": _combine_ways([record["end_to_end"] for record in rounds], nearest["end_to_end"]),
        "attempts": [attempt for record in rounds for attempt in record["attempts"]],
        "machine_index": nearest["machine_index"] | {"drift": _median([r["machine_index"] for r in rounds], "drift")},
        "forward_disagreement": _median(rounds, "forward_disagreement"),
        "restlessness": restless,
        "noisy": restless > 1,
        "seconds": sum(record["seconds"] for record in rounds),
        "n_rounds": len(rounds),
        "session": True,
    }


def _aligned(rounds: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return each round's sweep over the batch sizes that all rounds have."""
    common = set.intersection(*({point["batch_size"] for point in record["sweep"]} for record in rounds))
    return [[point for point in record["sweep"] if point["batch_size"] in common] for record in rounds]


def _combine_points(points: list[dict[str, Any]]) -> dict[str, Any]:
    measured = [point for point in points if point["images_per_s"] is not None]
    return {
        "batch_size": points[0]["batch_size"],
        "images_per_s": _median(measured, "images_per_s"),
        "images_per_cpu_s": _median(measured, "images_per_cpu_s"),
        "n_batches": sum(point["n_batches"] for point in points),
        "skipped": None if measured else points[0]["skipped"],
    }


def _combine_ways(ways: Sequence[dict[str, Any]], nearest: dict[str, Any]) -> dict[str, Any]:
    """Return medians from file to class over the rounds that walked at the nearest round's batch size."""
    alike = [way for way in ways if way["batch_size"] == nearest["batch_size"]]
    medians = {name: _median(alike, name) for name in nearest if name not in ("batch_size", "n_images")}
    return {**medians, "n_images": sum(way["n_images"] for way in alike), "batch_size": nearest["batch_size"]}


def _speed(record: dict[str, Any], batch_size: int) -> float | None:
    return next((point["images_per_s"] for point in record["sweep"] if point["batch_size"] == batch_size), None)


def _median(records: Sequence[dict[str, Any]], name: str) -> float | None:
    values = [record[name] for record in records if record[name] is not None]
    return float(np.median(values)) if values else None
