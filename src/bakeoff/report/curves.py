"""reports/learning_curves.csv: every training's history in one table, which `dvc plots` draws."""

from collections.abc import Sequence

import pandas as pd

from bakeoff.decision.collect import Evaluated

COLUMNS = [
    *("candidate", "seed", "epoch", "train_loss", "validation_loss", "train_accuracy", "validation_accuracy"),
]


def read_history(one: Evaluated) -> pd.DataFrame:
    """Return COLUMNS, one row per epoch of the training; none where its history.csv is missing."""
    path = one.folder / "training" / "history.csv"
    if not path.is_file():
        return pd.DataFrame(columns=COLUMNS)
    numbers = pd.read_csv(path).reindex(columns=COLUMNS[2:]).apply(pd.to_numeric, errors="coerce")
    return numbers.assign(candidate=one.candidate.name, seed=one.candidate.seed).reindex(columns=COLUMNS)


def learning_curves(done: Sequence[Evaluated]) -> pd.DataFrame:
    """Return the histories of every training with a result, one below the other."""
    parts = [history for history in map(read_history, done) if len(history)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
