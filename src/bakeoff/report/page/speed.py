"""Throughput in detail, a row per network: latency, the sweep over batch sizes, where the time goes, noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bakeoff.decision.collect import Record

_PARTS = ("decode_ms", "preprocess_ms", "forward_ms")


def speed_views(records: Sequence[Record]) -> dict[str, Any]:
    """Return a row per measured network of these records, and the batch sizes of all sweeps."""
    networks = {record.candidate.model: record.throughput for record in records if record.throughput}
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


def _row(network: str, values: Any) -> dict[str, Any]:
    best = values["batch_size"]
    sweep = {step["batch_size"]: step | {"best": step["batch_size"] == best} for step in values["sweep"]}
    parts = [{"name": name, "ms": values["end_to_end"][name]} for name in _PARTS]
    return {**values, "network": network, "parts": parts, "sweep": sweep}
