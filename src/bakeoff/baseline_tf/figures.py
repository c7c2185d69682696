"""The trainer's two pictures: photos as the network sees them, and the learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bakeoff.baseline_tf.sequence import Preprocessing, read_pixels
from bakeoff.catalogue.table import Catalogue

_TRAIN, _VALIDATION = "#0072B2", "#D55E00"  # Okabe and Ito, told apart by every kind of colour vision


def write_preview(
    path: Path, catalogue: Catalogue, preprocessing: Preprocessing, *, seed: int, n_photos: int = 12
) -> None:
    """Write a grid of training photos after resize and crop, each under its label; the seed draws them."""
    rows = catalogue.rows("train")
    chosen = np.random.default_rng(seed).permutation(rows)[:n_photos]
    pixels = read_pixels(catalogue, chosen, preprocessing)
    labels = catalogue.label_ids(chosen)
    n_columns = min(6, len(chosen))
    n_rows = -(-len(chosen) // n_columns)
    figure = Figure(figsize=(2 * n_columns, 2.3 * n_rows + 0.5), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, photo, label in zip(axes, pixels, labels, strict=False):
        axis.imshow(photo)
        axis.set_title(catalogue.labels[label], fontsize=9)
    size = preprocessing.image_size
    how = f"{preprocessing.interpolation} resize, crop {preprocessing.crop_pct:g}, {size} × {size} px"
    figure.suptitle(f"baseline_tf sees: {how}", fontsize=11)
    figure.savefig(path, dpi=120)


def write_history_figure(path: Path, history: Sequence[dict[str, Any]], *, best_epoch: int) -> None:
    """Write loss and accuracy by epoch for train and validation, with the best epoch marked."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True)
    epochs = [row["epoch"] for row in history]
    for axis, what in panels:
        for split, colour, marker in (("train", _TRAIN, "o"), ("validation", _VALIDATION, "s")):
            values = [row[f"{split}_{what}"] for row in history]
            axis.plot(epochs, values, color=colour, marker=marker, markersize=4, label=split)
        axis.set_xlabel("epoch")
        axis.set_ylabel(what)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        if history:
            axis.axvline(best_epoch, color="0.6", linestyle=":", label=f"best epoch ({best_epoch})")
            axis.legend(frameon=False)
        else:
            axis.text(0.5, 0.5, "nothing was trained (as_is)", ha="center", va="center", transform=axis.transAxes)
    figure.suptitle("baseline_tf")
    figure.savefig(path, dpi=120)
