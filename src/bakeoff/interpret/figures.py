"""Heat maps as figures: the photo, each method's map over it, the classes with their probabilities; any number."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import Rectangle
from PIL import Image
from scipy.ndimage import gaussian_filter

from bakeoff.data.figures import Figure, shorten
from bakeoff.data.transforms import to_unit
from bakeoff.interpret.methods import METHODS
from bakeoff.records.interpretation import ExplainedPhoto, Explanation

BLUE_ORANGE = LinearSegmentedColormap.from_list("blue_orange", ["#2166ac", "#f7f7f7", "#d95f02"])
"""Told apart by people with any common colour blindness."""
_SMOOTHING = 0.015
_COLUMNS = 4


class Panel(NamedTuple):
    """A map (H, W) float32 under a title; maps of one `scale` are drawn on one scale."""

    title: str
    values: np.ndarray
    scale: str


def read_map(folder: Path, item: Explanation) -> np.ndarray | None:
    """Return the raw map (H, W) float32 of an item of interpretation.json; None where it has none, or it is gone."""
    if item.map is None or not (folder / item.map).is_file():
        return None
    with np.load(folder / item.map) as held:
        return held["map"]


def read_photo(folder: Path, photo: ExplainedPhoto) -> np.ndarray:
    """Return the photo as the network sees it, (H, W, 3) float32 in [0, 1]."""
    with Image.open(folder / photo.photo) as image:
        return to_unit(np.asarray(image))


def method_title(name: str) -> str:
    """Return what a method is called; one that is no longer among `METHODS` as it is."""
    return METHODS[name].TITLE if name in METHODS else name


def caption(candidate: str, photo: ExplainedPhoto) -> str:
    """Return what stands above the panels: the verdict as sign and words, legible without colours."""
    verdict = "✓ right" if photo.correct else "✗ wrong"
    truth = "" if photo.correct else f", truly {shorten(photo.true, 60)}"
    share = photo.probabilities[photo.predicted]
    sentence = f"{verdict}: {shorten(photo.predicted, 60)} with probability {share:.2f}{truth}"
    return "\n".join([*textwrap.wrap(sentence, 110), *textwrap.wrap(f"{candidate} · {photo.product_id}", 110)])


def panels(folder: Path, items: Sequence[Explanation]) -> list[Panel]:
    """Return the maps that there are, each method's classes on one scale."""
    read = [(item, read_map(folder, item)) for item in items]
    return [
        Panel(f"{method_title(item.method)}: {shorten(item.target, 24)}", values, item.method)
        for item, values in read
        if values is not None
    ]


def smooth(values: np.ndarray) -> np.ndarray:
    """Return a map (H, W) without single pixels' noise: smoothed over 1.5 % of its side, (H, W) float64."""
    return gaussian_filter(values.astype(np.float64), _SMOOTHING * len(values))


def scale_of(maps: Sequence[np.ndarray]) -> float:
    """Return the value that is drawn at full strength: the 99th percentile of magnitudes, else the largest, else 1."""
    magnitudes = np.abs(np.concatenate([smooth(one).ravel() for one in maps]))
    return float(np.percentile(magnitudes, 99)) or float(magnitudes.max()) or 1.0


def scales(shown: Sequence[Panel]) -> dict[str, float]:
    """Return the value that is drawn at full strength, by scale."""
    return {
        name: scale_of([panel.values for panel in shown if panel.scale == name])
        for name in {one.scale for one in shown}
    }


def overlay(photo: np.ndarray, values: np.ndarray, scale: float) -> np.ndarray:
    """Return a signed map (H, W) over a pale grey copy of its photo (H, W, 3), (H, W, 3) in [0, 1].

    Values of `scale` and more cover the photo, weak ones let it through.
    """
    grey = np.clip(photo, 0, 1) @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    heat = np.clip(smooth(values) / scale, -1, 1)[..., None]
    strength, colours = 0.1 + 0.6 * np.abs(heat) ** 0.7, BLUE_ORANGE((heat[..., 0] + 1) / 2)[..., :3]
    return (1 - strength) * (0.35 + 0.65 * grey[..., None]) + strength * colours


def draw_explained(
    photo: np.ndarray,
    shown: Sequence[Panel],
    path: Path,
    *,
    title: str,
    probabilities: Mapping[str, float],
    box: Sequence[float] | None = None,
) -> None:
    """Draw the photo (H, W, 3) float32 in [0, 1] with its object's box, its maps, and the classes' probabilities."""
    full = scales(shown)
    titles = ["the photo as the network sees it", "probabilities", *(panel.title for panel in shown)]
    columns = min(_COLUMNS, len(titles))
    rows = math.ceil(len(titles) / columns)
    figure = Figure(figsize=(3.5 * columns, 3.6 * rows + 0.9 + 0.2 * len(title.splitlines())), layout="constrained")
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    _draw_photo(grid[0], photo, box)
    _draw_probabilities(grid[1], probabilities)
    for axes, panel in zip(grid[2:], shown, strict=False):
        axes.imshow(overlay(photo, panel.values, full[panel.scale]))
    for axes, told in zip_longest(grid, titles):
        axes.set(xticks=[], yticks=[])
        axes.set_title(told or "", fontsize=10)
        axes.axison = told is not None
    _finish(figure, grid, path, title=title)


class Column(NamedTuple):
    """One candidate in a comparison: its title, the photo as it sees it, (H, W, 3), and its maps by their rows."""

    title: str
    photo: np.ndarray
    maps: Mapping[str, Panel]


def draw_compared(columns: Sequence[Column], path: Path, *, title: str) -> None:
    """Draw what several candidates see in one photo, one below its photo each, a row per method."""
    full = scales([panel for column in columns for panel in column.maps.values()])
    rows = list(dict.fromkeys(row for column in columns for row in column.maps))
    size = (max(6, 2.4 * len(columns) + 0.4), 2.6 * len(rows) + 3.6)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(rows) + 1, len(columns), squeeze=False)
    for (top, *below), column in zip(grid.T, columns, strict=True):
        top.imshow(np.clip(column.photo, 0, 1))
        top.set_title(column.title, fontsize=9)
        for axes, row in zip(below, rows, strict=True):
            if panel := column.maps.get(row):
                axes.imshow(overlay(column.photo, panel.values, full[panel.scale]))
            else:
                axes.set(box_aspect=1)
                axes.text(0.5, 0.5, "no map", ha="center", va="center", fontsize=9)
    for axes, row in zip(grid[:, 0], ["", *rows], strict=True):
        axes.set_ylabel(row, fontsize=10)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
    _finish(figure, list(grid.flat), path, title=title)


def _finish(figure: Figure, grid: list[Axes], path: Path, *, title: str) -> None:
    """Add the title and the colour bar that all maps share, and write the figure."""
    figure.suptitle(title, fontsize=11)
    height_in = figure.get_figheight()
    kept = {"fraction": 0.25 / height_in, "pad": 0.15 / height_in, "shrink": 0.5, "aspect": 40}  # whatever the height
    colours = ScalarMappable(norm=Normalize(-1, 1), cmap=BLUE_ORANGE)
    bar = figure.colorbar(colours, ax=grid, orientation="horizontal", ticks=[-1, 0, 1], **kept)
    bar.ax.set_xticklabels(["speaks against", "no effect", "speaks for the class"], fontsize=9)
    figure.savefig(path, dpi=110)


def _draw_photo(axes: Axes, photo: np.ndarray, box: Sequence[float] | None) -> None:
    axes.imshow(np.clip(photo, 0, 1))
    if box:
        left, top, right, bottom = box
        axes.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, ec="#d95f02", lw=1.5))


def _draw_probabilities(axes: Axes, probabilities: Mapping[str, float]) -> None:
    names = [textwrap.shorten(shorten(name, 24), 24) for name in probabilities]
    bars = axes.barh(range(len(names)), list(probabilities.values()), color="#2166ac", height=0.4)
    axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=9)
    axes.set(xlim=(0, 1.15), ylim=(max(len(names), 5) - 0.5, -0.6), box_aspect=1)
    for place, name in enumerate(names):  # within the axes, so that a long name moves no other panel
        axes.text(0.01, place - 0.27, name, fontsize=9, va="bottom")
    axes.spines[["top", "right", "bottom"]].set_visible(False)
