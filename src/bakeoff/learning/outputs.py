"""What trainers leave: training.json, cost.json, history.csv, predictions.parquet, out_of_fold.parquet, pictures."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from bakeoff.core.failures import drawing
from bakeoff.core.seeding import derive_seed
from bakeoff.data.figures import Figure, new_sheet, paste, shorten
from bakeoff.data.predictions import OUT_OF_FOLD, Predictions, make_predictions, write_predictions
from bakeoff.data.table import Catalogue
from bakeoff.data.transforms import transform_photo
from bakeoff.learning.history import COLUMNS, History, Row, majority_share, why_not_learned
from bakeoff.learning.key import git_commit, now_utc
from bakeoff.records.recipe import ScheduleParams
from bakeoff.records.settings import Geometry
from bakeoff.records.training import CostRecord, TrainingHeader, TrainingRecord

_TRAIN, _VALIDATION = "#0072B2", "#D55E00"  # Okabe and Ito, told apart by every kind of colour vision
_N_COLUMNS, _CELL_IN, _LABEL_IN, _TITLE_IN = 6, 1.9, 0.25, 0.6


@dataclass(frozen=True)
class Outcome:
    """A training that has just ended: how it went, what the network says of every product, and others of train's."""

    header: TrainingHeader
    catalogue: Catalogue
    history: History
    predictions: Predictions
    out_of_fold: Predictions | None = None

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
        used: Geometry | None = None,
        augment: Callable[..., np.ndarray] | None = None,
    ) -> TrainingRecord:
        """Write all but the model and return training.json's content; where that is, only pictures can be missing.

        `network` are training.json's fields that describe the network, `cost` the measured ones of cost.json. The
        preview shows photos as the network sees them (`used`; None where it sees none), and draws of an augmentation.
        """
        record = self._record(network)
        pd.DataFrame(self.history.rows, columns=list(COLUMNS)).to_csv(out_dir / "history.csv", index=False)
        write_predictions(self.predictions, out_dir / "predictions.parquet")
        write_predictions(self.out_of_fold or self.predictions.first(0), out_dir / OUT_OF_FOLD)
        seconds = cost["feature_time_s"] + sum(row["seconds"] for row in self.history.rows)
        known = {"key": record.key, "git_commit": git_commit(), "ended_at": now_utc(), "train_time_s": seconds}
        CostRecord(**known, **cost).write(out_dir / "cost.json")
        record.write(out_dir / "training.json")
        figures = out_dir / "figures"
        if used or len(self.history.rows) > 1:
            with drawing(figures / "history.png", out_dir) as path:
                write_history_figure(path, self.history.rows, title=record.title, best_epoch=record.best_epoch)
        if used is None:
            return record
        transform = partial(transform_photo, used=used)
        shown = {"title": preview_title(record.model, used), "seed": record.seed}
        with drawing(figures / "preview.png", out_dir) as path:
            write_preview(path, self.catalogue, transform, **shown)
        if augment:
            with drawing(figures / "augmented.png", out_dir) as path:
                write_preview(path, self.catalogue, transform, **shown, augment=augment)
        return record


def fitted_outcome(
    header: TrainingHeader,
    catalogue: Catalogue,
    probabilities: np.ndarray,
    *,
    seconds: float,
    out_of_fold: np.ndarray | None = None,
) -> Outcome:
    """Return the outcome of a model that is fitted at once, in a single step, from its (N, K) probabilities.

    The catalogue has a row per product; `out_of_fold` (M, K) is what models that have not seen them say of train's.
    """
    labels, losses = catalogue.label_ids(np.arange(len(probabilities))), _losses(catalogue, probabilities)
    predictions = make_predictions(catalogue, probabilities, losses)
    known = catalogue.only("train")
    unseen = None
    if out_of_fold is not None:
        unseen = make_predictions(known, out_of_fold, _losses(known, out_of_fold), out_of_fold=True)
    history = History(ScheduleParams(epochs=1, learning_rate=1.0, max_steps=None), 1, None)
    correct, found = probabilities.argmax(axis=1) == labels, dict[str, float]()
    for split in ("train", "validation"):
        rows = catalogue.rows(split)
        found[f"{split}_accuracy"] = float(correct[rows].mean())
        found[f"{split}_loss"] = float(losses[rows].mean())
    history.step_losses.append(found.pop("train_loss"))
    history.add_epoch([1.0], **found, seconds=seconds)
    return Outcome(header, catalogue, history, predictions, unseen)


def _losses(catalogue: Catalogue, probabilities: np.ndarray) -> np.ndarray:
    """Return (N,) -log of the true class' probability."""
    rows = np.arange(len(probabilities))
    return -np.log(np.clip(probabilities[rows, catalogue.label_ids(rows)], 1e-12, 1))


def size_mib(shapes: Iterable[Sequence[int]]) -> float:
    """Return the memory that a deployed classifier's numbers take as float32, whatever its file looks like, MiB."""
    return 4 * sum(math.prod(shape) for shape in shapes) / 2**20


def preview_title(model: str, used: Geometry) -> str:
    """Return the preview's heading: which model sees the photos, and what was done to them."""
    size = used.image_size
    order = ", channels as blue, green, red" if getattr(used, "channel_order", "rgb") == "bgr" else ""
    return f"{model} sees: {used.interpolation} resize, crop {used.crop_pct:g}, {size} × {size} px{order}"


def choose_samples(labels: np.ndarray, *, seed: int, n_photos: int) -> np.ndarray:
    """Return indices into labels (N,), at most n_photos, int64: classes in turn, each one's photos in random order."""
    order = np.random.default_rng(seed).permutation(len(labels))
    shuffled = pd.Series(labels[order])
    turn = shuffled.groupby(shuffled).cumcount()
    return order[np.lexsort((shuffled, turn))][:n_photos]


def write_preview(
    path: Path,
    catalogue: Catalogue,
    transform: Callable[[Any], np.ndarray],
    *,
    title: str,
    seed: int,
    augment: Callable[..., np.ndarray] | None = None,
) -> None:
    """Write a grid of 18 training photos after the network's own resize and crop, each under its class.

    `transform` takes a photo to what the network gets, (H, W, 3) uint8; `seed` draws the photos. With an augmentation
    (`bakeoff.training.augment.Augment`) they are six, with five draws beside each.
    """
    rows, cells = catalogue.rows("train"), []
    chosen = rows[choose_samples(catalogue.label_ids(rows), seed=seed, n_photos=6 if augment else 18)]
    products = catalogue.at(chosen)
    for number, label_id in enumerate(catalogue.label_ids(chosen)):
        cells.append((transform(products.photo(number)), shorten(catalogue.labels[label_id], 26)))
        draws = (derive_seed(seed, "preview", number, draw) for draw in range(1, _N_COLUMNS))
        cells += [(augment(products.photo(number), label_id=label_id, seed=one), "") for one in draws if augment]
    n_rows = -(-len(cells) // _N_COLUMNS)
    figure, sheet = new_sheet(_CELL_IN * _N_COLUMNS, (_CELL_IN + _LABEL_IN) * n_rows + _TITLE_IN)
    for place, (photo, label) in enumerate(cells):
        left, bottom = place % _N_COLUMNS * _CELL_IN, (n_rows - 1 - place // _N_COLUMNS) * (_CELL_IN + _LABEL_IN)
        paste(sheet, photo, left=left + 0.05, bottom=bottom + 0.05, side=_CELL_IN - 0.1)
        sheet.text(left + _CELL_IN / 2, bottom + _CELL_IN, label, ha="center", fontsize=9)
    figure.suptitle(title, fontsize=11)
    figure.savefig(path, dpi=120)


def write_history_figure(path: Path, rows: Sequence[Row], *, title: str, best_epoch: int) -> None:
    """Write loss and accuracy by epoch for train and validation, with the best epoch (from 1) marked.

    Without rows the figure says that nothing was trained.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    epochs = [row["epoch"] for row in rows]
    for axis, what in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        axis.set_xlabel("epoch")
        axis.set_ylabel(what)
        if not rows:
            axis.set(xticks=[], yticks=[])
            axis.text(0.5, 0.5, "nothing was trained (as is)", ha="center", va="center", transform=axis.transAxes)
            continue
        for split, colour, marker in (("train", _TRAIN, "o"), ("validation", _VALIDATION, "s")):
            values = [row[f"{split}_{what}"] for row in rows]
            axis.plot(epochs, values, color=colour, marker=marker, markersize=4, label=split)
        axis.axvline(best_epoch, color="0.6", linestyle=":", label=f"best epoch ({best_epoch})")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.legend(frameon=False)
    figure.suptitle(title)
    figure.savefig(path, dpi=120)
