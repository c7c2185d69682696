"""How fast every network of a study is: measurements/throughput.json."""

from collections.abc import Callable, Sequence
from statistics import harmonic_mean
from typing import Any, ClassVar, Literal, Self

from bakeoff.core.errors import BakeoffError, EvaluationError
from bakeoff.core.section import Section
from bakeoff.records.base import Record
from bakeoff.records.candidate import Candidate

ENOUGH_FOR_P99 = 100  # calls below which the slowest of them is all that is known of the slow end


class BatchSpeed(Section):
    """One batch size: images/s of the median of all calls, or why there are none."""

    batch_size: int
    images_per_s: float | None
    images_per_cpu_s: float | None
    n_calls: int
    predict_memory_mib: float | None  # peak up to and including this size
    skipped: Literal["budget", "memory"] | None


class EndToEnd(Section):
    """From stored photo to class, as a service walks it: images/s, and mean ms per image of each step."""

    batch_size: int
    n_images: int
    images_per_s: float
    images_per_cpu_s: float | None
    ms_per_image: float
    decode_ms: float
    preprocess_ms: float
    forward_ms: float


_JOINED: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("n_parameters", "file_mib", "gmacs", "predict_memory_mib", "seconds"), sum),
    **dict.fromkeys(("ms_per_image", "decode_ms", "preprocess_ms", "forward_ms"), sum),
    **dict.fromkeys(("latency_ms_p50", "latency_ms_p50_low", "latency_ms_p50_high"), sum),
    **dict.fromkeys(("latency_ms_p90", "latency_ms_p99", "latency_ms_slowest"), sum),
    **dict.fromkeys(
        ("images_per_s", "images_per_s_low", "images_per_s_high", "images_per_cpu_s"),
        lambda rates: harmonic_mean(rates) / len(rates),
    ),
    **dict.fromkeys(
        ("framework", "runtime", "device", "device_name", "dtype", "memory_format", "gmacs_method"),
        lambda names: " + ".join(dict.fromkeys(names)),
    ),
    **dict.fromkeys(("n_calls", "n_latency", "n_images"), min),
    "noisy": any,
}
"""What the figures of networks that are asked one after the other become together."""


class NetworkSpeed(Section):
    """One network, from the calls of all rounds together."""

    framework: str
    runtime: str
    device: str
    device_name: str
    threads: int
    dtype: str
    memory_format: str
    allocator: str
    versions: dict[str, str]
    scan: str | None
    n_parameters: int
    file_mib: float  # the whole network as one file
    gmacs: float | None
    gmacs_method: str
    images_per_s: float  # of the median call at the best batch size
    images_per_s_low: float  # of the slowest round's median; a range over few rounds, not an interval
    images_per_s_high: float
    ms_per_image: float
    images_per_cpu_s: float | None
    batch_size: int
    n_calls: int  # calls at the best batch size
    latency_ms_p50: float  # batch 1, model only
    latency_ms_p50_low: float
    latency_ms_p50_high: float
    latency_ms_p90: float
    latency_ms_p99: float | None  # None where fewer than `ENOUGH_FOR_P99` calls stand behind it
    latency_ms_slowest: float
    n_latency: int
    sweep: list[BatchSpeed]
    end_to_end: EndToEnd
    predict_memory_mib: float | None
    predict_memory_scope: str  # `device`, or this process's `measurement` (since it began) or `process` (since start)
    drift: float  # by which share the machine's own speed changed, median over the turns
    disagreement: float  # by which share two timings of the same forward pass differ, likewise
    noisy: bool  # most turns were
    n_rounds: int
    seconds: float

    composed: bool = False
    """Added up from a pair's two networks, one after the other; the slow end (p90, p99, slowest) is a bound."""

    @classmethod
    def composition(cls, first: Self, second: Self) -> Self:
        """Return what two networks take that are asked one after the other; what else there is, is the first's."""
        both = first, second

        def joined(parts: Sequence[Section]) -> dict[str, Any]:
            found = {}
            for name, join in _JOINED.items():
                values = [getattr(one, name, None) for one in parts]
                found[name] = None if None in values else join(values)
            return {name: value for name, value in found.items() if name in type(parts[0]).model_fields}

        walks = [one.end_to_end for one in both]
        told = {"composed": True, "sweep": [], "versions": second.versions | first.versions}
        told["scan"] = first.scan or second.scan
        told["end_to_end"] = walks[0].model_copy(update=joined(walks))
        return first.model_copy(update=joined(both) | told)

    @property
    def device_title(self) -> str:
        """What it was measured on: `cpu: AMD EPYC`."""
        device = self.device.lower().removesuffix(":0")
        return f"{device}: {self.device_name}" if self.device_name.lower() != device else device


class Session(Section):
    """When and how the networks were measured, taking turns."""

    started_at: str
    ended_at: str
    rounds: int
    budget_s: float  # per network, all rounds together
    load_average: float | None


class ThroughputRecord(Record):
    """measurements/throughput.json: one record per network (model name or `baseline_tf`), and those that failed."""

    FORMAT: ClassVar[int] = 3
    STAGE: ClassVar[str] = "throughput"
    ERROR: ClassVar[type[BakeoffError]] = EvaluationError

    session: Session
    networks: dict[str, NetworkSpeed]
    failed: dict[str, str]

    def of(self, candidate: Candidate) -> NetworkSpeed | None:
        """Return the speed of a candidate's network, of a pair's two together; None where that was not measured."""
        if not candidate.sides:
            return self.networks.get(candidate.model)
        first, second = (self.networks.get(side.model) for side in candidate.sides)
        return NetworkSpeed.composition(first, second) if first and second else None
