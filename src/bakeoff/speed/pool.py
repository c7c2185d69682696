"""The figures of one network from the calls of all its turns together."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bakeoff.records.speed import ENOUGH_FOR_P99, BatchSpeed, EndToEnd, NetworkSpeed
from bakeoff.speed.clocks import is_noisy
from bakeoff.speed.turns import Timings, Turn, Walks


def pool_turns(turns: Sequence[Turn], description: Mapping[str, Any]) -> NetworkSpeed:
    """Return a network's record, from the calls of all turns, one at least; it is noisy where most turns were.

    The description is `Predictor.description` with `gmacs` and `gmacs_method`.
    """
    on_cpu = description["device"] == "cpu"
    n_noisy = sum(is_noisy(drift(turn), disagreement(turn), on_cpu=on_cpu) for turn in turns)
    sweep = [_batch(size, [turn.timings[size] for turn in turns]) for size in sorted(turns[0].timings)]
    best = max(sweep, key=lambda point: (point.images_per_s or 0.0, -point.batch_size))
    speeds = _round_medians(turns, best.batch_size, lambda second: best.batch_size / second)
    latencies = _round_medians(turns, 1, lambda second: 1000 * second)
    pooled = 1000 * np.concatenate([turn.timings[1].seconds for turn in turns])
    p50, p90, p99 = np.percentile(pooled, [50, 90, 99]).tolist()
    assert best.images_per_s is not None
    return NetworkSpeed(
        **description,
        **best.model_dump(exclude={"skipped"}),
        images_per_s_low=min(speeds),
        images_per_s_high=max(speeds),
        ms_per_image=1000 / best.images_per_s,
        latency_ms_p50=p50,
        latency_ms_p50_low=min(latencies),
        latency_ms_p50_high=max(latencies),
        latency_ms_p90=p90,
        latency_ms_p99=p99 if len(pooled) >= ENOUGH_FOR_P99 else None,
        latency_ms_slowest=float(pooled.max()),
        n_latency=len(pooled),
        sweep=sweep,
        end_to_end=_end_to_end([turn.walks for turn in turns]),
        predict_memory_scope=turns[0].memory_scope,
        drift=float(np.median([drift(turn) for turn in turns])),
        disagreement=float(np.median([disagreement(turn) for turn in turns])),
        noisy=2 * n_noisy > len(turns),
        n_rounds=len(turns),
        seconds=sum(turn.seconds for turn in turns),
    )


def drift(turn: Turn) -> float:
    """Return by which share the machine's speed changed during a turn, from 0."""
    before, after = turn.index
    return abs(after - before) / before


def disagreement(turn: Turn) -> float:
    """Return by which share the forward pass took longer alone than from end to end, or the other way round.

    0 where only one batch went from end to end: it may have been the first of its kind.
    """
    walks = turn.walks
    alone = turn.timings[walks.batch_size].seconds
    if walks.n_images < 2 * walks.batch_size or not alone:
        return 0.0
    pair = sorted((float(np.median(alone)) / walks.batch_size, walks.forward_s / walks.n_images))
    return pair[1] / pair[0] - 1 if pair[0] > 0 else 0.0


def _batch(size: int, several: Sequence[Timings]) -> BatchSpeed:
    seconds = [second for timings in several for second in timings.seconds]
    cpu_s = sum(timings.cpu_s for timings in several)
    memory = [timings.memory_mib for timings in several if timings.memory_mib is not None]
    skipped: Any = None if seconds else next((timings.skipped for timings in several if timings.skipped), None)
    return BatchSpeed(
        batch_size=size,
        images_per_s=size / float(np.median(seconds)) if seconds else None,
        images_per_cpu_s=size * len(seconds) / cpu_s if cpu_s > 0 else None,
        n_calls=len(seconds),
        predict_memory_mib=min(memory) if memory else None,
        skipped=skipped,
    )


def _round_medians(turns: Sequence[Turn], size: int, figure: Any) -> list[float]:
    """Return `figure` of the median second of each turn that timed this batch size."""
    return [figure(float(np.median(turn.timings[size].seconds))) for turn in turns if turn.timings[size].seconds]


def _end_to_end(several: Sequence[Walks]) -> EndToEnd:
    """Return the figures of the walks at the batch size at which most photos went."""
    n_of = Counter[int]()
    for walks in several:
        n_of[walks.batch_size] += walks.n_images
    size, n = max(n_of.items(), key=lambda item: (item[1], -item[0]))
    same = [walks for walks in several if walks.batch_size == size]
    steps = {name: sum(getattr(walks, f"{name}_s") for walks in same) for name in ("decode", "preprocess", "forward")}
    seconds, cpu_s = sum(steps.values()), sum(walks.cpu_s for walks in same)
    return EndToEnd(
        batch_size=size,
        n_images=n,
        images_per_s=n / seconds,
        images_per_cpu_s=n / cpu_s if cpu_s > 0 else None,
        ms_per_image=1000 * seconds / n,
        **{f"{name}_ms": 1000 * total / n for name, total in steps.items()},
    )
