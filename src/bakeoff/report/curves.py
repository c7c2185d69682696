"""reports/learning_curves.csv: every training's history in one table, which `dvc plots` draws."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bakeoff.decision.collect import Evaluated

COLUMNS = [
    *("candidate", "seed", "epoch", "train_loss", "validation_loss", "train_accuracy", "validation_accuracy"),
]
_HISTORY = COLUMNS[2:]


def learning_curves(done: Sequence[Evaluated]) -> pd.DataFrame:
    """Return COLUMNS, one row per epoch of every training with a result; a history.csv that is missing has no rows."""
    parts = [pd.DataFrame(columns=COLUMNS)]
    for one in done:
        path = one.folder / "training" / "history.csv"
        if path.is_file():
            history = pd.read_csv(path).reindex(columns=_HISTORY)
            history.insert(0, "candidate", one.candidate.name)
            history.insert(1, "seed", one.candidate.seed)
            parts.append(history)
    return pd.concat(parts[1:], ignore_index=True) if len(parts) > 1 else parts[0]


def write_curves(table: pd.DataFrame, path: Path) -> None:
    """Write learning_curves.csv."""
    table.to_csv(path, index=False, float_format="%.6g")
