"""Throughput in detail: latency percentiles, the sweep over batch sizes, where the time goes, and noisy records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.decision.collect import Record
from bakeoff.report.render import is_known

_PARTS = ("decode_ms", "preprocess_ms", "forward_ms")


def speed_views(records: Sequence[Record]) -> dict[str, Any]:
    """Return a row per candidate, and the batch sizes of all sweeps."""
    rows = [_row(record) for record in records]
    sizes = sorted({size for row in rows for size in row["sweep"]})
    longest = max((sum(part["ms"] for part in row["parts"]) for row in rows), default=0.0)
    for row in rows:
        for part in row["parts"]:
            part["pct"] = round(100 * part["ms"] / longest, 2) if longest else 0.0
    return {
        "rows": rows,
        "batch_sizes": sizes,
        "has_parts": any(row["parts"] for row in rows),
        "has_sweep": bool(sizes),
        "has_index": any(row["index"] for row in rows),
        "session": any(row["values"].get("session") for row in rows),
        "shared": [row for row in rows if row["measured_on"] not in (None, row["candidate"])],
        "noisy": [row["candidate"] for row in rows if row["values"].get("noisy")],
        "devices": sorted({_device(row["values"]) for row in rows}),
    }


def _row(record: Record) -> dict[str, Any]:
    values = record.throughput
    end_to_end = values.get("end_to_end") or {}
    parts = [{"name": name, "ms": end_to_end[name]} for name in _PARTS if is_known(end_to_end.get(name))]
    best = values.get("batch_size")
    return {
        "candidate": record.slot.candidate,
        "values": {**dict.fromkeys(_SHOWN), **values},
        "end_to_end": {**dict.fromkeys(("images_per_s", "ms_per_image", "images_per_cpu_s")), **end_to_end},
        "parts": parts,
        "sweep": {
            step["batch_size"]: step | {"best": step["batch_size"] == best} for step in values.get("sweep") or ()
        },
        "index": values.get("machine_index") or {},
        "measured_on": values.get("measured_on"),
        "n_attempts": len(values.get("attempts") or ()) or 1,
    }


_SHOWN = (
    *("latency_ms_p50", "latency_ms_p90", "latency_ms_p99", "images_per_s", "images_per_cpu_s", "batch_size"),
    *("peak_memory_mib", "n_parameters", "gmacs", "size_mib", "file_mib", "noisy", "session", "threads", "dtype"),
    "forward_disagreement",
    *("runtime", "framework", "memory_format", "images_per_s_low", "images_per_s_high"),
)


def _device(values: Mapping[str, Any]) -> str:
    return str(values.get("device_name") or values.get("device"))
