"""Which results belong together, and what they say together of each candidate.

Training sets of splits overlap, and standard errors take this into account: the variance of a mean over J splits is
(1/J + n_test/n_train) s², not s²/J. Source: Nadeau and Bengio (2003), Inference for the Generalization Error, Machine
Learning 52, 239-281, section 4.1.1, doi:10.1023/A:1024068626366.
"""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from bakeoff.aggregation.results import OFFICIAL, Result
from bakeoff.core.errors import EvaluationError


class SplitMean(NamedTuple):
    """A mean over splits, in the unit of the values; `p_value` is two-sided, for a true mean of 0; 1 without spread."""

    mean: float
    sd: float
    standard_error: float
    standard_error_uncorrected: float
    low: float
    high: float
    p_value: float


def split_mean(values: np.ndarray, *, test_to_train: float) -> SplitMean:
    """Return the mean of values (J,), one per split, with the corrected resampled t interval at 95 %, J - 1 degrees.

    J is at least 2; `test_to_train` is n_test / n_train of one split, above 0.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise EvaluationError(f"a mean over splits needs two finite values or more, got {values.tolist()}.")
    if not test_to_train > 0:
        raise EvaluationError(f"n_test / n_train must be above 0, got {test_to_train}; see split.test and split.train.")
    n_splits, mean, sd = len(values), float(values.mean()), float(values.std(ddof=1))
    error = sd * math.sqrt(1 / n_splits + test_to_train)
    half = float(stats.t.ppf(0.975, n_splits - 1)) * error
    # A few splits that agree to the product show how coarse accuracies are, not that there is no chance.
    p_value = float(2 * stats.t.sf(abs(mean) / error, n_splits - 1)) if error else 1.0
    return SplitMean(mean, sd, error, sd / math.sqrt(n_splits), mean - half, mean + half, p_value)


def ranks(table: np.ndarray) -> np.ndarray:
    """Return the ranks (M, J) int of M candidates in each of J splits, 1 = highest; tied ones share the better rank."""
    return stats.rankdata(-np.asarray(table, dtype=np.float64), method="min", axis=0).astype(int)


class StudySplits(NamedTuple):
    """Results of one study on different splits: split name to the accuracies of its candidates."""

    params: Mapping[str, Any]
    splits: Mapping[str, Mapping[str, float]]
    sources: Mapping[str, list[str]]
    n_replaced: int
    """Older accuracies of a candidate on a split that a newer run measured again."""
    excluded: Mapping[str, Mapping[str, str]]
    """Split name to the candidates that are excluded on it, and why (`random_weights`, …)."""

    @property
    def apart(self) -> dict[str, dict[str, int]]:
        """Return the candidates that at least one split excludes: why, and on how many splits."""
        found: dict[str, Counter[str]] = {}
        for excluded in self.excluded.values():
            for name, why in excluded.items():
                found.setdefault(name, Counter())[why] += 1
        return {name: dict(reasons) for name, reasons in found.items()}

    @property
    def test_to_train(self) -> float:
        """Test products per training product, from section `split`."""
        split = self.params["split"]
        test, train = float(split["test"]), float(split["train"])
        if split.get("method") == "kfold":  # train and validation share the n_folds - 1 other folds
            return (train + float(split["validation"])) / train / (split["n_folds"] - 1)
        return test / train


def group_results(results: Sequence[Result], *, apart: bool) -> list[StudySplits]:
    """Return the studies among the results; those that ran other candidates on the same split are joined.

    Of several results of one split and candidate the newest counts. Other data sets, profiles or trainings are studies
    of their own with `apart`, and refused without.
    """
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(json.dumps(result.identity, sort_keys=True, default=str), []).append(result)
    if len(groups) > 1 and not apart:
        first, second = (group[0] for group in list(groups.values())[:2])
        raise EvaluationError(_do_not_mix(first, second))
    return [_join(group) for group in groups.values()]


def aggregate_study(study: StudySplits) -> dict[str, Any]:
    """Return aggregate.json's record of one study: candidates by mean accuracy over its splits.

    Ranks and differences count only candidates that have a result on every split and that no split's comparison lists
    apart; others are listed last, with `n_splits` and `apart` (why, and on how many splits) of their own and without
    ranks.
    """
    if len(study.splits) < 2:
        split, names = next(iter(study.sources.items()))
        legal = ", with split.method holdout or kfold." if split == OFFICIAL else "."
        raise EvaluationError(
            f"all results ({', '.join(names)}) are of one split ({split}); at least two are needed: "
            f"run `dvc exp run -S split.seed=1` and so on, as `bakeoff aggregate --help` shows{legal}"
        )
    rows = {name: _mean_row(name, study) for name in sorted(set().union(*study.splits.values()))}
    ranked = [name for name, row in rows.items() if row["apart"] is None and row["n_splits"] == len(study.splits)]
    ranked.sort(key=lambda name: -rows[name]["mean"])
    table = np.array([rows[name]["values"] for name in ranked])
    for name, values, places in zip(ranked, table, ranks(table), strict=True):
        row = rows[name]
        row |= {"n_best": int((places == 1).sum()), "mean_rank": float(places.mean()), "ranks": places.tolist()}
        if name != ranked[0]:
            behind = split_mean(100 * (table[0] - values), test_to_train=study.test_to_train)
            row["behind_best"] = {"points": behind.mean, "low": behind.low, "high": behind.high}
            row["behind_best"]["p_value"] = behind.p_value
    others = sorted(rows.keys() - set(ranked), key=lambda name: (rows[name]["apart"] is not None, name))
    return {
        "dataset": study.params["dataset"]["name"],
        "profile": study.params.get("profile"),
        "repair": (study.params.get("repair") or {}).get("name", "none"),
        "n_splits": len(study.splits),
        "splits": [{"split": split, "from": study.sources[split]} for split in study.splits],
        "test_to_train": study.test_to_train,
        "n_replaced": study.n_replaced,
        "candidates": [rows[name] for name in (*ranked, *others)],
    }


def _mean_row(name: str, study: StudySplits) -> dict[str, Any]:
    """Return a candidate's mean over the splits that it has a result on, as of one without a rank."""
    values = np.array([accuracies[name] for accuracies in study.splits.values() if name in accuracies])
    found = split_mean(values, test_to_train=study.test_to_train)._asdict() if len(values) > 1 else {}
    row: dict[str, Any] = {"candidate": name, "n_splits": len(values), "mean": float(values.mean())}
    row |= {key: found.get(key) for key in ("sd", "standard_error", "standard_error_uncorrected")}
    row |= {"low": max(0.0, found["low"]) if found else None, "high": min(1.0, found["high"]) if found else None}
    row |= {"values": values.tolist(), "apart": study.apart.get(name)}
    return row | dict.fromkeys(("n_best", "mean_rank", "ranks", "behind_best"))


def _join(results: Sequence[Result]) -> StudySplits:
    settings: dict[str, tuple[Result, Any]] = {}
    splits: dict[str, dict[str, float]] = {}
    sources: dict[str, list[str]] = {}
    excluded: dict[str, dict[str, str]] = {}
    n_replaced = 0
    for result in sorted(results, key=lambda one: one.when):
        accuracies = splits.setdefault(result.split, {})
        n_replaced += sum(accuracies.get(name, value) != value for name, value in result.accuracies.items())
        accuracies.update(result.accuracies)
        older = excluded.get(result.split, {}).items()
        excluded[result.split] = {name: why for name, why in older if name not in result.accuracies} | dict(
            result.apart
        )
        sources.setdefault(result.split, []).append(result.name)
        for name in result.accuracies:
            first, usual = settings.setdefault(name, (result, result.settings(name)))
            if result.settings(name) != usual:
                raise EvaluationError(
                    f"{name} has other settings in {result.name} than in {first.name} (section backbones); "
                    "name the experiments or folders that belong together."
                )
    return StudySplits(results[0].params, dict(sorted(splits.items(), key=_by_number)), sources, n_replaced, excluded)


def _by_number(item: tuple[str, Any]) -> list[Any]:
    return [int(word) if word.isdigit() else word for word in item[0].replace(",", "").split()]


def _do_not_mix(first: Result, second: Result) -> str:
    keys = [key for key, value in first.identity.items() if value != second.identity[key]]
    if "dataset" in keys:
        names = [str(one.params["dataset"].get("name")) for one in (first, second)]
        what = f"data set {names[0]} against {names[1]}" if names[0] != names[1] else "settings of the data set"
    else:
        what = f"section {', '.join(keys)}"
    return (
        f"{first.name} and {second.name} do not belong to one study: they differ in more than the split ({what}); "
        "aggregate them in two calls."
    )
