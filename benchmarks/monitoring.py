"""Do `bakeoff monitor`'s statements hold: the interval without labels, the drop that would be found, false alarms?

    PYTHONPATH=src .venv-torch/bin/python benchmarks/monitoring.py [--full]

The products are simulated, so the true accuracy is known. 40 sets each by default (under a minute; their own error is
4 points of coverage), `--full` has 500 and more sizes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial

import numpy as np
from scipy.stats import norm

from bakeoff.deploy.monitoring.performance import estimate_accuracy
from bakeoff.deploy.monitoring.report import ALPHA, run_tests
from bakeoff.deploy.monitoring.sample import Sample
from bakeoff.statistics.interval import wilson_interval
from bakeoff.statistics.two_sample import detectable_drop, difference_of_shares

N_TESTS = 11
Cell = tuple[float, tuple[int, int]]
"""Accuracy, test products of the study, and new ones."""
Figures = dict[str, float]
CELLS: list[Cell] = [(0.9, (105, 100)), (0.9, (105, 1_000)), (0.97, (60, 400))]
MORE_CELLS: list[Cell] = [
    (0.7, (60, 400)),
    (0.7, (105, 1_000)),
    (0.9, (60, 400)),
    (0.97, (105, 100)),
    (0.9, (1_000, 1_000)),
]
BARS = {"threshold_coverage": 0.9, "power_at_stated_drop": 0.78, "false_alarm_rate": 0.06}


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="500 simulated sets instead of 40, and more sizes")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (all cores)")
    arguments = parser.parse_args()
    n_sets, cells = (500, CELLS + MORE_CELLS) if arguments.full else (40, CELLS)
    with ProcessPoolExecutor(arguments.workers) as pool:
        alarms = pool.submit(false_alarms, n_sets)
        coverage = by_name(pool.map(partial(coverage_of_estimate, n_sets=n_sets), cells), cells)
        power = by_name(pool.map(partial(power_at_stated_drop, n_sets=5 * n_sets), cells), cells)
        figures = {
            "threshold_coverage": min(cell["both_samples"] for cell in coverage.values()),
            "power_at_stated_drop": min(cell["found"] for cell in power.values()),
            "false_alarm_rate": alarms.result(),
        }
    details = {"coverage": coverage, "power": power, "n_sets": n_sets}
    print(json.dumps({"benchmark": "monitoring", "figures": figures | details, "bars": BARS}))


def by_name(results: Iterable[Figures], cells: list[Cell]) -> dict[str, Figures]:
    """Return the cells' figures by the cells' names, telling each as it comes."""
    named = {}
    for (accuracy, (n_test, n_new)), found in zip(cells, results, strict=True):
        name = f"accuracy {accuracy:g}, {n_test} test products, {n_new} new"
        named[name] = found
        print(f"{name}: {found}", file=sys.stderr, flush=True)
    return named


def draw(n: int, accuracy: float, rng: np.random.Generator) -> Sample:
    """Return products whose confidence is calibrated: one of two classes, right with a beta variable of this mean."""
    chance = rng.beta(9, 9 * (1 - accuracy) / accuracy, size=n)
    probabilities = np.stack([chance, 1 - chance], axis=1)
    label_ids = np.where(rng.random(n) < chance, 0, 1)
    vectors = rng.normal(size=(min(n, 1_000), 8))
    return Sample(probabilities, rng.normal(size=(n, 6)), vectors, "features", label_ids)


def right(sample: Sample) -> np.ndarray:
    """Return which products are classified correctly, (N,) bool."""
    return sample.predicted == sample.label_ids


def coverage_of_estimate(cell: Cell, *, n_sets: int) -> Figures:
    """Return how many intervals of the estimate by threshold hold the accuracy, and Wilson's of new products alone."""
    accuracy, (n_test, n_new) = cell
    true = float(right(draw(1_000_000, accuracy, np.random.default_rng(1))).mean())
    rng, sums = np.random.default_rng(n_test), np.zeros(3)
    for _ in range(n_sets):
        reference, new = draw(n_test, accuracy, rng), draw(n_new, accuracy, rng)
        found = estimate_accuracy(reference, new, reference)["threshold_on_confidence"]
        low, high = wilson_interval(found["value"], n_new)
        sums += (found["low"] <= true <= found["high"], low <= true <= high, found["high"] - found["low"])
    names = ("both_samples", "new_sample_alone", "mean_width")
    return {name: round(value / n_sets, 4) for name, value in zip(names, sums.tolist(), strict=True)}


def power_at_stated_drop(cell: Cell, *, n_sets: int) -> Figures:
    """Return how often a drop is found that is as large as the report says, and its mean size in points.

    Each report states the drop from its own test products, which vary; `normal` is the textbook's approximation.
    """
    accuracy, sizes = cell
    rng, alpha = np.random.default_rng(sizes[0]), ALPHA / N_TESTS
    stated = cache(partial(detectable_drop, sizes=sizes, alpha=alpha))
    found = {"found": 0, "found_normal": 0}
    drops = []
    for _ in range(n_sets):
        hits = int(rng.binomial(sizes[0], accuracy))
        for name, drop in (("found", stated(hits) or accuracy), ("found_normal", by_normal(hits, sizes, alpha))):
            now = int(rng.binomial(sizes[1], max(0.0, accuracy - drop)))
            test = difference_of_shares((hits, now), sizes)
            found[name] += test.difference < 0 and test.p_value < alpha
        drops.append(100 * (stated(hits) or accuracy))
    return {name: round(n / n_sets, 4) for name, n in found.items()} | {"mean_drop": round(float(np.mean(drops)), 2)}


def by_normal(hits: int, sizes: tuple[int, int], alpha: float) -> float:
    """Return the drop that would be found with equal variances and a normal approximation, as reports had it before."""
    middle = min(max(hits / sizes[0], 0.02), 0.98)
    spread = np.sqrt(middle * (1 - middle) * (1 / sizes[0] + 1 / sizes[1]))
    return float((norm.isf(alpha / 2) + norm.isf(0.2)) * spread)


def false_alarms(n_sets: int) -> float:
    """Return how often any of the eleven tests differs on labelled products like the study's."""
    rng, alarms = np.random.default_rng(5), 0
    for seed in range(n_sets):
        reference, new = draw(150, 0.9, rng), draw(80, 0.9, rng)
        alarms += any(test["differs"] for test in run_tests(reference, new, reference, seed=seed))
    return round(alarms / n_sets, 4)


if __name__ == "__main__":
    main()
