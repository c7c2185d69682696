"""Section `throughput`: how fast."""

from typing import Annotated

from pydantic import Field, field_validator

from bakeoff.core.section import PositiveFloat, PositiveInt, Section


class ThroughputParams(Section):
    """Section `throughput`: batch sizes tried, seconds and rounds per network, threads (null = compute.threads)."""

    batch_sizes: Annotated[list[PositiveInt], Field(min_length=1)]
    budget_s: PositiveFloat  # for one network, all rounds together, warm-up included
    rounds: PositiveInt  # how often every network gets its turn
    threads: PositiveInt | None

    @field_validator("batch_sizes")
    @classmethod
    def _ascending(cls, sizes: list[int]) -> list[int]:
        if sorted(set(sizes)) != sizes:
            raise ValueError(f"needs ascending batch sizes without repeats, such as [1, 8, 32, 128], got {sizes}")
        return sizes
