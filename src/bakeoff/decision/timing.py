"""Which times are compared: those of one device."""

from collections import Counter
from collections.abc import Mapping, Sequence

from bakeoff.core.translation import N_, Translator
from bakeoff.decision.collect import Evaluated


def usual_device(done: Sequence[Evaluated]) -> str | None:
    """Return the device that most were timed on; a tie goes to the first in the study's order."""
    counts = Counter(device_of(one) for one in done if one.speed)
    return counts.most_common(1)[0][0] if counts else None


def device_of(one: Evaluated) -> str:
    """Return `cpu: AMD EPYC`, what its time was measured on."""
    return one.speed.device_title if one.speed else "not measured"


def timing_notes(done: Sequence[Evaluated], failed: Mapping[str, str], *, t: Translator) -> list[str]:
    """Return what must be said about the times: measured elsewhere, with other threads, noisy, or failed.

    `failed` says why a network of the study could not be measured.
    """
    device = usual_device(done)
    notes = [
        t.gettext(
            "The speed of {network} could not be measured ({problem}); `bakeoff throughput` tries again.",
            network=network,
            problem=problem.rstrip("."),
        )
        for network, problem in failed.items()
    ]
    same = {one.candidate.name: one.speed for one in done if one.speed and device_of(one) == device}
    threads = sorted({speed.threads for speed in same.values()})
    told = {
        N_(
            "Times are compared on {device} only; those of {names} come from another device and are listed, not "
            "compared."
        ): {one.candidate.name for one in done if one.speed and device_of(one) != device},
        N_("Times were measured with different numbers of threads ({threads}): compare with care."): threads[1:],
        N_(
            "The timings of {names} are noisy (the machine's speed changed, or two timings disagreed): compare with "
            "care, or run `bakeoff throughput`."
        ): [name for name, speed in same.items() if speed.noisy],
    }
    gaps = {"device": device, "threads": ", ".join(map(str, threads))}
    return notes + [
        t.gettext(text, names=t.join(map(str, sorted(names))), **gaps) for text, names in told.items() if names
    ]
