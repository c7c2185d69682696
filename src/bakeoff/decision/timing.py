"""Which times are compared: those of one device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.core.translation import Translator
from bakeoff.decision.collect import Record


def usual_device(records: Sequence[Record]) -> str | None:
    """Return the device that most records were timed on; a tie goes to the first in the study's order."""
    counts = Counter(device_of(record) for record in records if record.ok and record.throughput)
    return counts.most_common(1)[0][0] if counts else None


def device_of(record: Record) -> str:
    """Return `cpu: AMD EPYC`, what a time was measured on."""
    return _device(record.throughput)


def timing_notes(records: Sequence[Record], *, t: Translator) -> list[str]:
    """Return what must be said about the times: measured elsewhere, with other threads, or noisy."""
    device = usual_device(records)
    done = [record for record in records if record.ok]
    notes = []
    others = sorted({record.candidate.name for record in done if record.throughput and device_of(record) != device})
    if others:
        notes.append(
            t.gettext(
                "Times are compared on {device} only; those of {names} come from another device and are listed, "
                "not compared.",
                device=device,
                names=t.join(others),
            )
        )
    same = [record for record in done if device_of(record) == device]
    threads = sorted({str(record.throughput.get("threads")) for record in same})
    if len(threads) > 1:
        notes.append(
            t.gettext(
                "Times were measured with different numbers of threads ({threads}): compare with care.",
                threads=", ".join(threads),
            )
        )
    noisy = sorted({record.candidate.name for record in same if record.throughput.get("noisy")})
    if noisy:
        notes.append(
            t.gettext(
                "The timings of {names} are noisy (the machine's speed changed, or two timings disagreed): compare "
                "with care, or run `bakeoff throughput`.",
                names=t.join(noisy),
            )
        )
    return notes


def _device(speed: Mapping[str, Any]) -> str:
    if not speed:
        return "not measured"
    device = str(speed["device"]).lower().removesuffix(":0")
    name = speed.get("device_name")
    return f"{device}: {name}" if name and str(name).lower() != device else device
