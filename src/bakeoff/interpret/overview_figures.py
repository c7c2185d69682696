"""The figures of an overview: rows of photos or maps by class, and the map of the products."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

import matplotlib
import numpy as np

from bakeoff.data.figures import Figure, new_sheet, paste, shorten

CLASSES_A_SHEET = 12
_CELL_IN, _NAME_IN, _LINE_IN, _HEAD_IN, _GAP_IN = 1.25, 1.6, 0.22, 0.8, 0.08
_INK, _FAINT = "#202020", "#b0b0b0"
_Item = TypeVar("_Item")


class Row(NamedTuple):
    """A class on a sheet: its name, what is said of it, and its pictures (H, W, 3) in [0, 1] with a line each."""

    name: str
    told: str
    cells: list[tuple[np.ndarray | None, str]]


def in_sheets(name: str, items: Sequence[_Item]) -> dict[str, Sequence[_Item]]:
    """Return items, one per class, by the sheet that shows them: `name`, `name_2`, …."""
    parts = [items[start : start + CLASSES_A_SHEET] for start in range(0, len(items), CLASSES_A_SHEET)]
    return {f"{name}_{number}" if number > 1 else name: part for number, part in enumerate(parts, start=1)}


def draw_rows(rows: Sequence[Row], headings: Mapping[int, str], *, title: str, foot: str) -> Figure:
    """Return a sheet of rows; headings stand over the columns, counted from 0, where they begin."""
    n_columns = max([*headings, *(len(row.cells) for row in rows)])
    step_in, height_in = _CELL_IN + _LINE_IN, _HEAD_IN + (_CELL_IN + _LINE_IN) * len(rows) + 2 * _LINE_IN
    figure, sheet = new_sheet(max(_NAME_IN + _CELL_IN * n_columns, 7.0), height_in)
    write = partial(sheet.text, color=_INK, fontsize=8, va="bottom")
    write(_GAP_IN, height_in - _GAP_IN, title, va="top", fontsize=10)
    write(_GAP_IN, _GAP_IN, foot)
    for column, text in headings.items():
        write(_NAME_IN + _CELL_IN * column, height_in - _HEAD_IN + 0.05, text)
    for number, row in enumerate(rows, start=1):
        bottom = height_in - _HEAD_IN - step_in * number + _LINE_IN
        name = "\n".join(filter(None, (shorten(row.name, 22), row.told)))
        write(_GAP_IN, bottom + _CELL_IN / 2, name, va="center")
        for column, (picture, text) in enumerate(row.cells):
            left = _NAME_IN + _CELL_IN * column
            if picture is not None:
                paste(sheet, np.rint(picture * 255).astype(np.uint8), left=left, bottom=bottom, side=_CELL_IN - _GAP_IN)
            write(left, bottom - 0.03, shorten(text, 20), va="top", fontsize=7)
    return figure


def draw_places(
    places: np.ndarray, label_ids: np.ndarray, is_wrong: np.ndarray, *, labels: Sequence[str], title: str
) -> Figure:
    """Draw the products of label_ids (N,) at places (N, 2), the largest classes in colours, wrong ones as crosses."""
    figure = Figure(figsize=(9.0, 6.4), layout="constrained")
    axes = figure.add_subplot()
    colours, sizes = matplotlib.color_sequences["okabe_ito"][1:], np.bincount(label_ids, minlength=len(labels))
    largest = [int(one) for one in np.argsort(-sizes, kind="stable")[: len(colours)] if sizes[one]]
    groups = [(label_ids == one, labels[one], colour) for one, colour in zip(largest, colours, strict=False)]
    groups.append((~np.isin(label_ids, largest), "other classes", _FAINT))
    for chosen, name, colour in groups:
        right, wrong = places[chosen & ~is_wrong], places[chosen & is_wrong]
        if chosen.any():
            label = f"{shorten(name, 24)} ({chosen.sum():,})"
            axes.scatter(*right.T, s=24, color=colour, alpha=0.8, linewidths=0, label=label)
            axes.scatter(*wrong.T, s=70, color=colour, marker="X", edgecolors=_INK, linewidths=0.9, zorder=3)
    axes.scatter([], [], s=70, color="white", marker="X", edgecolors=_INK, label=f"misclassified ({is_wrong.sum():,})")
    axes.set(xticks=[], yticks=[])
    axes.set_aspect("equal", adjustable="datalim")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9, title="true class")
    axes.set_title(f"{title}\nthe test products by t-SNE of their features", fontsize=11)
    return figure
