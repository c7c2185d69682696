"""A machine whose clock moves only when something is computed, and a network that takes its time on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.core.errors import MemoryExhaustedError
from bakeoff.speed.clocks import Clocks
from bakeoff.speed.turns import Stand
from numpy_predictor import NumpyPredictor, make_catalogue

SIZES = (1, 8, 32, 128)
INDEX_S = 0.25
DESCRIPTION: dict[str, Any] = {
    "framework": "numpy",
    "runtime": "numpy",
    "device": "cpu",
    "device_name": "test",
    "threads": 1,
    "dtype": "float32",
    "memory_format": "NHWC",
    "allocator": "glibc",
    "versions": {},
    "scan": None,
    "n_parameters": 10,
    "file_mib": 1.0,
    "gmacs": None,
    "gmacs_method": "nobody can",
}
"""What a worker says of a network, for tests that need none."""


class FakeMachine:
    """A clock that moves only when a call is made, so that budgets are exact; two threads compute at all times."""

    def __init__(self, *indices: float) -> None:
        self.now = 100.0
        self.indices = list(indices) or [50.0]

    def index(self) -> float:
        self.now += INDEX_S
        return self.indices.pop(0) if len(self.indices) > 1 else self.indices[0]

    @property
    def clocks(self) -> Clocks:
        return Clocks(wall=lambda: self.now, cpu=lambda: 2 * self.now, index=self.index)


class TimedNetwork(NumpyPredictor):
    """Takes `per_image_s` of the fake clock per image, a quarter less in batches; the first call of a size is cold."""

    def __init__(self, labels: list[str], machine: FakeMachine, per_image_s: float, *, fits: int = 1000) -> None:
        super().__init__(labels)
        self.machine, self.per_image_s, self.fits = machine, per_image_s, fits
        self.cold = 1.0
        """How many times as long the first call of a size takes."""
        self.calls: list[int] = []
        """Batch size of every call, warm-up included."""
        self.given: dict[int, np.ndarray] = {}
        """Images of each batch size."""

    def seconds(self, n: int) -> float:
        return self.per_image_s * n * (1 if n == 1 else 0.75)

    def compiled_call(self, images: np.ndarray) -> Callable[[], None]:
        n = len(images)
        if n > self.fits:
            raise MemoryExhaustedError("out of memory")
        self.given[n] = images.astype(np.float32) / np.float32(255)

        def call() -> None:
            self.machine.now += self.seconds(n) * (self.cold if n not in self.calls else 1)
            self.calls.append(n)

        return call

    def forward(self, pixels: np.ndarray) -> np.ndarray:
        self.machine.now += self.seconds(len(pixels))
        return super().forward(pixels)


def fake_stand(
    folder: Path, per_image_s: float, *indices: float, sizes: tuple[int, ...] = SIZES, fits: int = 1000
) -> tuple[Stand, TimedNetwork]:
    """Return a stand with 30 photos on a fake machine of these speeds, and its network."""
    machine, catalogue = FakeMachine(*indices), make_catalogue(folder)
    network = TimedNetwork(catalogue.labels, machine, per_image_s, fits=fits)
    return Stand(network, catalogue.at(np.arange(30)), sizes, clocks=machine.clocks), network
