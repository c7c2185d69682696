"""reports/pareto.png: two measures of the candidates, accuracy against inference time unless params say otherwise."""

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

from bakeoff.core.translation import N_, Translator
from bakeoff.decision.measures import Measure
from bakeoff.decision.pareto import Plane, front
from bakeoff.decision.summary import Summary
from bakeoff.records.candidate import BASELINE
from bakeoff.report import palette
from bakeoff.report.labels import leader, place_labels

_LOG_RANGE = 10.0
_LABEL_POINTS = 8.5
_DASHES = (0, (5, 3))
_NON_COMMERCIAL_MARKER = "D"
_AXES = {
    "latency_ms": N_("time per photo at batch 1, median, ms"),
    "ms_per_image": N_("time per photo at the best batch size, ms"),
    "accuracy": N_("test accuracy"),
}
_WITH_INTERVAL = ("accuracy", "macro_f1")


def draw_pareto(summaries: Sequence[Summary], target: Path, *, plane: Plane, t: Translator) -> None:
    """Write the labelled scatter as PNG; candidates without one of the measures are named below it."""
    figure, axes = palette.open_figure(6.0)
    FigureCanvasAgg(figure)
    items = [item for item in summaries if all(map(math.isfinite, plane.point(item)))]
    _style(axes, plane, t)
    if items:
        _set_scales(axes, items, plane, t)
        best = front(summaries, plane)
        axes.plot(*_points(best, plane).T, color=palette.INK, linewidth=1.4, linestyle=_DASHES, zorder=2)
        for item in items:
            _draw_point(axes, item, plane)
        _add_legend(axes, items, t)
        _name_left_out(figure, [item.candidate for item in summaries if item not in items], t)
        figure.tight_layout()
        _draw_labels(axes, items, best, plane)
    else:
        palette.say(axes, t.gettext("no candidate has both {x} and {y}", x=plane.x.named(t), y=plane.y.named(t)))
    figure.savefig(target, format="png", facecolor=palette.BACKGROUND)


def _points(items: Sequence[Summary], plane: Plane) -> np.ndarray:
    """Return (N, 2) float64, the candidates' two measures."""
    return np.array([plane.point(item) for item in items]).reshape(-1, 2)


def _style(axes: Axes, plane: Plane, t: Translator) -> None:
    x, y = _axis(plane.x, t), _axis(plane.y, t)
    side = N_("{axis}   (right is better)") if plane.x.more_is_better else N_("{axis}   (left is better)")
    if plane.y.name in _WITH_INTERVAL:
        y = t.gettext("{axis}   (bars: 95% interval)", axis=y)
    if not plane.y.more_is_better:
        y = t.gettext("{axis}   (lower is better)", axis=y)
    axes.set_xlabel(t.gettext(side, axis=x), color=palette.INK)
    axes.set_ylabel(y, color=palette.INK)


def _axis(measure: Measure, t: Translator) -> str:
    if measure.name in _AXES:
        return t.gettext(_AXES[measure.name])
    name = measure.named(t)
    return t.gettext("{measure}, {unit}", measure=name, unit=t.gettext(measure.unit)) if measure.unit else name


def _interval(item: Summary, measure: Measure) -> tuple[float, float]:
    """Return the interval, the value itself twice where there is none."""
    value = measure.value(item)
    ends = [getattr(item, f"{measure.name}_{end}") for end in ("low", "high")] if measure.name in _WITH_INTERVAL else []
    low, high = (end if math.isfinite(end) else value for end in ends or (value, value))
    return low, high


def _set_scales(axes: Axes, items: Sequence[Summary], plane: Plane, t: Translator) -> None:
    ticks = FuncFormatter(lambda value, _position: t.number(round(value, 6), "g"))
    for measure, axis, limit in ((plane.x, axes.xaxis, axes.set_xlim), (plane.y, axes.yaxis, axes.set_ylim)):
        low = min(_interval(item, measure)[0] for item in items)
        high = max(_interval(item, measure)[1] for item in items)
        room = 0.22 if axis is axes.xaxis else 0.06
        if measure.name not in _WITH_INTERVAL and low > 0 and high / low > _LOG_RANGE:
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
    (left, right), (low, high) = (_interval(item, measure) for measure in (plane.x, plane.y))
    across, up = [[x - left], [right - x]], [[y - low], [high - y]]
    axes.errorbar(x, y, xerr=across, yerr=up, ecolor=colour, elinewidth=0.8, alpha=0.45, fmt="none", zorder=1)
    marker = _NON_COMMERCIAL_MARKER if item.commercial_use is False else "o"
    face = colour if item.pretrained else palette.BACKGROUND
    axes.plot(x, y, marker, color=colour, markerfacecolor=face, markersize=8, markeredgewidth=1.6, zorder=3)


def _add_legend(axes: Axes, items: Sequence[Summary], t: Translator) -> None:
    modes = sorted({item.mode for item in items if item.candidate != BASELINE}, reverse=True)
    entries = [
        palette.legend_entry(palette.mode_title(mode, t), palette.MODES.get(mode, palette.FROZEN)) for mode in modes
    ]
    if any(item.candidate == BASELINE for item in items):
        entries.append(palette.legend_entry(t.gettext("baseline (TensorFlow)"), palette.BASELINE))
    if not all(item.pretrained for item in items):
        entries.append(palette.legend_entry(t.gettext("hollow: random start"), palette.INK, hollow=True))
    if any(item.commercial_use is False for item in items):
        entries.append(palette.legend_entry(t.gettext("diamond: non-commercial"), palette.INK, _NON_COMMERCIAL_MARKER))
    dashes = Line2D([], [], color=palette.INK, linestyle=_DASHES, label=t.gettext("Pareto front"))
    axes.legend(
        handles=[*entries, dashes], loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=6, frameon=False, fontsize=8.5,
        labelcolor=palette.INK, columnspacing=1.2, handletextpad=0.4,
    )  # fmt: skip


def _name_left_out(figure: Figure, names: Sequence[str], t: Translator) -> None:
    if names:
        text = t.gettext("not shown, not comparable: {names}", names=", ".join(names))
        figure.supxlabel(text, fontsize=8, color=palette.SOFT, wrap=True)


def _draw_labels(axes: Axes, items: Sequence[Summary], best: Sequence[Summary], plane: Plane) -> None:
    """Write each candidate's name where it covers nothing; a thin line leads to it where it stands off."""
    points, line = (axes.transData.transform(_points(those, plane)) for those in (items, best))
    names, bounds = [item.candidate for item in items], axes.get_window_extent()
    boxes = place_labels(names, points, bounds.extents, font_px=_LABEL_POINTS * palette.DPI / 72, line=line)
    halo = [withStroke(linewidth=2.5, foreground=palette.BACKGROUND)]
    style = {"fontsize": _LABEL_POINTS, "color": palette.INK, "transform": None, "zorder": 5, "path_effects": halo}
    for name, point, box in zip(names, points, boxes, strict=True):
        axes.text(box[0], (box[1] + box[3]) / 2, name, verticalalignment="center", **style)
        ends = leader(point, box)
        if ends is not None:
            axes.add_line(Line2D(*ends.T, color=palette.SOFT, linewidth=0.8, transform=None, zorder=2))
