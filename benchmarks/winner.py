"""Is the winner's corrected accuracy right on average, does its interval hold the truth, would it be chosen again?

    PYTHONPATH=src .venv-torch/bin/python benchmarks/winner.py [--full]

Studies of 15 candidates are simulated from a known population: true accuracies around 0.85 with a standard deviation of
2 or 5 points, products that are hard for all candidates alike (correlation 0.5), 27 unequal classes, some products in
groups that show one photo. 40 studies of each kind by default (under a minute, too few to judge a bar); `--full` has
500. Points are percentage points.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import ndtr

from bakeoff.core.translation import Translator
from bakeoff.decision.comparisons import lead_over
from bakeoff.decision.measures import MEASURES
from bakeoff.decision.outcomes import Outcomes
from bakeoff.decision.params import Limits
from bakeoff.decision.rules import Rule, rank_eligible
from bakeoff.decision.summary import Summary
from bakeoff.decision.winner import review
from bakeoff.records.candidate import BASELINE
from bakeoff.statistics.bootstrap import confusion_intervals
from bakeoff.statistics.groups import group_sizes, macro_copies, widen
from bakeoff.statistics.interval import wilson_interval
from bakeoff.statistics.matrix import METRICS, Margins, count_confusions

N_CANDIDATES, N_CLASSES, CORRELATION, MEAN = 15, 27, 0.5, 0.85
N_RESAMPLES, N_FRESH = 1_000, 20
KINDS = [(n, sd, grouped) for grouped in (False, True) for n in (43, 105, 1_000) for sd in (2, 5)]
SHARES = np.geomspace(12, 0.9, N_CLASSES) / np.geomspace(12, 0.9, N_CLASSES).sum()


def main() -> None:
    """Simulate and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="500 studies of each kind instead of 40")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (all cores)")
    arguments = parser.parse_args()
    n_studies = 500 if arguments.full else 40
    figures: dict[str, Any] = {"n_studies": n_studies}
    bars = {}
    with ProcessPoolExecutor(arguments.workers) as pool:
        for (n, sd, grouped), found in zip(KINDS, pool.map(simulate, KINDS, [n_studies] * len(KINDS)), strict=True):
            name = f"n={n}, sd {sd}{', groups' if grouped else ''}"
            print(f"{name}: {found}", file=sys.stderr, flush=True)
            figures |= {f"{name}: {figure}": value for figure, value in found.items()}
            for value in ("accuracy", "macro_f1", "lead"):
                bars |= {f"{name}: bias of {value}": [-1, 1], f"{name}: coverage of {value}": [0.92, 0.98]}
    print(json.dumps({"benchmark": "winner", "figures": figures, "bars": bars}))


def simulate(kind: tuple[int, int, bool], n_studies: int) -> dict[str, float]:
    """Return bias in points and coverage of every corrected value and of the raw ones, and shares beside the truth."""
    n, sd, grouped = kind
    rng = np.random.default_rng(n + sd)
    rows = [study(rng, n, sd / 100, grouped=grouped) for _ in range(n_studies)]
    found = {}
    for name in ("accuracy", "macro_f1", "lead"):
        given = [row[name] for row in rows if name in row]
        estimates, raws, truths, inside, raw_inside = np.array(given).T
        found |= {
            f"bias of {name}": round(100 * float((estimates - truths).mean()), 2),
            f"raw bias of {name}": round(100 * float((raws - truths).mean()), 2),
            f"coverage of {name}": round(float(inside.mean()), 3),
            f"raw coverage of {name}": round(float(raw_inside.mean()), 3),
        }
    found["said to be chosen again"] = round(
        float(np.mean([row["share"] for row in rows if row["share"] is not None])), 3
    )
    told = [row["again"] for row in rows if row["share"] is not None]
    found["chosen again"] = round(float(np.mean(told)), 3)
    return found


class Population:
    """15 candidates with true accuracies, and test sets drawn from them."""

    def __init__(self, rng: np.random.Generator, sd: float) -> None:
        self.rng = rng
        self.names = [BASELINE, *(f"m{number:02d}-frozen" for number in range(1, N_CANDIDATES))]
        self.rates = np.clip(rng.normal(MEAN, sd, N_CANDIDATES), 0.02, 0.995)
        self.latencies = rng.permutation(N_CANDIDATES) + 1.0

    def draw(self, n: int, *, grouped: bool = False) -> Outcomes:
        """Return the answers to n products; in groups, up to four in a row show one photo and get one answer."""
        rng = self.rng
        groups = np.sort(rng.integers(0, max(1, n // 2), n)) if grouped else np.arange(n)
        _, first, members = np.unique(groups, return_index=True, return_inverse=True)
        labels = rng.choice(N_CLASSES, size=len(first), p=SHARES)
        hard = rng.normal(size=(len(first), 1))
        scores = np.sqrt(CORRELATION) * hard + np.sqrt(1 - CORRELATION) * rng.normal(size=(len(first), N_CANDIDATES))
        wrong = (labels[:, None] + rng.integers(1, N_CLASSES, (len(first), N_CANDIDATES))) % N_CLASSES
        said = np.where(ndtr(scores) < self.rates, labels[:, None], wrong)[members]
        predicted = {name: said[:, [i]].T for i, name in enumerate(self.names)}
        return Outcomes(labels[members], N_CLASSES, predicted, {}, groups=members if grouped else None)

    def summaries(self, outcomes: Outcomes) -> list[Summary]:
        """Return the candidates' lines."""
        return [summary(name, outcomes, latency) for name, latency in zip(self.names, self.latencies, strict=True)]


def study(rng: np.random.Generator, n: int, sd: float, *, grouped: bool) -> dict[str, Any]:
    """Return (estimate, raw, truth, held, held by the raw interval) of each value, and the shares."""
    population, rule = Population(rng, sd), Rule(MEASURES["accuracy"], Limits())
    outcomes = population.draw(n, grouped=grouped)
    ranked = rank_eligible(population.summaries(outcomes), rule)
    best = with_interval(ranked[0], outcomes)
    stability, values = review([best, *ranked[1:]], rule, outcomes, n_resamples=N_RESAMPLES, t=Translator("en"))
    lead = lead_over(outcomes, best.candidate, BASELINE, N_RESAMPLES)
    rates = dict(zip(population.names, population.rates, strict=True))
    again = [population.summaries(population.draw(n, grouped=grouped)) for _ in range(N_FRESH)]
    of_best = [item.macro_f1 for items in again for item in items if item.candidate == best.candidate]
    truths = {  # macro F1 of few products is biased by itself: what counts is what other test sets of the size show
        "accuracy": rates[best.candidate],
        "macro_f1": float(np.mean(of_best)),
        "lead": rates[best.candidate] - rates[BASELINE],
    }
    ends = {
        "accuracy": wilson_interval(best.accuracy, n),
        "macro_f1": (best.macro_f1_low, best.macro_f1_high),
        "lead": (lead[1].low, lead[1].high),
    }
    row: dict[str, Any] = {"share": stability.winner_share}
    for name, truth in truths.items():
        value, raw = getattr(values, name), ends[name]
        if value is not None:
            row[name] = (
                *(value.estimate, value.measured, truth),
                *(value.low <= truth <= value.high, raw[0] <= truth <= raw[1]),
            )
    chosen = [rank_eligible(items, rule)[0].candidate for items in again]
    return row | {"again": float(np.mean([name == best.candidate for name in chosen]))}


def summary(name: str, outcomes: Outcomes, latency_ms: float) -> Summary:
    """Return a candidate's line."""
    margins = Margins.of(count_confusions(outcomes.label_ids, outcomes.predicted[name][0], N_CLASSES))
    values = {metric: float(METRICS[metric](margins)[0]) for metric in ("accuracy", "macro_f1")}
    low, high = wilson_interval(values["accuracy"], outcomes.n)
    texts = dict.fromkeys(("model", "licence", "weights", "device"), "")
    flags = {"pretrained": True, "learned": True, "time_comparable": True, "commercial_use": True, "noisy": False}
    ends = {"accuracy_low": low, "accuracy_high": high, "macro_f1_low": 0.0, "macro_f1_high": 1.0}
    numbers = {"n_seeds": 1, "n_test": outcomes.n, "n_latency": 0.0}
    values |= {"latency_ms": latency_ms}
    return Summary(candidate=name, mode="frozen", keys=(), values=values, **texts, **flags, **ends, **numbers)  # type: ignore[arg-type]


def with_interval(best: Summary, outcomes: Outcomes) -> Summary:
    """Return the winner's line with its interval of macro F1, which `evaluate` computes."""
    counts = count_confusions(outcomes.label_ids, outcomes.predicted[best.candidate][0], N_CLASSES)
    f1 = confusion_intervals(counts, ["macro_f1"], n_resamples=N_RESAMPLES)["macro_f1"]
    copies = macro_copies(group_sizes(outcomes.groups, outcomes.n), outcomes.label_ids)
    f1 = widen(f1, copies, (0.0, 1.0))
    return replace(best, macro_f1_low=f1.low, macro_f1_high=f1.high)


if __name__ == "__main__":
    main()
