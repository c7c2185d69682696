"""Learning curves as a table and as small multiples, and train, validation and test side by side with the gap."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from bakeoff.data.table import SPLITS
from bakeoff.decision.collect import Evaluated
from bakeoff.report.page.plot import Scale, polyline, scale_around
from bakeoff.report.render import is_known

WIDTH, HEIGHT = 300, 150
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
    """Return a row per candidate with its accuracies per split and its curves."""
    rows = [_row(record) for record in records]
    return {"rows": rows, "curves": [row for row in rows if row["curves"]]}


def _row(record: Evaluated) -> dict[str, Any]:
    epochs = read_history(record).to_dict("records")
    step = max(1, len(epochs) // _MAX_POINTS)
    history = [*epochs[:-1:step], *epochs[-1:]]
    measures, splits = ("accuracy", "log_loss"), record.metrics.splits
    values = {m: {s: splits[s][m] for s in SPLITS} for m in measures}
    panels = [panel for measure in ("loss", "accuracy") if (panel := _panel(history, measure))]
    return {
        "candidate": record.candidate.name,
        "values": values,
        "overfitting": record.metrics.overfitting,
        "best_epoch": record.training.best_epoch,
        "epochs": len(epochs),
        "stopped_early": record.training.stopped_early,
        "curves": panels,
    }


def _panel(history: Sequence[Mapping[Hashable, Any]], measure: str) -> dict[str, Any] | None:
    """Return two lines over the epochs, of `train_<measure>` and `validation_<measure>`; None without both."""
    lines = {
        split: [(row["epoch"], row[name]) for row in history if is_known(row.get(name)) and is_known(row.get("epoch"))]
        for split in ("train", "validation")
        for name in [f"{split}_{measure}"]
    }
    if not all(lines.values()):
        return None
    epochs = [epoch for points in lines.values() for epoch, _ in points]
    x = Scale(min(epochs), max(epochs), _LEFT, _RIGHT)
    drawn = [value for points in lines.values() for _, value in points]
    if measure == "accuracy":
        y = Scale(min(0.0, *drawn), max(1.0, *drawn), _BOTTOM, _TOP)
    else:
        linear = scale_around([0.0, *drawn], _BOTTOM, _TOP, margin=0.02)
        y = Scale(0.0, linear.high, _BOTTOM, _TOP)
    return {
        "measure": measure,
        "lines": {split: polyline([(x(a), y(b)) for a, b in points]) for split, points in lines.items()},
        "ends": {split: (x(points[-1][0]), y(points[-1][1])) for split, points in lines.items()},
        "x_ticks": [{"at": x(value), "value": value} for value in sorted({min(epochs), max(epochs)})],
        "y_ticks": [{"at": y(value), "value": value} for value in y.ticks(3)],
    }
