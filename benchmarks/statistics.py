"""Do the intervals hold the truth as often as they say, do the tests cry wolf, and how long does it take?

    PYTHONPATH=src .venv-torch/bin/python benchmarks/statistics.py [--full]

Test sets are simulated from a known population, so the true value is known. 80 sets by default (under a minute on two
free cores, too few to judge a bar: their own error is 2.4 points); `--full` has 2,000; where a set is slow a half or a
quarter of them. Simulated sets use 1,000 resamples where the product uses 10,000; the times are of 10,000. Python's
own module `statistics` is not hidden by this file: see the end.
"""

from __future__ import annotations

import argparse
import importlib.machinery
import importlib.util
import json
import os
import sys
import sysconfig
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed

import numpy as np
from scipy.stats import binom, chi2

from bakeoff.evaluation.metrics import metric_intervals, split_metrics
from bakeoff.evaluation.params import EvaluateParams
from bakeoff.evaluation.reliability import calibration_error_interval
from bakeoff.statistics.auc import macro_auc_interval, macro_average_precision_interval
from bakeoff.statistics.bootstrap import bias_corrected, confusion_intervals, mean_interval, per_class_intervals
from bakeoff.statistics.interval import Interval, wilson_interval
from bakeoff.statistics.matrix import METRICS, Margins, f1, precision, recall
from bakeoff.statistics.paired import mcnemar, paired_difference, paired_macro_f1

N_RESAMPLES = 1_000
SMALL, MIDDLE, LARGE = 105, 1_000, 10_000
TWENTY_EACH = 2_600
"""Products of which the smallest of 27 unequal classes has 20, as an interval of PR-AUC asks for."""
GROUP_SIZES = (1, 1, 2, 1, 3)
COVERAGE = [0.93, 0.97]
BARS = {
    **{f"accuracy_{n}": COVERAGE for n in (SMALL, MIDDLE, LARGE)},
    **{f"macro_f1_{n}": COVERAGE for n in (MIDDLE, LARGE)},
    **{f"{name}_difference_of_seeds_{n}": [0.93, 1.0] for name in ("accuracy", "macro_f1") for n in (SMALL, MIDDLE)},
    **{
        f"{name}_in_groups_{n}": [0.93, 1.0]
        for name, n in (("accuracy", SMALL), ("accuracy", MIDDLE), ("macro_f1", MIDDLE))
    },
    "pr_auc_27_classes": [0.9, 1.0],
    "ece_worst": [0.83, 1.0],
    "false_positive_rate": 0.06,
    "false_positive_rate_in_groups": 0.06,
    "all_confusion_intervals_s": 2.0,
    "mean_interval_s": 20.0,
    "all_metrics_of_a_split_s": 20.0,
}


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="2,000 simulated test sets instead of 80")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (all cores)")
    arguments = parser.parse_args()
    n_sets = 2_000 if arguments.full else 80
    figures: dict[str, object] = {**times()}
    done = simulate(n_sets, arguments.workers)
    coverage = done["coverage"]
    figures[f"accuracy_{SMALL}"] = coverage[f"7 classes, n={SMALL}, stratified"]["accuracy wilson"]
    for n in (MIDDLE, LARGE):
        measured = coverage[f"27 classes, n={n}, stratified"]
        figures |= {f"accuracy_{n}": measured["accuracy wilson"], f"macro_f1_{n}": measured["macro_f1 ours"]}
    figures["false_positive_rate"] = max(measured["test"] for measured in done["paired_false_positives"].values())
    figures["false_positive_rate_in_groups"] = max(measured["test"] for measured in done["paired_in_groups"].values())
    for n in (SMALL, MIDDLE):
        measured = done["paired_of_seeds"][f"27 classes, n={n}"]
        for name in ("accuracy", "macro_f1"):
            figures[f"{name}_difference_of_seeds_{n}"] = round(1 - measured[f"{name}_interval"], 4)
    for name, n in (("accuracy", SMALL), ("accuracy", MIDDLE), ("macro_f1", MIDDLE)):
        grouped = [measured[name] for population_, measured in done["groups"].items() if f"n={n}," in population_]
        figures[f"{name}_in_groups_{n}"] = min(grouped)
    figures["pr_auc_27_classes"] = done["auc_and_log_loss"][f"27 classes, n={TWENTY_EACH}"]["pr_auc jackknife"]
    figures["ece_worst"] = min(measured["ours"] for measured in done["calibration_error"].values())
    print(json.dumps({"benchmark": "statistics", "figures": {**figures, **done, "n_sets": n_sets}, "bars": BARS}))


def simulate(n_sets: int, n_workers: int) -> dict[str, dict[str, dict[str, float]]]:
    """Return every simulation's figures, by kind and by population; the simulations run side by side."""
    sizes = ((27, LARGE), (27, MIDDLE), (27, SMALL), (7, SMALL))
    plans: list[tuple[str, str, Callable[..., dict[str, float]], tuple[object, ...]]] = [
        ("coverage", f"{k} classes, n={n}, {design}", coverage_of_matrix, (k, n, design, n_sets))
        for k, n in sizes
        for design in ("stratified", "random")
    ]
    plans += [
        (kind, f"{k} classes, n={n}", paired_errors, (k, n, n_sets, *how))
        for kind, how in (
            ("paired_false_positives", (1, False)),
            ("paired_of_seeds", (3, False)),
            ("paired_in_groups", (1, True)),
        )
        for k, n in sizes
        if n < LARGE
    ]
    plans += [
        ("groups", f"27 classes, n={n}, alike {alike:g}", coverage_in_groups, (n, alike, n_sets // 4))
        for n, alike in ((MIDDLE, 0.8), (MIDDLE, 1.0), (SMALL, 1.0))
    ]
    plans += [
        (
            "auc_and_log_loss",
            f"{k} classes, n={n}",
            coverage_of_scores,
            (k, n, n_sets if k == 7 else n_sets // 4),
        )
        for k, n in ((27, TWENTY_EACH), (27, MIDDLE), (27, SMALL), (7, MIDDLE), (7, SMALL))
    ]
    plans += [("per_class", f"27 classes, n={n}", coverage_per_class, (n, n_sets)) for n in (MIDDLE, SMALL)]
    plans += [
        ("calibration_error", f"n={n}, off by {gap:g}", coverage_of_calibration, (n, gap, n_sets // 2))
        for n in (MIDDLE, SMALL)
        for gap in (0.0, 0.06, 0.12)
    ]
    plans += [("mcnemar_enumerated", f"n={n}", enumerated, (n,)) for n in (SMALL, MIDDLE, LARGE)]
    done: dict[str, dict[str, dict[str, float]]] = {}
    with ProcessPoolExecutor(n_workers) as pool:
        waiting = {pool.submit(function, *given): (kind, name) for kind, name, function, given in plans}
        for future in as_completed(waiting):
            kind, name = waiting[future]
            done.setdefault(kind, {})[name] = future.result()
            print(f"{kind}, {name}: {future.result()}", file=sys.stderr, flush=True)
    return done


def population(n_labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return class shares (K,) and chances of each answer (K, K): recalls of 0.5 to 0.95, a few confusable classes.

    Seven classes are equal, as in Flipkart's 1,050 products; more shrink geometrically from 12 to 0.9, as Rakuten's 27.
    """
    rng = np.random.default_rng(7)
    recall = rng.uniform(0.5, 0.95, n_labels)
    rates = np.zeros((n_labels, n_labels))
    for label in range(n_labels):
        others = np.arange(n_labels) != label
        rates[label, others] = rng.dirichlet(np.full(n_labels - 1, 0.3)) * (1 - recall[label])
        rates[label, label] = recall[label]
    shares = np.ones(n_labels) if n_labels == 7 else np.geomspace(12, 0.9, n_labels)
    return shares / shares.sum(), rates


def class_sizes(shares: np.ndarray, n: int) -> np.ndarray:
    """Return (K,) products per class of a stratified split, 1 at least."""
    sizes = np.maximum(1, np.floor(shares * n).astype(int))
    while sizes.sum() != n:
        sizes[np.argmax((shares * n - sizes) * np.sign(n - sizes.sum()) - (sizes == 1) * (sizes.sum() > n) * n)] += (
            np.sign(n - sizes.sum())
        )
    return sizes


def coverage_of_matrix(n_labels: int, n: int, design: str, n_sets: int) -> dict[str, float]:
    """Return, per metric and method, how many intervals hold the true value.

    Design `stratified`: every test set has the same class sizes, as ours. `random`: they vary as in a random sample.
    """
    shares, rates = population(n_labels)
    sizes, rng = class_sizes(shares, n), np.random.default_rng(n)
    rows = sizes if design == "stratified" else shares * n
    truth = {name: float(METRICS[name](Margins.of(rows[:, None] * rates))[0]) for name in METRICS}
    hits: dict[str, int] = {}
    for seed in range(n_sets):
        drawn = sizes if design == "stratified" else rng.multinomial(n, shares)
        counts = rng.multinomial(drawn, rates)
        found = confusion_intervals(counts, n_resamples=N_RESAMPLES, seed=seed)
        intervals = {f"{name} ours": (item.low, item.high) for name, item in found.items() if name != "accuracy"}
        intervals["accuracy wilson"] = (found["accuracy"].low, found["accuracy"].high)
        for name in ("accuracy", "macro_f1") if n < LARGE else ("accuracy",):
            intervals |= {f"{name} {how}": ends for how, ends in plain(counts, name, rng).items()}
        for key, (low, high) in intervals.items():
            hits[key] = hits.get(key, 0) + int(low <= truth[key.split(" ")[0]] <= high)
    return {key: round(count / n_sets, 4) for key, count in hits.items()}


def plain(counts: np.ndarray, name: str, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """Return the textbook bootstrap's intervals: as many draws as products, nothing borrowed."""
    true = counts.sum(axis=1)
    right, predicted = np.zeros((N_RESAMPLES, len(counts))), np.zeros((N_RESAMPLES, len(counts)))
    for row in np.flatnonzero(true):
        if name == "accuracy":  # needs no more than the diagonal
            right[:, row] = rng.binomial(true[row], counts[row, row] / true[row], size=N_RESAMPLES)
            continue
        drawn = rng.multinomial(true[row], counts[row] / true[row], size=N_RESAMPLES)
        predicted += drawn
        right[:, row] = drawn[:, row]
    draws, estimate = METRICS[name](Margins(right, true * 1.0, predicted)), float(METRICS[name](Margins.of(counts))[0])
    low, high = np.quantile(draws, [0.025, 0.975])
    return {
        "percentile": (low, high),
        "reverse": (2 * estimate - high, 2 * estimate - low),
        "bias_corrected": bias_corrected(draws, estimate, 0.95),
    }


def paired_errors(n_labels: int, n: int, n_sets: int, n_seeds: int, grouped: bool) -> dict[str, float]:
    """Return how often two equally good candidates are told apart.

    B repeats A's answer for 60 % of the products, and so does each training after a candidate's first with that one's.
    Products of a group (`groups_within`) are copies.
    """
    shares, rates = population(n_labels)
    rng, label_ids = np.random.default_rng(n), np.repeat(np.arange(n_labels), class_sizes(shares, n))
    groups = groups_within(label_ids) if grouped else np.arange(n)
    _, first_of = np.unique(groups, return_index=True)
    cumulative = rates[label_ids].cumsum(axis=1)
    cumulative[:, -1] = 1

    def answer() -> np.ndarray:
        return (rng.random((n, 1)) < cumulative).argmax(axis=1)

    def repeat(answers: np.ndarray) -> np.ndarray:
        return np.where(rng.random(n) < 0.6, answers, answer())

    wrong = {"test": 0, "mcnemar_of_products": 0, "accuracy_interval": 0, "macro_f1_interval": 0}
    for seed in range(n_sets):
        first = answer()
        pair = [np.stack([one, *(repeat(one) for _ in range(n_seeds - 1))]) for one in (first, repeat(first))]
        first, second = (answers[:, first_of[groups]] for answers in pair)
        hits = (first == label_ids, second == label_ids)
        wrong["test"] += mcnemar(*hits, groups=groups).p_value <= 0.05
        wrong["mcnemar_of_products"] += mcnemar(hits[0][0], hits[1][0]).p_value <= 0.05
        draws = {"groups": groups, "n_resamples": N_RESAMPLES, "seed": seed}
        wrong["accuracy_interval"] += excludes_zero(paired_difference(*hits, **draws)[1])
        wrong["macro_f1_interval"] += excludes_zero(paired_macro_f1(label_ids, first, second, n_labels, **draws)[1])
    return {name: round(count / n_sets, 4) for name, count in wrong.items()}


def groups_within(label_ids: np.ndarray) -> np.ndarray:
    """Return (N,) groups of 1, 1, 2, 1, 3, 1, ... neighbours, none of two classes."""
    sizes = np.resize(GROUP_SIZES, len(label_ids))
    groups = np.repeat(np.arange(len(sizes)), sizes)[: len(label_ids)]
    return np.unique(np.stack([label_ids, groups]), axis=1, return_inverse=True)[1].ravel()


def coverage_in_groups(n: int, alike: float, n_sets: int) -> dict[str, float]:
    """Return the coverage of evaluation's intervals where products of a group look the same with chance `alike`.

    `accuracy_of_products` is Wilson's interval without groups.
    """
    params = EvaluateParams(top_k=[], n_bootstrap=N_RESAMPLES, n_bootstrap_ece=100, calibration_bins=15)
    n_labels, (shares, _), rng = 27, population(27), np.random.default_rng(n)
    label_ids = np.repeat(np.arange(n_labels), class_sizes(shares, n))
    groups = groups_within(label_ids)
    _, first_of = np.unique(groups, return_index=True)
    many = np.repeat(label_ids, 150_000 // n)
    truth = split_metrics(many, softmax_scores(many, n_labels, rng))
    hits: dict[str, int] = {}
    for _ in range(n_sets):
        own = softmax_scores(label_ids, n_labels, rng)
        scores = np.where(rng.random((n, 1)) < alike, own[first_of[groups]], own)
        metrics = split_metrics(label_ids, scores)
        found = metric_intervals(label_ids, scores, params=params, metrics=metrics, groups=groups)
        ends = {name: (one["low"], one["high"]) for name, one in found.items()}
        ends["accuracy of_products"] = wilson_interval(metrics["accuracy"], n)
        for name, (low, high) in ends.items():
            hits[name] = hits.get(name, 0) + int(low <= truth[name.split(" ")[0]] <= high)
    return {name: round(count / n_sets, 4) for name, count in hits.items()}


def coverage_per_class(n: int, n_sets: int) -> dict[str, float]:
    """Return the coverage of the 27 classes' precision, recall and F1 together, and for each the worst class's."""
    shares, rates = population(27)
    sizes, rng = class_sizes(shares, n), np.random.default_rng(n)
    whole = Margins.of(sizes[:, None] * rates)
    truth = {name: value(whole)[0] for name, value in (("precision", precision), ("recall", recall), ("f1", f1))}
    held = {name: np.zeros((2, 27)) for name in truth}
    for _ in range(n_sets):
        counts = rng.multinomial(sizes, rates)
        defined = {"precision": counts.sum(axis=0) > 0, "recall": sizes > 0, "f1": sizes > 0}
        for name, (low, high) in per_class_intervals(counts).items():
            held[name] += (defined[name] & (low <= truth[name]) & (truth[name] <= high), defined[name])
    shown = {f"{name} mean": inside.sum() / outof.sum() for name, (inside, outof) in held.items()}
    shown |= {f"{name} worst": (inside / outof).min() for name, (inside, outof) in held.items()}
    return {name: round(float(value), 4) for name, value in shown.items()}


def excludes_zero(interval: Interval) -> bool:
    """Return whether the interval tells a difference."""
    return interval.low > 0 or interval.high < 0


def enumerated(n: int) -> dict[str, float]:
    """Return each McNemar test's largest false-positive rate over shares of discordant products, without simulation."""
    shares = np.concatenate([np.arange(2, 60) / n, np.linspace(0.02, 0.6, 60)])
    shares = shares[shares * n < 1_500]
    largest = 2_000
    rates: dict[str, np.ndarray] = {name: np.zeros(largest) for name in ("ours", "exact", "mid_p", "chi_square")}
    rates["chi_square_corrected"] = np.zeros(largest)
    for m in range(1, largest):
        few = np.arange(m // 2 + 1)
        chance = binom.pmf(few, m, 0.5) * np.where(2 * few == m, 1, 2)
        exact = 2 * binom.cdf(few, m, 0.5)
        mid_p = exact - binom.pmf(few, m, 0.5)
        p_values = {"exact": exact, "mid_p": mid_p, "ours": exact if m < 25 else mid_p}
        p_values["chi_square"] = chi2.sf((m - 2 * few) ** 2 / m, 1)
        p_values["chi_square_corrected"] = chi2.sf(np.maximum(0, m - 2 * few - 1) ** 2 / m, 1)
        for name, values in p_values.items():
            rates[name][m] = chance[values <= 0.05].sum()
    weights = binom.pmf(np.arange(largest), n, shares[:, None])
    return {name: round(float((weights @ rate).max()), 4) for name, rate in rates.items()}


def softmax_scores(label_ids: np.ndarray, n_labels: int, rng: np.random.Generator) -> np.ndarray:
    """Return (N, K) probabilities of a classifier that is right more often than not."""
    logits = 1.5 * rng.standard_normal((len(label_ids), n_labels))
    logits[np.arange(len(label_ids)), label_ids] += 3
    logits -= logits.max(axis=1, keepdims=True)
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def coverage_of_scores(n_labels: int, n: int, n_sets: int) -> dict[str, float]:
    """Return the coverage for macro ROC-AUC, macro PR-AUC (where it has an interval) and log loss of a softmax."""
    rng, (shares, _) = np.random.default_rng(n), population(n_labels)
    label_ids = np.repeat(np.arange(n_labels), class_sizes(shares, n))
    many = np.repeat(label_ids, 150_000 // n)  # prevalences as in the test sets, which precision depends on
    probabilities = softmax_scores(many, n_labels, rng)
    truth = (
        macro_auc_interval(probabilities, many)[0],
        macro_average_precision_interval(probabilities, many)[0],
        float(-np.log(probabilities[np.arange(len(many)), many]).mean()),
    )
    hits: dict[str, list[bool]] = {}
    for seed in range(n_sets):
        probabilities = softmax_scores(label_ids, n_labels, rng)
        losses = -np.log(probabilities[np.arange(n), label_ids])
        found = {
            "roc_auc delong": macro_auc_interval(probabilities, label_ids)[1],
            "pr_auc jackknife": macro_average_precision_interval(probabilities, label_ids)[1],
            "log_loss bootstrap": mean_interval(losses, label_ids, n_resamples=N_RESAMPLES, seed=seed),
        }
        for (name, one), true in zip(found.items(), truth, strict=True):
            if one is not None:
                hits.setdefault(name, []).append(one.low <= true <= one.high)
    return {name: round(float(np.mean(held)), 4) for name, held in hits.items()}


def coverage_of_calibration(n: int, gap: float, n_sets: int) -> dict[str, float]:
    """Return the coverage for the calibration error of a classifier that is `gap` less often right than it says."""
    rng, held = np.random.default_rng(n), 0
    for _ in range(n_sets):
        confidence = rng.uniform(0.5, 1, n)
        correct = rng.random(n) < confidence - gap  # in every bin, so that the true error is the gap
        found = calibration_error_interval(confidence, correct, np.arange(n) % 7, n_bins=15, n_resamples=N_RESAMPLES)
        held += found.low <= gap <= found.high
    return {"ours": round(held / n_sets, 4)}


def times() -> dict[str, float]:
    """Return seconds at 100,000 predictions of 27 classes; intervals are of 10,000 resamples."""
    shares, rates = population(27)
    rng, sizes = np.random.default_rng(0), class_sizes(shares, 100_000)
    label_ids, counts = np.repeat(np.arange(27), sizes), rng.multinomial(sizes, rates)
    values, start = rng.exponential(size=100_000), time.perf_counter()
    confusion_intervals(counts)
    matrix, start = time.perf_counter() - start, time.perf_counter()
    mean_interval(values, label_ids)
    mean = time.perf_counter() - start
    scores = rng.random((100_000, 27))
    scores, start = scores / scores.sum(axis=1, keepdims=True), time.perf_counter()
    split_metrics(label_ids, scores, top_k=(3, 5))
    everything = time.perf_counter() - start
    seconds = {"all_confusion_intervals_s": matrix, "mean_interval_s": mean, "all_metrics_of_a_split_s": everything}
    return {name: round(value, 2) for name, value in seconds.items()}


if __name__ == "__main__":
    main()
elif __name__ == "statistics":
    # a sibling script runs with this folder first on its path: whoever imports `statistics` there means Python's
    spec = importlib.machinery.PathFinder.find_spec("statistics", [sysconfig.get_path("stdlib")])
    assert spec is not None
    assert spec.loader is not None
    sys.modules["statistics"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["statistics"])
