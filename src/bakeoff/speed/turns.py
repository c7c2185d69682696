"""One network's turn in raw seconds: latency at batch 1, images/s at each batch size that fits, from photo to class."""

from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass, field

import psutil
from pydantic import TypeAdapter

from bakeoff.core.errors import MemoryExhaustedError
from bakeoff.predictors.protocol import Measurable
from bakeoff.speed.clocks import Clocks, peak_memory_mib, reset_peak

LATENCY_SHARE, SWEEP_SHARE = 0.35, 0.45  # of a turn; what is left goes to the way from end to end
MAX_CALLS = 400  # per turn and batch size
N_WARMUP = 2  # calls before the first timed one of a batch size; later turns find its memory fetched


@dataclass
class Timings:
    """Seconds of the timed calls at one batch size, and the CPU seconds of all of them."""

    seconds: list[float] = field(default_factory=list)
    cpu_s: float = 0.0
    memory_mib: float | None = None
    skipped: str | None = None


@dataclass
class Walks:
    """Photos taken from the store to their class, and the seconds of each step."""

    batch_size: int
    n_images: int = 0
    decode_s: float = 0.0
    preprocess_s: float = 0.0
    forward_s: float = 0.0
    cpu_s: float = 0.0


@dataclass
class Turn:
    """What one turn measured, as the worker hands it over."""

    timings: dict[int, Timings]
    walks: Walks
    index: tuple[float, float]
    memory_scope: str
    seconds: float


TURN = TypeAdapter(Turn)  # reads what `dataclasses.asdict` makes of a turn, also as JSON has it


class Stand:
    """A network on the test stand: its products, and what earlier turns learnt of its speed and its memory."""

    def __init__(
        self, network: Measurable, products: Sized, batch_sizes: Sequence[int], *, clocks: Clocks | None = None
    ) -> None:
        """Prepare the products, so that the network alone is timed later; they are repeated in larger batches."""
        self.network, self.products = network, products
        self.batch_sizes = sorted({1, *batch_sizes})
        self._clocks = clocks or Clocks()
        self._inputs = [network.transform(network.stored(products, position)) for position in range(len(products))]
        self._calls: dict[int, Callable[[], None]] = {}
        self._warm: set[int] = set()
        self._s_per_image: dict[int, float] = {}
        self._memory: dict[int, float] = {}

    def take_turn(self, budget_s: float) -> Turn:
        """Measure for about `budget_s` seconds; at least one call at batch 1 and one photo from end to end."""
        clocks, start = self._clocks, self._clocks.wall()
        scope = reset_peak()
        if self.network.device_peak_mib(reset=True) is not None:
            scope = "device"
        before = clocks.index()
        timings = {1: self._time(1, until=start + LATENCY_SHARE * budget_s)}
        self._sweep(timings, until=start + (LATENCY_SHARE + SWEEP_SHARE) * budget_s)
        walks = self._walk(until=start + budget_s)
        return Turn(timings, walks, (before, clocks.index()), scope, clocks.wall() - start)

    def _sweep(self, timings: dict[int, Timings], *, until: float) -> None:
        """Time every larger batch size that fits, smallest first, each for an even part of the time that is left."""
        left = [size for size in self.batch_sizes if size > 1]
        while left:
            size, now = left.pop(0), self._clocks.wall()
            fitting = [other for other in (size, *left) if now + self._needs_s(other) <= until]
            if size not in fitting:
                timings[size] = Timings(skipped="budget")
            elif self._lacks_memory(size):
                timings[size] = Timings(skipped="memory")
            else:
                try:
                    timings[size] = self._time(size, until=now + (until - now) / len(fitting))
                except MemoryExhaustedError:
                    timings[size] = Timings(skipped="memory")

    def _needs_s(self, size: int) -> float:
        """Return the least seconds that a batch size takes: one call, and a first one the first time."""
        known = max(smaller for smaller in self._s_per_image if smaller <= size)
        return size * self._s_per_image[known] * (1 if size in self._warm else 2)

    def _time(self, size: int, *, until: float) -> Timings:
        """Warm the network up for this batch size where that is new, then time calls until the clock reads `until`."""
        clocks = self._clocks
        if size not in self._calls:
            batch = self.network.collate([self._inputs[n % len(self._inputs)] for n in range(size)])
            self._calls[size] = self.network.compiled_call(batch)
        call = self._calls[size]
        if size not in self._warm:
            for _ in range(N_WARMUP):
                call()
                if clocks.wall() >= until:
                    break
            self._warm.add(size)
        found, cpu_start = Timings(), clocks.cpu()
        while not found.seconds or (len(found.seconds) < MAX_CALLS and clocks.wall() + found.seconds[-1] <= until):
            began = clocks.wall()
            call()
            found.seconds.append(clocks.wall() - began)
        found.cpu_s = clocks.cpu() - cpu_start
        on_device = self.network.device_peak_mib()
        found.memory_mib = peak_memory_mib() if on_device is None else on_device
        self._memory.setdefault(size, found.memory_mib)  # a later turn finds what larger batches fetched still there
        self._s_per_image[size] = min(found.seconds) / size
        return found

    def _lacks_memory(self, size: int) -> bool:
        """Return whether a batch size would take more than is free: an exhausted machine kills the process silently."""
        if size in self._warm or self.network.description["device"] != "cpu":
            return False
        largest = max(self._memory)
        mib_per_image = (self._memory[largest] - self._memory[1]) / largest
        return mib_per_image * (size - largest) > psutil.virtual_memory().available / 2**20

    def _walk(self, *, until: float) -> Walks:
        """Take batches the whole way, at the fastest batch size of which two fit into the time left, at least one."""
        clocks = self._clocks
        left_s = until - clocks.wall()
        fitting = [size for size in self._s_per_image if 2 * size * self._s_per_image[size] <= left_s]
        size = min(fitting, key=lambda one: (self._s_per_image[one], one)) if fitting else 1
        walks, cpu_start = Walks(size), clocks.cpu()
        batch_s = 0.0
        while not walks.n_images or clocks.wall() + batch_s <= until:
            began = clocks.wall()
            places = [(walks.n_images + n) % len(self.products) for n in range(size)]
            stored = [self.network.stored(self.products, place) for place in places]
            decoded = clocks.wall()
            batch = self.network.collate([self.network.transform(one) for one in stored])
            prepared = clocks.wall()
            self.network.forward(batch)
            ended = clocks.wall()
            walks.decode_s += decoded - began
            walks.preprocess_s += prepared - decoded
            walks.forward_s += ended - prepared
            walks.n_images += size
            batch_s = ended - began
        walks.cpu_s = clocks.cpu() - cpu_start
        return walks
