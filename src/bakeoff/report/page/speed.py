"""Throughput in detail, a row per network: latency, the sweep over batch sizes, where the time goes, noise."""

from collections.abc import Sequence
from typing import Any

from bakeoff.decision.collect import Evaluated
from bakeoff.records.speed import NetworkSpeed

_PARTS = ("decode_ms", "preprocess_ms", "forward_ms")


def speed_views(records: Sequence[Evaluated]) -> dict[str, Any]:
    """Return a row per measured network of these records, and the batch sizes of all sweeps."""
    networks = {record.candidate.model: record.speed for record in records if record.speed}
    rows = [_row(name, values) for name, values in networks.items()]
    longest = max((sum(part["ms"] for part in row["parts"]) for row in rows), default=0.0)
    for row in rows:
        for part in row["parts"]:
            part["pct"] = round(100 * part["ms"] / longest, 2) if longest else 0.0
    return {
        "rows": rows,
        "batch_sizes": sorted({size for row in rows for size in row["sweep"]}),
        "noisy": [row["network"] for row in rows if row["noisy"]],
        "devices": sorted({row["device_name"] for row in rows}),
        "missing": sorted({record.candidate.model for record in records} - networks.keys()),
    }


def _row(network: str, speed: NetworkSpeed) -> dict[str, Any]:
    sweep = {one.batch_size: {**dict(one), "best": one.batch_size == speed.batch_size} for one in speed.sweep}
    parts = [{"name": name, "ms": getattr(speed.end_to_end, name)} for name in _PARTS]
    return {**dict(speed), "network": network, "parts": parts, "sweep": sweep}
