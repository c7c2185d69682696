"""Removing from runs/ what is not part of the current study, so that every clone compares the same."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from bakeoff.records.candidate import Candidate


def prune_runs(runs_dir: Path, candidates: Iterable[Candidate]) -> list[str]:
    """Remove the folders of `runs_dir` that belong to none of `candidates` and return their names, from runs_dir.

    DVC's cache keeps what is removed.
    """
    kept = {candidate.folder(runs_dir) for candidate in candidates}
    names = {folder.parent for folder in kept}
    removed = []
    for folder in sorted(path for path in runs_dir.glob("*") if path.is_dir() and not path.is_symlink()):
        lost = [folder] if folder not in names else sorted(set(folder.glob("seed_*")) - kept)
        for path in lost:
            shutil.rmtree(path)
            removed.append(path.relative_to(runs_dir).as_posix())
    return removed
