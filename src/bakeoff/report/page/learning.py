"""Learning curves as a table and as small multiples, and train, validation and test side by side with the gap."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.decision.collect import Evaluated
from bakeoff.report.page.plot import Plot, Scale, scale_around

_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 292, 10, 126
_MAX_POINTS = 200
COLUMNS = [*("candidate", "seed", "epoch", "train_loss", "validation_loss", "train_accuracy", "validation_accuracy")]


def read_history(one: Evaluated) -> pd.DataFrame:
    """Return COLUMNS, one row per epoch of the training; none where its history.csv is missing."""
    path = one.folder / "training" / "history.csv"
    if not path.is_file():
        return pd.DataFrame(columns=COLUMNS)
    numbers = pd.read_csv(path).reindex(columns=COLUMNS[2:]).apply(pd.to_numeric, errors="coerce")
    return numbers.assign(candidate=one.candidate.name, seed=one.candidate.seed).reindex(columns=COLUMNS)


def learning_curves(done: Sequence[Evaluated]) -> pd.DataFrame:
    """Return the histories of every training with a result, one below the other: reports/learning_curves.csv."""
    parts = [history for history in map(read_history, done) if len(history)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def learning_views(records: Sequence[Evaluated]) -> dict[str, Any]:
    """Return a row per candidate, of how many epochs, with its curves."""
    rows = [_row(record) for record in records]
    return {"rows": rows, "curves": [row for row in rows if row["curves"]]}


def _row(record: Evaluated) -> dict[str, Any]:
    history = read_history(record)
    n_epochs = len(history)
    shown = np.arange(n_epochs) % max(1, n_epochs // _MAX_POINTS) == 0
    shown[-1:] = True
    panels = [panel for measure in ("loss", "accuracy") if (panel := _panel(history.loc[shown, :], measure))]
    return {"record": record, "epochs": n_epochs, "curves": panels}


def _panel(history: pd.DataFrame, measure: str) -> dict[str, Any] | None:
    """Return two lines over the epochs, of `train_<measure>` and `validation_<measure>`; None without both."""
    splits = ("train", "validation")
    values = {split: history[["epoch", f"{split}_{measure}"]].to_numpy(dtype=float) for split in splits}
    lines = {split: points[np.isfinite(points).all(axis=1)].tolist() for split, points in values.items()}
    if not all(lines.values()):
        return None
    epochs, drawn = zip(*(point for points in lines.values() for point in points), strict=True)
    y = scale_around([0.0, *drawn], _BOTTOM, _TOP, margin=0.02)
    if measure == "accuracy":
        y = Scale(0.0, 1.0, _BOTTOM, _TOP)
    return {"measure": measure, "plot": Plot(Scale(min(epochs), max(epochs), _LEFT, _RIGHT), y), "lines": lines}
