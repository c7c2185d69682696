"""reports/pareto.png: two measures of the candidates, accuracy against inference time unless params say otherwise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bakeoff.decision.measures import MEASURES, Measure
from bakeoff.decision.pareto import Plane, front
from bakeoff.decision.summary import Summary
from bakeoff.language.phrases import Words
from bakeoff.records.candidate import BASELINE
from bakeoff.report import palette
from bakeoff.report.labels import along, leader, place_labels

_LOG_RANGE = 10.0
_DPI = 130
_DASHES = (0, (5, 3))
_NON_COMMERCIAL_MARKER = "D"


def draw_pareto(summaries: Sequence[Summary], target: Path, *, plane: Plane, words: Words) -> None:
    """Write the labelled scatter as PNG; candidates without one of the measures are named below it.

    Args:
        summaries: one per candidate.
        target: the file.
        plane: the two measures.
        words: holds `bakeoff.language.figures`' phrases.
    """
    figure = Figure(figsize=(9.6, 6.0), dpi=_DPI, facecolor=palette.BACKGROUND)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    items = [item for item in summaries if all(map(math.isfinite, plane.point(item)))]
    _style(axes, plane, words)
    if items:
        _set_scales(axes, items, plane, words)
        best = front(summaries, plane)
        axes.plot(*_columns(best, plane), color=palette.INK, linewidth=1.4, linestyle=_DASHES, zorder=2)
        for item in items:
            _draw_point(axes, item, plane)
        _add_legend(axes, items, words)
        _name_left_out(figure, [item.candidate for item in summaries if item not in items], words)
        figure.tight_layout()
        _draw_labels(axes, items, best, plane)
    else:
        text = words("figure.empty", **{side: words(f"measure.{getattr(plane, side).name}") for side in ("x", "y")})
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", color=palette.INK)
    figure.savefig(target, format="png", facecolor=palette.BACKGROUND)


def _columns(items: Sequence[Summary], plane: Plane) -> tuple[list[float], list[float]]:
    points = [plane.point(item) for item in items]
    return [x for x, _ in points], [y for _, y in points]


def _style(axes: Axes, plane: Plane, words: Words) -> None:
    palette.style(axes)
    axes.set_xlabel(words(f"axis.{_side(plane.x)}", axis=_axis(plane.x, words)), color=palette.INK)
    label = _axis(plane.y, words)
    if _interval_names(plane.y):
        label = words("axis.bars", axis=label)
    axes.set_ylabel(label if plane.y.more_is_better else words("axis.down", axis=label), color=palette.INK)


def _side(measure: Measure) -> str:
    return "right" if measure.more_is_better else "left"


def _axis(measure: Measure, words: Words) -> str:
    if measure.name in ("latency_ms", "ms_per_image", "accuracy"):
        return words(f"axis.{measure.name}")
    name = words(f"measure.{measure.name}")
    return words("axis.unit", measure=name, unit=words(f"unit.{measure.name}")) if measure.name in _UNITS else name


_UNITS = frozenset(MEASURES) - {
    *("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "matthews", "roc_auc", "log_loss", "ece"),
    *("n_parameters", "matrix_total"),
}


def _interval_names(measure: Measure) -> tuple[str, str] | None:
    """Return where a candidate's line holds the measure's interval."""
    known = measure.name in ("accuracy", "macro_f1")
    return (f"{measure.name}_low", f"{measure.name}_high") if known else None


def _interval(item: Summary, measure: Measure) -> tuple[float, float]:
    """Return the interval, the value itself twice where there is none."""
    names, value = _interval_names(measure), measure.value(item)
    low, high = (getattr(item, name) for name in names) if names else (value, value)
    return (low if math.isfinite(low) else value), (high if math.isfinite(high) else value)


def _set_scales(axes: Axes, items: Sequence[Summary], plane: Plane, words: Words) -> None:
    ticks = FuncFormatter(lambda value, _position: words.number(round(value, 6), "g"))
    for measure, axis, limit in ((plane.x, axes.xaxis, axes.set_xlim), (plane.y, axes.yaxis, axes.set_ylim)):
        low = min(_interval(item, measure)[0] for item in items)
        high = max(_interval(item, measure)[1] for item in items)
        room = 0.22 if axis is axes.xaxis else 0.06
        if measure.name not in ("accuracy", "macro_f1") and low > 0 and high / low > _LOG_RANGE:
            (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")
            limit(low / 1.6, high * 1.9)
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axis.set_minor_formatter(NullFormatter())
        else:
            span = max(high - low, 0.1 * abs(high), 1e-6)
            floor = 0.0 if low >= 0 else -math.inf
            limit(max(floor, low - room * span / 2), high + room * span)
        axis.set_major_formatter(ticks)


def _draw_point(axes: Axes, item: Summary, plane: Plane) -> None:
    colour = palette.colour_of(item)
    x, y = plane.point(item)
    bars = []
    for measure, value in ((plane.x, x), (plane.y, y)):
        low, high = _interval(item, measure)
        bars.append([[value - low], [high - value]])
    axes.errorbar(x, y, xerr=bars[0], yerr=bars[1], ecolor=colour, elinewidth=0.8, alpha=0.45, fmt="none", zorder=1)
    axes.plot(
        x,
        y,
        marker=_NON_COMMERCIAL_MARKER if item.commercial_use is False else "o",
        markersize=8,
        markerfacecolor=colour if item.pretrained else palette.BACKGROUND,
        markeredgecolor=colour,
        markeredgewidth=1.6,
        linestyle="none",
        zorder=3,
    )


def _add_legend(axes: Axes, items: Sequence[Summary], words: Words) -> None:
    modes = sorted({item.mode for item in items if item.candidate != BASELINE}, reverse=True)
    entries = [palette.legend_entry(_mode(mode, words), palette.MODES.get(mode, palette.FROZEN)) for mode in modes]
    if any(item.candidate == BASELINE for item in items):
        entries.append(palette.legend_entry(words("legend.baseline"), palette.BASELINE))
    if not all(item.pretrained for item in items):
        entries.append(palette.legend_entry(words("legend.random"), palette.INK, hollow=True))
    if any(item.commercial_use is False for item in items):
        entries.append(palette.legend_entry(words("legend.non_commercial"), palette.INK, _NON_COMMERCIAL_MARKER))
    dashes = Line2D([], [], color=palette.INK, linestyle=_DASHES, label=words("legend.front"))
    axes.legend(
        handles=[*entries, dashes], loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=6, frameon=False, fontsize=8.5,
        labelcolor=palette.INK, columnspacing=1.2, handletextpad=0.4,
    )  # fmt: skip


def _mode(mode: str, words: Words) -> str:
    return words(f"mode.{mode}") if mode in ("frozen", "finetune") else mode


def _name_left_out(figure: Figure, names: Sequence[str], words: Words) -> None:
    if names:
        text = words("figure.left_out", names=", ".join(names))
        figure.supxlabel(text, fontsize=8, color=palette.SOFT, wrap=True)


def _draw_labels(axes: Axes, items: Sequence[Summary], best: Sequence[Summary], plane: Plane) -> None:
    """Write each candidate's name where it covers nothing; a thin line leads to it where it stands off."""
    halo = [withStroke(linewidth=2.5, foreground=palette.BACKGROUND)]
    style = {"fontsize": 8.5, "color": palette.INK, "transform": None, "zorder": 5, "path_effects": halo}
    texts = [axes.text(0, 0, item.candidate, verticalalignment="bottom", **style) for item in items]
    extents = [text.get_window_extent() for text in texts]
    sizes = np.array([[extent.width, extent.height] for extent in extents])
    points = _pixels(axes, items, plane)
    box = axes.get_window_extent()
    corners = place_labels(points, sizes, (box.x0, box.y0, box.x1, box.y1), lines=along(_pixels(axes, best, plane)))
    for text, corner, point, size in zip(texts, corners, points, sizes, strict=True):
        text.set_position((corner[0], corner[1]))
        ends = leader(point, corner, size)
        if ends is not None:
            axes.add_line(Line2D(*ends.T, color=palette.SOFT, linewidth=0.8, transform=None, zorder=2))


def _pixels(axes: Axes, items: Sequence[Summary], plane: Plane) -> np.ndarray:
    """Return (N, 2) px, where the candidates' points are drawn."""
    if not items:
        return np.zeros((0, 2))
    return axes.transData.transform([plane.point(item) for item in items])
