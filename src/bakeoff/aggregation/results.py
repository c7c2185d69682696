"""What one run of the study gave on one split, read from a folder or from DVC's experiments."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from bakeoff.core.errors import EvaluationError
from bakeoff.core.section import read_yaml
from bakeoff.records.candidate import Candidate

_SAME = (
    *("dataset", "profile", "prepare", "split", "repair", "weights", "training", "baseline", "backbone_defaults"),
    "seeds",
)
"""Sections that decide what an accuracy means; results that differ in one of them are not put together."""
_VARIES = ("seed", "fold")
OFFICIAL = "official test set"
_METRICS = "reports/metrics.json"
_DOUBTS = {"random_weights": ("pretrained", "allow_random_weights"), "not_learned": ("learned", "allow_not_learned")}
"""Reasons for exclusion: the leaderboard's column, and what in section `compare` overrules it."""


@dataclass(frozen=True)
class Result:
    """Test accuracies of the candidates of one run on one split."""

    name: str
    params: Mapping[str, Any]
    accuracies: Mapping[str, float]
    when: str = ""  # ISO time that orders results of the same split; empty counts as oldest
    apart: Mapping[str, str] = field(default_factory=dict)
    """Candidates that are listed and not ranked: `random_weights` or `not_learned`."""

    @property
    def split(self) -> str:
        """What names the split among those of its study: `seed 3`, `seed 0, fold 2`, `official test set`."""
        section = self.params["split"]
        method = section.get("method", "holdout")
        if method == "official":
            return OFFICIAL  # whatever the seed, which cuts validation from train
        return f"seed {section['seed']}" + (f", fold {section['fold']}" if method == "kfold" else "")

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that results to put together must have in common."""
        same = {key: self.params.get(key) for key in _SAME}
        same["split"] = {key: value for key, value in self.params["split"].items() if key not in _VARIES}
        return same

    def settings(self, candidate: str) -> Any:
        """Return the candidate's own settings: its entry in `backbones`, or how its texts are cleaned and classified.

        Of a pair its method's and its sides'; None for the baseline and for names without any.
        """
        one = Candidate(candidate)
        if one.sides:
            method = (self.params.get("fuse") or {}).get(one.mode)
            return [method, *(self.settings(side.name) for side in one.sides)]
        if one.modality == "text":
            return [(self.params.get("text_settings") or {}).get(one.model), self.params.get("text")]
        return None if one.is_baseline else (self.params.get("backbones") or {}).get(one.model)


def from_folder(folder: Path) -> Result:
    """Return the result in a folder that holds params.yaml and reports/leaderboard.csv (or leaderboard.csv itself).

    A candidate with several training seeds counts by their mean.

    Raises:
        EvaluationError: a file is missing, or no candidate has a result.
    """
    places = (folder / "reports" / "leaderboard.csv", folder / "leaderboard.csv")
    table_file = next((path for path in places if path.is_file()), None)
    if table_file is None or not (folder / "params.yaml").is_file():
        raise EvaluationError(
            f"{folder} must hold params.yaml and reports/leaderboard.csv of one split; "
            "give such folders, or names of DVC experiments (`dvc exp list`)."
        )
    params = read_yaml(folder / "params.yaml")
    table = pd.read_csv(table_file)
    if lacking := {"candidate", "accuracy", "status"} - set(table.columns):
        raise EvaluationError(f"{table_file} is not a leaderboard: it lacks {', '.join(sorted(lacking))}.")
    done = table.loc[table["status"] == "ok", :]
    accuracies = {str(name): float(value) for name, value in done.groupby("candidate")["accuracy"].mean().items()}
    name, when = folder.name or str(folder), f"{table_file.stat().st_mtime:020.3f}"
    if not isinstance(params.get("split"), Mapping) or "seed" not in params["split"]:
        raise EvaluationError(f"{name}: params.yaml names no split.seed, so its split is not known.")
    if not accuracies:
        raise EvaluationError(f"{name}: the leaderboard holds no candidate with a result.")
    return Result(name, params, accuracies, when, _doubtful(done, params))


def from_experiments(root: Path, names: Sequence[str] = (), *, all_commits: bool = False) -> list[Result]:
    """Return the results that DVC knows: this commit's experiments, the commit itself and the workspace.

    With `names` those experiments alone, else all that have metrics; `all_commits` adds those of older commits.

    Raises:
        EvaluationError: DVC cannot tell, or a name is not among its experiments.
    """
    revisions = list[Mapping[str, Any]]()
    for commit in _exp_show(root, all_commits=all_commits):
        revisions += [commit, *(one for item in commit.get("experiments") or [] for one in item.get("revs") or [])]
    found = [result for revision in revisions for result in _result(revision)]
    if not names:
        return found
    by_name = {result.name: result for result in found}
    if missing := [name for name in names if name not in by_name]:
        raise EvaluationError(
            f"{missing[0]!r} is neither a folder nor an experiment of this commit with metrics; known: "
            f"{', '.join(by_name) or 'none'}. --all-commits also looks at experiments of older commits."
        )
    return [by_name[name] for name in names]


def _doubtful(table: pd.DataFrame, params: Mapping[str, Any]) -> dict[str, str]:
    """Return the candidates that the study's own comparison lists apart; older leaderboards lack the columns."""
    found: dict[str, str] = {}
    for code, (column, overruled_by) in _DOUBTS.items():
        if column in table and not (params.get("compare") or {}).get(overruled_by):
            names = table["candidate"][table[column].astype(str) == "False"]
            found = dict.fromkeys((str(name) for name in names), code) | found
    return found


def _exp_show(root: Path, *, all_commits: bool) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "dvc", "exp", "show", "--json", *(["-A"] if all_commits else [])]
    answer = subprocess.run(command, cwd=root, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if answer.returncode:
        last = (answer.stderr.strip().splitlines() or ["no message"])[-1]
        raise EvaluationError(f"`dvc exp show --json` in {root} failed: {last}")
    return json.loads(answer.stdout)


def _result(revision: Mapping[str, Any]) -> Iterator[Result]:
    """Yield the revision's result where it has one; queued, failed and unrelated revisions have none."""
    data = revision.get("data") or {}
    params = ((data.get("params") or {}).get("params.yaml") or {}).get("data") or {}
    metrics = ((data.get("metrics") or {}).get(_METRICS) or {}).get("data") or {}
    accuracies = {
        name: float(values["accuracy"])
        for name, values in metrics.items()
        if isinstance(values, Mapping) and isinstance(values.get("accuracy"), int | float)
    }
    if accuracies and "seed" in (params.get("split") or {}):
        name = revision.get("name") or revision["rev"]
        apart = {name: str(metrics[name]["apart"]) for name in accuracies if "apart" in metrics[name]}
        yield Result(str(name), params, accuracies, str(data.get("timestamp") or ""), apart)
