"""Both trainers' two pictures: training photos as the network sees them, and its learning curves."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from bakeoff.core.seeding import derive_seed
from bakeoff.data.figures import Figure, new_sheet, paste, shorten
from bakeoff.data.table import Catalogue
from bakeoff.learning.history import Row
from bakeoff.records.settings import Geometry

_TRAIN, _VALIDATION = "#0072B2", "#D55E00"  # Okabe and Ito, told apart by every kind of colour vision
_N_COLUMNS, _CELL_IN, _LABEL_IN, _TITLE_IN = 6, 1.9, 0.25, 0.6


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
