"""What is measured: a predictor, the photos it gets, and how a candidate's speed is identified."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.core.errors import EvaluationError
from bakeoff.data.table import Catalogue
from bakeoff.predictors.protocol import Predictor
from bakeoff.speed.params import ThroughputParams
from bakeoff.speed.protocol import PROTOCOL

_DESCRIBED = (
    "framework",
    "runtime",
    "device",
    "device_name",
    "threads",
    "dtype",
    "memory_format",
    "allocator",
    "versions",
)


@dataclass(frozen=True)
class Plan:
    """What is measured and for how long: batch sizes ascending, seconds for all attempts together, attempts."""

    batch_sizes: tuple[int, ...]
    budget_s: float
    max_attempts: int = 3

    @classmethod
    def of(cls, params: ThroughputParams) -> Plan:
        """Return the plan that section `throughput` asks for."""
        return cls(tuple(sorted(params.batch_sizes)), params.budget_s, params.max_attempts)


class Subject:
    """A predictor and the test photos it is timed on, repeated where a batch is larger than the split."""

    def __init__(self, predictor: Predictor, catalogue: Catalogue, plan: Plan) -> None:
        """Decode the photos, so that the network alone is timed later.

        Raises:
            EvaluationError: the test split is empty.
        """
        rows = catalogue.rows("test")[: max(plan.batch_sizes)]
        if len(rows) == 0:
            raise EvaluationError("throughput needs at least one photo, got none; the test split is empty.")
        self.predictor, self.plan = predictor, plan
        self._store, self._store_rows = catalogue.store, catalogue.image_rows(rows)
        self._photos = predictor.images(rows.tolist())
        self._calls: dict[int, Callable[[], None]] = {}

    @property
    def on_cpu(self) -> bool:
        """Whether the network computes on a CPU."""
        return self.predictor.description.get("device") == "cpu"

    def call(self, batch_size: int) -> Callable[[], None]:
        """Return a call of one synchronised forward pass at this batch size, its inputs already on the device."""
        if batch_size not in self._calls:
            self._calls[batch_size] = self.predictor.compiled_call(
                self._photos[np.arange(batch_size) % len(self._photos)]
            )
        return self._calls[batch_size]

    def store_photo(self, number: int) -> Any:
        """Return photo `number`, counted on beyond the last one, read from the store and decoded."""
        return self._store.read(int(self._store_rows[number % len(self._store_rows)]))


def describe(predictor: Predictor) -> dict[str, Any]:
    """Return under what conditions a predictor runs, as throughput.json carries it."""
    return {name: predictor.description.get(name) for name in _DESCRIBED}


def speed_key(predictor: Predictor, plan: Plan) -> str:
    """Return 16 hex digits over everything that determines the speed, never over weights, mode or seed.

    That is the network's structure, the conditions it runs under (device, threads, precision, allocator, versions) and
    the plan.
    """
    determined = {
        "protocol": PROTOCOL,
        "structure": predictor.structure,
        "conditions": describe(predictor),
        "plan": [plan.batch_sizes, plan.budget_s, plan.max_attempts],
    }
    text = json.dumps(determined, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
