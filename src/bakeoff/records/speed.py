"""How fast every network of a study is: measurements/throughput.json."""

from typing import ClassVar, Literal

from bakeoff.core.errors import BakeoffError, EvaluationError
from bakeoff.core.section import Section
from bakeoff.records.base import Record

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
