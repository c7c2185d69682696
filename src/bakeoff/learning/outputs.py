"""What both trainers leave: training.json, cost.json, history.csv, predictions.parquet and pictures."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.core.failures import drawing
from bakeoff.data.predictions import Predictions, write_predictions
from bakeoff.data.table import Catalogue
from bakeoff.data.transforms import transform_photo
from bakeoff.learning.figures import preview_title, write_history_figure, write_preview
from bakeoff.learning.history import COLUMNS, History, majority_share, why_not_learned
from bakeoff.learning.key import git_commit, now_utc
from bakeoff.records.settings import Geometry
from bakeoff.records.training import CostRecord, TrainingHeader, TrainingRecord


@dataclass(frozen=True)
class Outcome:
    """A training that has just ended: how it went, and what the network says of every product."""

    header: TrainingHeader
    catalogue: Catalogue
    history: History
    predictions: Predictions

    def _record(self, network: Mapping[str, Any]) -> TrainingRecord:
        """Return training.json: what was known beforehand, what came out, and `network`, which describes that."""
        history, catalogue = self.history, self.catalogue
        assert history.best is not None  # params ask for one epoch or more
        accuracy = history.best["validation_accuracy"]
        train, validation = (catalogue.label_ids(catalogue.rows(split)) for split in ("train", "validation"))
        losses = [*history.step_losses, history.best.get("validation_loss", 0.0)]  # a model taken over has none
        labels, scores = self.predictions.split("validation")
        not_learned = why_not_learned(
            accuracy, majority_share(train, validation), losses, labels=labels, predicted=scores.argmax(axis=1)
        )
        outcome = {
            "epochs_run": len(history.rows),
            "steps_run": len(history.step_losses),
            "best_epoch": history.best["epoch"],
            "best_validation_accuracy": accuracy,
            "stopped_early": history.stopped_early,
            "learned": not_learned is None,
            "not_learned": not_learned,
            "still_improving": history.still_improving,
        }
        return TrainingRecord.model_validate(dict(self.header) | dict(network) | outcome)

    def write(
        self,
        out_dir: Path,
        *,
        network: Mapping[str, Any],
        cost: Mapping[str, Any],
        used: Geometry,
        augment: Callable[..., np.ndarray] | None = None,
    ) -> TrainingRecord:
        """Write all but the model and return training.json's content; where that is, only pictures can be missing.

        `network` are training.json's fields that describe the network, `cost` the measured ones of cost.json. The
        preview shows photos as the network sees them (`used`), and some draws of an augmentation.
        """
        record = self._record(network)
        pd.DataFrame(self.history.rows, columns=list(COLUMNS)).to_csv(out_dir / "history.csv", index=False)
        write_predictions(self.predictions, out_dir / "predictions.parquet")
        seconds = cost["feature_time_s"] + sum(row["seconds"] for row in self.history.rows)
        known = {"key": record.key, "git_commit": git_commit(), "ended_at": now_utc(), "train_time_s": seconds}
        CostRecord(**known, **cost).write(out_dir / "cost.json")
        record.write(out_dir / "training.json")
        figures, transform = out_dir / "figures", partial(transform_photo, used=used)
        with drawing(figures / "history.png", out_dir) as path:
            write_history_figure(path, self.history.rows, title=record.title, best_epoch=record.best_epoch)
        shown = {"title": preview_title(record.model, used), "seed": record.seed}
        with drawing(figures / "preview.png", out_dir) as path:
            write_preview(path, self.catalogue, transform, **shown)
        if augment:
            with drawing(figures / "augmented.png", out_dir) as path:
                write_preview(path, self.catalogue, transform, **shown, augment=augment)
        return record


def size_mib(shapes: Iterable[Sequence[int]]) -> float:
    """Return the memory that a deployed classifier's numbers take as float32, whatever its file looks like, MiB."""
    return 4 * sum(math.prod(shape) for shape in shapes) / 2**20
