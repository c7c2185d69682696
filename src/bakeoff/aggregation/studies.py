"""Which results belong together, and what they say together of each candidate."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bakeoff.aggregation.resampled import SplitMean, ranks, split_mean
from bakeoff.aggregation.results import Result
from bakeoff.core.errors import EvaluationError


@dataclass(frozen=True)
class StudySplits:
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
        """Test products per training product, from the shares in section `split`."""
        return float(self.params["split"]["test"]) / float(self.params["split"]["train"])


def group_results(results: Sequence[Result], *, apart: bool) -> list[StudySplits]:
    """Return the studies among the results; those that ran other candidates on the same split are joined.

    Args:
        results: in any order; of several results of one split and candidate the newest counts.
        apart: list other data sets, profiles or trainings as studies of their own; otherwise they are refused.
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
        raise EvaluationError(_one_split(study))
    ratio = study.test_to_train
    ranked = [
        name
        for name in _candidates(study)
        if name not in study.apart and all(name in accuracies for accuracies in study.splits.values())
    ]
    table = np.array([[study.splits[split][name] for split in study.splits] for name in ranked])
    rows = _ranked_rows(ranked, table, ratio) if ranked else []
    others = [_apart_row(name, study, ratio) for name in _candidates(study) if name not in ranked]
    rows += sorted(others, key=lambda row: row["apart"] is not None)
    return {
        "dataset": study.params["dataset"]["name"],
        "profile": study.params.get("profile"),
        "n_splits": len(study.splits),
        "splits": [{"split": split, "from": study.sources[split]} for split in study.splits],
        "test_to_train": ratio,
        "n_replaced": study.n_replaced,
        "candidates": rows,
    }


def _ranked_rows(names: Sequence[str], table: np.ndarray, ratio: float) -> list[dict[str, Any]]:
    order: list[int] = np.argsort(-table.mean(axis=1), kind="stable").tolist()
    placed = ranks(table)
    rows = []
    for index in order:
        behind = None
        if index != order[0]:
            difference = split_mean(100 * (table[order[0]] - table[index]), test_to_train=ratio)
            behind = {"points": difference.mean, "low": difference.low, "high": difference.high}
            behind["p_value"] = difference.p_value
        row = _mean_row(names[index], table[index], split_mean(table[index], test_to_train=ratio))
        row |= {"apart": None, "n_best": int((placed[index] == 1).sum()), "mean_rank": float(placed[index].mean())}
        rows.append(row | {"ranks": placed[index].tolist(), "behind_best": behind})
    return rows


def _apart_row(name: str, study: StudySplits, ratio: float) -> dict[str, Any]:
    values = np.array([accuracies[name] for accuracies in study.splits.values() if name in accuracies])
    found = split_mean(values, test_to_train=ratio) if len(values) > 1 else None
    nothing = {"apart": study.apart.get(name), "n_best": None, "mean_rank": None, "ranks": None, "behind_best": None}
    return _mean_row(name, values, found) | nothing


def _mean_row(name: str, values: np.ndarray, found: SplitMean | None) -> dict[str, Any]:
    row: dict[str, Any] = {"candidate": name, "n_splits": len(values), "mean": float(values.mean())}
    parts = asdict(found) if found else {}
    for key in ("sd", "standard_error", "standard_error_uncorrected"):
        row[key] = parts.get(key)
    row["low"] = max(0.0, found.low) if found else None
    row["high"] = min(1.0, found.high) if found else None
    return row | {"values": values.tolist()}


def _candidates(study: StudySplits) -> list[str]:
    return sorted({name for accuracies in study.splits.values() for name in accuracies})


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
        known = excluded.setdefault(result.split, {})
        excluded[result.split] = {name: why for name, why in known.items() if name not in result.accuracies}
        excluded[result.split] |= result.apart
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


def _one_split(study: StudySplits) -> str:
    split, names = next(iter(study.sources.items()))
    return (
        f"all results ({', '.join(names)}) are of one split ({split}); at least two are needed: "
        "run `dvc exp run -S split.seed=1` and so on, as `bakeoff aggregate --help` shows."
    )
