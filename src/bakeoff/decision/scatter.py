"""The figure of the trade-off: test accuracy against inference time, with the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bakeoff.decision.labels import place_labels
from bakeoff.decision.pareto import pareto_front
from bakeoff.decision.study import BASELINE
from bakeoff.decision.summary import Summary

_LOG_RANGE = 10.0
_DPI = 130
_LEADER_PX = 20.0
_DASHES = (0, (5, 3))
_NON_COMMERCIAL_MARKER = "D"


@dataclass(frozen=True)
class Theme:
    """Colours of one figure; blue, orange and green of Okabe and Ito's colour-blind-safe set."""

    background: str = "#ffffff"
    ink: str = "#1d2733"
    soft: str = "#7b8896"
    faint: str = "#c9d1da"
    frozen: str = "#0072b2"
    finetune: str = "#d55e00"
    baseline: str = "#009e73"


LIGHT = Theme()
DARK = Theme("#151b23", "#e3e9f0", "#8795a5", "#3a4552", "#56b4e9", "#e69f00", "#2fc79a")


def draw_pareto(
    summaries: Sequence[Summary], target: Path | IO[bytes], *, theme: Theme = LIGHT, allow_random: bool = False
) -> None:
    """Write the labelled scatter as PNG; candidates timed on another device are left out.

    Args:
        summaries: one per candidate.
        target: a path or an open binary file.
        theme: colours.
        allow_random: whether random starts may lie on the front beside pretrained candidates.
    """
    figure = Figure(figsize=(9.6, 6.0), dpi=_DPI, facecolor=theme.background)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _style(axes, theme)
    items = [item for item in summaries if math.isfinite(item.comparable_latency_ms)]
    if items:
        _set_scales(axes, items)
        best = front(summaries, allow_random=allow_random)
        _draw_front(axes, best, theme)
        for item in items:
            _draw_point(axes, item, theme)
        _add_legend(axes, items, theme)
        figure.tight_layout()
        _draw_labels(axes, items, best, theme)
    else:
        text = "no candidate has both an accuracy and a time"
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", color=theme.ink)
    figure.savefig(target, format="png", facecolor=theme.background)


def front(summaries: Sequence[Summary], *, allow_random: bool = False) -> list[Summary]:
    """Return the Pareto front in (latency_ms, accuracy), fastest first.

    It is that of the candidates a choice may fall on: learned, and pretrained where any is (unless
    `allow_random`).
    """
    items = [item for item in summaries if item.learned and math.isfinite(item.comparable_latency_ms)]
    if not allow_random and any(item.pretrained for item in summaries):
        items = [item for item in items if item.pretrained]
    on_front = pareto_front([item.latency_ms for item in items], [item.accuracy for item in items])
    return sorted((item for item, keep in zip(items, on_front, strict=True) if keep), key=lambda item: item.latency_ms)


def _style(axes: Axes, theme: Theme) -> None:
    axes.set_facecolor(theme.background)
    axes.grid(visible=True, color=theme.faint, linewidth=0.6, alpha=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(theme.faint)
    axes.tick_params(colors=theme.ink, which="both")
    axes.set_xlabel("inference time per photo, batch 1, median, ms   (left is faster)", color=theme.ink)
    axes.set_ylabel("test accuracy   (bars: 95 % interval)", color=theme.ink)


def _set_scales(axes: Axes, items: Sequence[Summary]) -> None:
    low, high = min(item.latency_ms for item in items), max(item.latency_ms for item in items)
    if low > 0 and high / low > _LOG_RANGE:
        axes.set_xscale("log")
        axes.set_xlim(low / 1.6, high * 1.9)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        span = max(high - low, 0.1 * high, 1e-6)
        axes.set_xlim(max(0.0, low - 0.12 * span), high + 0.22 * span)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:g}"))
    bottom, top = min(item.accuracy_low for item in items), max(item.accuracy_high for item in items)
    pad = 0.06 * max(top - bottom, 0.05)
    axes.set_ylim(max(-0.02, bottom - pad), min(1.02, top + pad))


def _draw_front(axes: Axes, items: Sequence[Summary], theme: Theme) -> None:
    times, accuracies = [item.latency_ms for item in items], [item.accuracy for item in items]
    axes.plot(times, accuracies, color=theme.ink, linewidth=1.4, linestyle=_DASHES, zorder=2)


def _draw_point(axes: Axes, item: Summary, theme: Theme) -> None:
    colour = _colour(item, theme)
    bars = [[max(0.0, item.accuracy - item.accuracy_low)], [max(0.0, item.accuracy_high - item.accuracy)]]
    style = {"ecolor": colour, "elinewidth": 0.8, "alpha": 0.45, "fmt": "none", "zorder": 1}
    axes.errorbar([item.latency_ms], [item.accuracy], yerr=bars, **style)
    axes.plot(
        [item.latency_ms],
        [item.accuracy],
        marker=_NON_COMMERCIAL_MARKER if item.commercial_use is False else "o",
        markersize=8,
        markerfacecolor=colour if item.pretrained else theme.background,
        markeredgecolor=colour,
        markeredgewidth=1.6,
        linestyle="none",
        zorder=3,
    )


def _colour(item: Summary, theme: Theme) -> str:
    if item.candidate == BASELINE:
        return theme.baseline
    return theme.finetune if item.mode == "finetune" else theme.frozen


def _add_legend(axes: Axes, items: Sequence[Summary], theme: Theme) -> None:
    def entry(label: str, colour: str, marker: str = "o", *, hollow: bool = False) -> Line2D:
        face = theme.background if hollow else colour
        return Line2D([], [], linestyle="none", marker=marker, color=colour, markerfacecolor=face, label=label)

    modes = sorted({item.mode for item in items if item.candidate != BASELINE}, reverse=True)
    entries = [entry(mode, theme.finetune if mode == "finetune" else theme.frozen) for mode in modes]
    if any(item.candidate == BASELINE for item in items):
        entries.append(entry("baseline (TensorFlow)", theme.baseline))
    if not all(item.pretrained for item in items):
        entries.append(entry("hollow: random start", theme.ink, hollow=True))
    if any(item.commercial_use is False for item in items):
        entries.append(entry("diamond: non-commercial", theme.ink, _NON_COMMERCIAL_MARKER))
    dashes = Line2D([], [], color=theme.ink, linestyle=_DASHES, label="Pareto front")
    axes.legend(
        handles=[*entries, dashes], loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=6, frameon=False, fontsize=8.5,
        labelcolor=theme.ink, columnspacing=1.2, handletextpad=0.4,
    )  # fmt: skip


def _draw_labels(axes: Axes, items: Sequence[Summary], best: Sequence[Summary], theme: Theme) -> None:
    """Write each candidate's name where it covers nothing; a thin line leads to it where it stands off."""
    halo = [withStroke(linewidth=2.5, foreground=theme.background)]
    style = {"fontsize": 8.5, "color": theme.ink, "transform": None, "zorder": 5, "path_effects": halo}
    texts = [axes.text(0, 0, item.candidate, verticalalignment="bottom", **style) for item in items]
    extents = [text.get_window_extent() for text in texts]
    sizes = np.array([[extent.width, extent.height] for extent in extents])
    points = _pixels(axes, items)
    box = axes.get_window_extent()
    corners = place_labels(points, sizes, (box.x0, box.y0, box.x1, box.y1), lines=_along(_pixels(axes, best)))
    for text, corner, point, size in zip(texts, corners, points, sizes, strict=True):
        text.set_position((corner[0], corner[1]))
        nearest = np.clip(point, corner, corner + size)
        distance = float(np.hypot(*(nearest - point)))
        if distance > _LEADER_PX:
            start = point + (nearest - point) * 10 / distance
            line = Line2D(*np.stack([start, nearest]).T, color=theme.soft, linewidth=0.8, transform=None, zorder=2)
            axes.add_line(line)


def _pixels(axes: Axes, items: Sequence[Summary]) -> np.ndarray:
    """Return (N, 2) px, where the candidates' points are drawn."""
    if not items:
        return np.zeros((0, 2))
    return axes.transData.transform([(item.latency_ms, item.accuracy) for item in items])


def _along(corners: np.ndarray) -> np.ndarray:
    """Return (M, 2) px, a point about every 8 px along the line through `corners`."""
    parts = [np.zeros((0, 2))]
    for start, end in pairwise(corners):
        n_points = max(2, int(np.hypot(*(end - start)) / 8))
        parts.append(np.linspace(start, end, n_points))
    return np.concatenate(parts)
