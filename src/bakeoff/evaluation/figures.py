"""The figures of an evaluation: confusion.png, calibration.png, and strips of products taken for another class."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.patches import Rectangle
from PIL import Image, ImageDraw, ImageFont, ImageOps

from bakeoff.data.figures import Figure, font_file, shorten
from bakeoff.data.photo import as_image
from bakeoff.data.table import Catalogue
from bakeoff.records.evaluation import Calibration, CalibrationRecord, ReliabilityBin

MAX_UNORDERED = 12
"""Classes up to which the catalogue's own order is kept and shares are written into the cells."""
_GROUP_COLOUR = "#D55E00"
_MAX_CLASSES = 200
_SCALES = {MAX_UNORDERED: (0.68, 10, 10), 60: (0.36, 9, 8), 130: (0.19, 7, 5.5), _MAX_CLASSES: (0.14, 6, None)}
"""A cell in inches, labels and counts in points, by the most classes that they are for; None: the colour says it."""
_BEFORE, _AFTER = "#0072B2", "#D55E00"  # Okabe and Ito, told apart by every kind of colour vision
SIDE_PX = 180
_GAP_PX, _HEAD_PX, _FOOT_PX = 10, 34, 26
_INK, _QUIET = "#202020", "#f4f4f4"


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

    Counts are (K, K) int64, rows true, columns predicted; `order` holds the K classes, clustered (None for the
    catalogue's order), `groups` classes that are side by side in it.
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
    axes.set_ylabel("true (number of products)")
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
        fitting = size if len(text) < 4 or roomy else 0.8 * size
        style = {"color": "white" if share > 0.4 else _INK, "fontweight": "bold" if row == column else "normal"}
        axes.text(column, row, text, fontsize=fitting, ha="center", va="center", linespacing=0.95, **style)


def _frame_groups(axes: Any, shown: list[int], groups: Sequence[Sequence[int]]) -> None:
    """Frame each group's square on the diagonal."""
    place = {label: number for number, label in enumerate(shown)}
    for group in groups:
        places = [place[label] for label in group if label in place]
        first, size = min(places, default=0) - 0.5, len(places)
        axes.add_patch(Rectangle((first, first), size, size, fill=False, edgecolor=_GROUP_COLOUR, linewidth=1.4))


def draw_calibration(record: CalibrationRecord, path: Path, *, title: str) -> None:
    """Draw reliability with Wilson's intervals before and after, and the histograms of confidence beneath."""
    figure = Figure(figsize=(9.6, 6.0), layout="constrained")
    grid = figure.subplots(2, 2, sharex="col", sharey="row", height_ratios=(3, 1))
    after = f"after temperature {record.temperature:.2f}"
    panels = ((record.test.before, "as predicted", _BEFORE), (record.test.after, after, _AFTER))
    for column, (values, heading, colour) in enumerate(panels):
        _draw_reliability(grid[0, column], values, colour)
        error = f"{values.ece_equal_width:.3f} (approximate 95%: {values.ece_low:.3f} to {values.ece_high:.3f})"
        grid[0, column].set_title(f"{heading}\ncalibration error {error}", fontsize=10)
        _draw_histogram(grid[1, column], values.reliability, colour)
    grid[0, 0].set_ylabel("share that is right")
    grid[1, 0].set_ylabel("products")
    figure.suptitle(title, fontsize=11)
    figure.savefig(path, dpi=130)


def _draw_reliability(axes: Any, values: Calibration, colour: str) -> None:
    """Draw the accuracy of each bin against its mean confidence; above the diagonal is more right than it says."""
    bins = [row for row in values.reliability if row.n]
    accuracy, low, high, confidence = (
        np.array([getattr(row, name) for row in bins])
        for name in ("accuracy", "accuracy_low", "accuracy_high", "confidence")
    )
    axes.plot([0, 1], [0, 1], color="#707070", linestyle="--", linewidth=1, label="confidence = share that is right")
    axes.plot(confidence, accuracy, color=colour, linewidth=1, alpha=0.35)  # faint: few products make it jump
    style = {"color": colour, "fmt": "o", "markersize": 5, "elinewidth": 1, "capsize": 2}
    ends = [accuracy - low, high - accuracy]
    axes.errorbar(confidence, accuracy, yerr=ends, label="bin of products, 95% interval", **style)
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.02))
    axes.grid(color="#e0e0e0", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(loc="upper left", fontsize=8, framealpha=0.85, edgecolor="none")


def _draw_histogram(axes: Any, bins: Sequence[ReliabilityBin], colour: str) -> None:
    lows, counts = [row.low for row in bins], [row.n for row in bins]
    axes.bar(lows, counts, width=bins[0].high - bins[0].low, align="edge", color=colour, edgecolor="white")
    axes.set(xlim=(0, 1), xlabel="confidence: probability of the predicted class")
    axes.yaxis.get_major_locator().set_params(integer=True)


def draw_strip(photos: Sequence[Image.Image], captions: Sequence[str], path: Path, *, heading: str) -> None:
    """Write RGB photos side by side as JPEG, each in a square of `SIDE_PX`, its caption beneath, a heading above."""
    width = max(len(photos), 2) * (SIDE_PX + _GAP_PX) + _GAP_PX
    strip = Image.new("RGB", (width, _HEAD_PX + SIDE_PX + _FOOT_PX), "white")
    draw = ImageDraw.Draw(strip)
    font = ImageFont.truetype(font_file(heading), 16)
    draw.text((_GAP_PX, 8), _fit(heading, font, width - 2 * _GAP_PX), fill=_INK, font=font)
    for number, (photo, caption) in enumerate(zip(photos, captions, strict=True)):
        left = _GAP_PX + number * (SIDE_PX + _GAP_PX)
        shown = ImageOps.contain(photo, (SIDE_PX, SIDE_PX))
        draw.rectangle((left, _HEAD_PX, left + SIDE_PX - 1, _HEAD_PX + SIDE_PX - 1), fill=_QUIET)
        strip.paste(shown, (left + (SIDE_PX - shown.width) // 2, _HEAD_PX + (SIDE_PX - shown.height) // 2))
        centre = (left + SIDE_PX / 2, _HEAD_PX + SIDE_PX + 5)
        draw.text(centre, caption, fill=_INK, font=ImageFont.truetype(font_file(), 14), anchor="ma")
    path.parent.mkdir(parents=True, exist_ok=True)
    strip.save(path, quality=85)


def read_photos(catalogue: Catalogue, product_ids: Sequence[str]) -> list[Image.Image]:
    """Return the products' photos as the store holds them."""
    chosen = catalogue.at(catalogue.products.reset_index().set_index("product_id").loc[list(product_ids), "index"])
    return [as_image(chosen.photo(number)) for number in range(len(chosen))]


def _fit(text: str, font: ImageFont.FreeTypeFont, width_px: int) -> str:
    """Return the text on one line, cut and ended by … where it is wider than `width_px`."""
    shown = shorten(text, 200)
    while font.getlength(shown) > width_px and len(shown) > 2:
        shown = shown[:-2] + "…"
    return shown
