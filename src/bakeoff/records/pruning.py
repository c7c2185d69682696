"""Removing from runs/ what is not part of the current study, so that every clone compares the same."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

BASELINE = "baseline_tf"


def prune_runs(runs_dir: Path, *, candidates: Iterable[str], seeds: Iterable[int]) -> list[str]:
    """Remove the folders of `runs_dir` that are not part of the study and return their names; DVC's cache keeps them.

    Args:
        runs_dir: folder with <candidate>/seed_<seed>/.
        candidates: the study's candidates; the baseline is part of every study.
        seeds: the study's seeds.
    """
    wanted, folders = {*candidates, BASELINE}, {f"seed_{seed}" for seed in seeds}
    removed = []
    for folder in sorted(path for path in runs_dir.glob("*") if path.is_dir() and not path.is_symlink()):
        if folder.name not in wanted:
            shutil.rmtree(folder)
            removed.append(folder.name)
            continue
        for run in sorted(folder.glob("seed_*")):
            if run.name not in folders:
                shutil.rmtree(run)
                removed.append(f"{folder.name}/{run.name}")
    return removed
