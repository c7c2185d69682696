"""The trainer's two pictures: training photos as the candidate sees them, and its learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bakeoff.backbones.settings import CandidateSettings
from bakeoff.catalogue.table import Catalogue
from bakeoff.training.data import transform_photo
from bakeoff.training.history import Row

_TRAIN, _VALIDATION = "#0072B2", "#D55E00"  # Okabe and Ito, told apart by every kind of colour vision
_N_COLUMNS = 6


def choose_samples(labels: np.ndarray, *, seed: int, n_photos: int) -> np.ndarray:
    """Return indices into `labels`, (at most n_photos,) int64: classes in turn, each one's photos in random order.

    Args:
        labels: (N,) int64.
        seed: of the random order.
        n_photos: how many are wanted.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    turn = np.zeros(len(labels), dtype=np.int64)
    seen: dict[int, int] = {}
    for index in order:
        label = int(labels[index])
        turn[index] = seen[label] = seen.get(label, -1) + 1
    ranked = sorted(order.tolist(), key=lambda index: (turn[index], labels[index]))
    return np.asarray(ranked[:n_photos], dtype=np.int64)


def write_preview(
    path: Path, catalogue: Catalogue, settings: CandidateSettings, *, seed: int, n_photos: int = 18
) -> None:
    """Write a grid of training photos after the candidate's own resize and crop, each under its class."""
    rows = catalogue.rows("train")
    chosen = rows[choose_samples(catalogue.label_ids(rows), seed=seed, n_photos=n_photos)]
    n_rows = -(-len(chosen) // _N_COLUMNS)
    figure = Figure(figsize=(1.9 * _N_COLUMNS, 2.15 * n_rows + 0.6), layout="constrained")
    axes = figure.subplots(n_rows, _N_COLUMNS, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    photos = zip(axes, catalogue.image_rows(chosen), catalogue.label_ids(chosen), strict=False)
    for axis, image_row, label in photos:
        axis.imshow(transform_photo(catalogue.store.read(int(image_row)), settings.preprocessing))
        axis.set_title(catalogue.labels[label], fontsize=9)
    used = settings.preprocessing
    how = f"{used.interpolation} resize, crop {used.crop_pct:g}, {used.image_size} × {used.image_size} px"
    figure.suptitle(f"{settings.model} sees: {how}", fontsize=11)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def write_history_figure(path: Path, rows: Sequence[Row], *, title: str, best_epoch: int) -> None:
    """Write loss and accuracy by epoch for train and validation, with the best epoch marked."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    epochs = [row["epoch"] for row in rows]
    for axis, what in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for split, colour, marker in (("train", _TRAIN, "o"), ("validation", _VALIDATION, "s")):
            values = [row[f"{split}_{what}"] for row in rows]
            axis.plot(epochs, values, color=colour, marker=marker, markersize=4, label=split)
        axis.axvline(best_epoch, color="0.6", linestyle=":", label=f"best epoch ({best_epoch})")
        axis.set_xlabel("epoch")
        axis.set_ylabel(what)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.legend(frameon=False)
    figure.suptitle(title)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
