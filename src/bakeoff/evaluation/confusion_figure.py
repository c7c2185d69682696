"""confusion.png: counts and shares in one matrix that stays readable; of many classes, those with most mistakes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.patches import Rectangle

from bakeoff.data.figures import Figure, shorten

MAX_UNORDERED = 12
"""Classes up to which the catalogue's own order is kept and shares are written into the cells."""
_GROUP_COLOUR = "#D55E00"
_MAX_CLASSES = 200


_SCALES = {MAX_UNORDERED: (0.68, 10, 10), 60: (0.36, 9, 8), 130: (0.19, 7, 5.5), _MAX_CLASSES: (0.14, 6, None)}
"""A cell in inches, labels and counts in points, by the most classes that they are for; None: the colour says it."""


def draw_confusion(
    counts: np.ndarray,
    labels: list[str],
    path: Path,
    *,
    title: str,
    order: Sequence[int] | None = None,
    groups: Sequence[Sequence[int]] = (),
) -> None:
    """Draw the matrix: colour is the share of the true class (row), the number in a cell is the count.

    Up to `MAX_UNORDERED` classes stand in the catalogue's order; more are clustered, and groups of confusable
    classes framed. Beyond `_MAX_CLASSES` those with most mistakes are drawn.

    Args:
        counts: (K, K) int64, rows true, columns predicted.
        labels: K names.
        path: PNG to write.
        title: first line above the matrix.
        order: the K classes, clustered; None for the catalogue's order.
        groups: classes side by side in `order`.
    """
    n_labels = len(labels)
    clustered = order is not None and n_labels > MAX_UNORDERED
    shown = _with_most_mistakes(counts, list(order) if order is not None and clustered else list(range(n_labels)))
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)[np.ix_(shown, shown)]
    counts, totals, n_labels = counts[np.ix_(shown, shown)], totals[shown], len(shown)
    cell_in, label_pt, count_pt = next(scale for most, scale in _SCALES.items() if n_labels <= most)
    side = max(cell_in * n_labels, 2.4)
    figure = Figure(figsize=(side + 3.4, side + 2.8), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.6, 0, 1))  # lifts the small shares: errors
    _name_axes(axes, [labels[label] for label in shown], totals.ravel().tolist(), label_pt)
    if count_pt is not None:
        _write_counts(axes, counts, shares, size=count_pt)
    if clustered:
        _frame_groups(axes, shown, groups)
        title += "\nclasses that are confused stand side by side" + (", groups framed" if groups else "")
    if n_labels < len(labels):
        title += f"\nthe {n_labels} classes with most mistakes of {len(labels):,}; confusion.csv has all of them"
    axes.set_title(title, fontsize=11)
    figure.colorbar(image, ax=axes, shrink=min(0.6, 6 / side), label="share of the true class")
    figure.savefig(path, dpi=130 if n_labels <= 130 else 110)


def _with_most_mistakes(counts: np.ndarray, order: list[int]) -> list[int]:
    """Return at most `_MAX_CLASSES` of `order`, in its order: those that products are taken from or for most often."""
    mistakes = counts.sum(axis=0) + counts.sum(axis=1) - 2 * counts.diagonal()
    chosen = set(np.argsort(-mistakes, kind="stable")[:_MAX_CLASSES].tolist())
    return [label for label in order if label in chosen]


def _name_axes(axes: Any, names: list[str], totals: list[int], size: float) -> None:
    """Label rows and columns; with very many, faint lines every ten lead the eye."""
    short, n_labels = [shorten(name) for name in names], len(names)
    rotation = 45 if n_labels <= 60 else 90
    align = {"ha": "right", "rotation_mode": "anchor"} | ({} if rotation == 45 else {"va": "center"})
    axes.set_xticks(range(n_labels), short, rotation=rotation, fontsize=size, **align)
    counted = [f"{name} ({total})" for name, total in zip(short, totals, strict=True)]
    axes.set_yticks(range(n_labels), counted, fontsize=size)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true (number of photos)")
    if n_labels > 60:
        axes.tick_params(length=2, pad=1)
        for place in range(10, n_labels, 10):
            axes.axhline(place - 0.5, color="#c8c8c8", linewidth=0.4)
            axes.axvline(place - 0.5, color="#c8c8c8", linewidth=0.4)


def _write_counts(axes: Any, counts: np.ndarray, shares: np.ndarray, *, size: float) -> None:
    """Write each non-zero count into its cell, dark on light or the reverse; the share beneath where there is room."""
    roomy = len(counts) <= MAX_UNORDERED
    for row, column in np.argwhere(counts > 0):
        share = shares[row, column]
        text = f"{counts[row, column]}\n{share:.0%}" if roomy else str(counts[row, column])
        axes.text(
            *(column, row, text),
            ha="center",
            va="center",
            color="white" if share > 0.4 else "#202020",
            fontsize=size if len(text) < 4 or roomy else 0.8 * size,
            fontweight="bold" if row == column else "normal",
            linespacing=0.95,
        )


def _frame_groups(axes: Any, shown: list[int], groups: Sequence[Sequence[int]]) -> None:
    """Frame each group's square on the diagonal."""
    place = {label: number for number, label in enumerate(shown)}
    for group in groups:
        places = [place[label] for label in group if label in place]
        first, size = min(places, default=0) - 0.5, len(places)
        axes.add_patch(Rectangle((first, first), size, size, fill=False, edgecolor=_GROUP_COLOUR, linewidth=1.4))
