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
import pandas as pd
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
    """Results of one study on different splits."""

    params: Mapping[str, Any]
    accuracies: pd.DataFrame  # a row per candidate, a column per split; NaN where it has no result
    sources: Mapping[str, list[str]]  # split to the names of its results
    n_replaced: int  # older accuracies of a candidate on a split that a newer run measured again
    apart: Mapping[str, dict[str, int]]
    """Candidates that at least one split excludes: why (`random_weights`, …), and on how many splits."""

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
    splits = list(study.accuracies)
    if len(splits) < 2:
        split, names = next(iter(study.sources.items()))
        legal = ", with split.method holdout or kfold." if split == OFFICIAL else "."
        raise EvaluationError(
            f"all results ({', '.join(names)}) are of one split ({split}); at least two are needed: "
            f"run `dvc exp run -S split.seed=1` and so on, as `bakeoff aggregate --help` shows{legal}"
        )
    rows = {name: _mean_row(name, study) for name in study.accuracies.index}
    ranked = [name for name, row in rows.items() if row["apart"] is None and row["n_splits"] == len(splits)]
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
        "n_splits": len(splits),
        "splits": [{"split": split, "from": study.sources[split]} for split in splits],
        "test_to_train": study.test_to_train,
        "n_replaced": study.n_replaced,
        "candidates": [rows[name] for name in (*ranked, *others)],
    }


def _mean_row(name: str, study: StudySplits) -> dict[str, Any]:
    """Return a candidate's mean over the splits that it has a result on, as of one without a rank."""
    values = study.accuracies.loc[name].dropna().to_numpy()
    found = split_mean(values, test_to_train=study.test_to_train)._asdict() if len(values) > 1 else {}
    row: dict[str, Any] = {"candidate": name, "n_splits": len(values), "mean": float(values.mean())}
    row |= {key: found.get(key) for key in ("sd", "standard_error", "standard_error_uncorrected")}
    row |= {"low": max(0.0, found["low"]) if found else None, "high": min(1.0, found["high"]) if found else None}
    row |= {"values": values.tolist(), "apart": study.apart.get(name)}
    return row | dict.fromkeys(("n_best", "mean_rank", "ranks", "behind_best"))


def _join(results: Sequence[Result]) -> StudySplits:
    firsts, rows, sources = dict[str, Result](), [], dict[str, list[str]]()
    for result in sorted(results, key=lambda one: one.when):
        sources.setdefault(result.split, []).append(result.name)
        for name, accuracy in result.accuracies.items():
            rows.append((result.split, name, accuracy, result.apart.get(name)))
            first = firsts.setdefault(name, result)
            if result.settings(name) != first.settings(name):
                raise EvaluationError(
                    f"{name} has other settings in {result.name} than in {first.name}; "
                    "name the experiments or folders that belong together."
                )
    table: Any = pd.DataFrame(rows, columns=["split", "candidate", "accuracy", "apart"])
    runs = table.groupby(["split", "candidate"])
    earlier, newest = runs["accuracy"].shift(), runs.tail(1)
    excluded = newest.dropna(subset="apart").groupby("candidate")["apart"]
    return StudySplits(
        params=results[0].params,
        accuracies=newest.pivot(index="candidate", columns="split", values="accuracy")[sorted(sources, key=_by_number)],
        sources=sources,
        n_replaced=int((earlier.notna() & (earlier != table["accuracy"])).sum()),
        apart={name: dict(Counter(reasons)) for name, reasons in excluded},
    )


def _by_number(split: str) -> list[Any]:
    return [int(word) if word.isdigit() else word for word in split.replace(",", "").split()]


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
