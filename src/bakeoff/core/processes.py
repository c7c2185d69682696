"""Work divided among the machine's cores, its results in order."""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

from bakeoff.core.errors import DataError

_CHUNKS_PER_WORKER = 4
_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


def on_all_cores(
    work: Callable[[_Job], _Result], jobs: Iterable[_Job], *, serial: bool, killed: str, chunk: int = 1
) -> Iterator[_Result]:
    """Yield each job's result, in order; a few chunks of so many jobs per core are held in memory at a time.

    `serial` takes one process, this one.

    Raises:
        DataError: one of the processes was killed; `killed` tells which, and what to do.
    """
    n_workers = os.cpu_count() or 1
    if serial or n_workers == 1:
        yield from map(work, jobs)
        return
    context, source = multiprocessing.get_context("spawn"), iter(jobs)
    with ProcessPoolExecutor(n_workers, mp_context=context, initializer=_end_with_parent) as pool:
        waiting: deque[Future[list[_Result]]] = deque()
        try:
            while some := list(islice(source, chunk)):
                waiting.append(pool.submit(_work_through, work, some))
                if len(waiting) > _CHUNKS_PER_WORKER * n_workers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        except BrokenProcessPool:
            raise DataError(killed) from None


def _work_through(work: Callable[[_Job], _Result], jobs: list[_Job]) -> list[_Result]:
    return [work(job) for job in jobs]


def _end_with_parent() -> None:
    """Let this process end when the one that started it does: killed, it cannot tell us."""
    if parent := multiprocessing.parent_process():
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
