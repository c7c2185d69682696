"""Which times are compared: those of one device, and those of one interleaved session where there is one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bakeoff.core.translation import Translator
from bakeoff.decision.collect import Record


def usual_device(records: Sequence[Record]) -> str | None:
    """Return the device that most records were timed on; a tie goes to the first in the study's order."""
    counts = Counter(device_of(record) for record in records if record.ok)
    return counts.most_common(1)[0][0] if counts else None


def device_of(record: Record) -> str:
    """Return `cpu: AMD EPYC`, what a time was measured on."""
    return _device(record.throughput)


def share_measurements(records: Sequence[Record]) -> list[Record]:
    """Return the records with one measurement per network: of several with one speed_key, the steadiest.

    A noisy measurement is not shared while candidates are evaluated, so that a later mode or seed of the network may
    have a steadier one; it holds for all of them.
    """
    steadiest: dict[str, Mapping[str, Any]] = {}
    for record in records:
        key = record.throughput.get("speed_key") if record.ok else None
        if key and (key not in steadiest or _restlessness(record.throughput) < _restlessness(steadiest[key])):
            steadiest[key] = record.throughput
    return [
        replace(record, throughput={**steadiest[key], "candidate": record.slot.candidate})
        if record.ok and (key := record.throughput.get("speed_key")) in steadiest
        else record
        for record in records
    ]


def use_session(
    records: Sequence[Record], measurements_dir: Path | None, *, t: Translator
) -> tuple[list[Record], list[str]]:
    """Return the records with the times of measurements/throughput.json where they may be used, and what to say of it.

    A session on the study's own device replaces the times of the architectures it holds; one from another device
    replaces all of them or none, so that no two devices are mixed.

    Args:
        records: of every candidate.
        measurements_dir: measurements/; None or without throughput.json changes nothing.
        t: says it in the reader's language.
    """
    path = measurements_dir / "throughput.json" if measurements_dir is not None else None
    if path is None or not path.is_file():
        return list(records), []
    from bakeoff.speed.session import read_session

    session = read_session(path)
    found = {record.slot: _match(record, session) for record in records if record.ok}
    lacking = sorted({slot.candidate for slot, speed in found.items() if speed is None})
    matched = {slot: speed for slot, speed in found.items() if speed is not None}
    if not matched:
        return list(records), [
            t.gettext(
                "{path} holds none of these candidates as they are now, so the study's own times are used; run "
                "`bakeoff throughput` again.",
                path=path,
            )
        ]
    here, there = usual_device(records), Counter(map(_device, matched.values())).most_common(1)[0][0]
    if lacking and here != there:
        note = t.gettext(
            "{path} is from another device ({device}) and lacks {names}, so the study's own times are used; "
            "`bakeoff throughput` measures all together.",
            path=path,
            device=there,
            names=t.join(lacking),
        )
        return list(records), [note]
    replaced = [
        replace(record, throughput={**matched[record.slot], "session": True}) if record.slot in matched else record
        for record in records
    ]
    said = [t.gettext("Times come from one session in which the candidates took turns ({path}).", path=path)]
    if lacking:
        said.append(
            t.ngettext(
                "That session lacks {names}, whose times were measured alone; `bakeoff throughput` measures all "
                "together.",
                "That session lacks {names}, whose times were measured alone; `bakeoff throughput` measures all "
                "together.",
                len(lacking),
                names=t.join(lacking),
            )
        )
    return replaced, said


def timing_notes(records: Sequence[Record], *, t: Translator) -> list[str]:
    """Return what must be said about the times: measured elsewhere, with other threads, or noisy."""
    device = usual_device(records)
    done = [record for record in records if record.ok]
    notes = []
    others = sorted({record.slot.candidate for record in done if device_of(record) != device})
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
    noisy = sorted({record.slot.candidate for record in same if record.throughput.get("noisy")})
    if noisy:
        notes.append(
            t.gettext(
                "The timings of {names} are noisy (the machine's speed changed, or two timings disagreed): compare "
                "with care, or run `bakeoff throughput`.",
                names=t.join(noisy),
            )
        )
    return notes


def _match(record: Record, session: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return session.get(str(record.throughput.get("speed_key")))


def _restlessness(speed: Mapping[str, Any]) -> float:
    return float(speed.get("restlessness", math.inf))


def _device(speed: Mapping[str, Any]) -> str:
    device = str(speed["device"]).lower().removesuffix(":0")
    name = speed.get("device_name")
    return f"{device}: {name}" if name and str(name).lower() != device else device
