"""reports/pareto.png, two measures of the candidates, and differences.png, whom the paired test tells apart."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bakeoff.core.translation import N_, Translator
from bakeoff.decision.choice_record import ChoiceRecord
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
    "latency_ms": N_("time per product at batch 1, median, ms"),
    "ms_per_image": N_("time per product at the best batch size, ms"),
    "accuracy": N_("test accuracy"),
}
_WITH_INTERVAL = ("accuracy", "macro_f1")
_LEGEND: dict[str, Any] = {"frameon": False, "fontsize": 8.5, "labelcolor": palette.INK, "columnspacing": 1.2}
_LEGEND_COLUMNS = 4
_ROW_IN = 0.31
_BAR_STEP = 0.035  # share of the axes' width between two bars


def draw_pareto(summaries: Sequence[Summary], target: Path, *, plane: Plane, t: Translator) -> None:
    """Write the labelled scatter as PNG; candidates without one of the measures are named below it.

    These are accuracy and inference time unless `compare.pareto` says otherwise.
    """
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
        if left_out := [item.candidate for item in summaries if item not in items]:
            told = t.gettext("not shown, not comparable: {names}", names=", ".join(left_out))
            figure.supxlabel(told, fontsize=8, color=palette.SOFT, wrap=True)
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
    handles = [*entries, dashes]
    axes.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=6, handletextpad=0.4, **_LEGEND)


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


def draw_differences(summaries: Sequence[Summary], choice: ChoiceRecord, path: Path, *, t: Translator) -> None:
    """Write candidates by accuracy, with a bar at the right edge for each of choice.json's `indistinguishable` groups.

    Source of the form, with accuracies on one data set in place of ranks over several:
        J. Demsar, Statistical comparisons of classifiers over multiple data sets, J. Mach. Learn. Res. 7 (2006) 1-30.
    """
    figure, axes = palette.open_figure(1.9 + _ROW_IN * max(3, len(summaries)))
    if not summaries:
        palette.say(axes, t.gettext("no candidate has a result"))
    else:
        _draw_rows(axes, summaries, choice, t)
        _draw_bars(axes, summaries, choice.indistinguishable)
        _add_texts(axes, summaries, choice, t)
        told = t.gettext(
            "Points: test accuracy with its 95% interval. A black bar joins candidates that the paired test cannot "
            "tell apart;\nit compares them product by product, so it may separate candidates whose intervals overlap."
        )
        figure.text(0.01, 0.01, told, fontsize=8.5, color=palette.SOFT, va="bottom")
    figure.tight_layout(rect=(0, 0.42 / figure.get_figheight(), 1, 1))
    figure.savefig(path, format="png", facecolor=palette.BACKGROUND)


def _draw_rows(axes: Axes, summaries: Sequence[Summary], choice: ChoiceRecord, t: Translator) -> None:
    excluded = choice.exclusions
    best = choice.best["candidate"] if choice.best else None
    for row, item in enumerate(summaries):
        colour = palette.colour_of(item)
        axes.plot(item.interval, [row, row], color=colour, linewidth=1.4, alpha=0.55, zorder=2)
        face = palette.BACKGROUND if item.candidate in excluded else colour
        axes.plot(item.accuracy, row, "o", markersize=7, color=colour, markerfacecolor=face, zorder=3)
        if item.candidate == best:
            axes.plot(item.accuracy, row, "o", markersize=13, markerfacecolor="none", color=palette.INK, zorder=3)
    names = [f"{item.candidate}   {t.number(item.accuracy, '.3f')}" for item in summaries]
    axes.set_yticks(range(len(summaries)), names, fontsize=9)
    for label, item in zip(axes.get_yticklabels(), summaries, strict=True):
        label.set_fontweight("bold" if item.candidate == best else "normal")
        label.set_color(palette.SOFT if item.candidate in excluded else palette.INK)
    axes.set_ylim(len(summaries) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")


def _draw_bars(axes: Axes, summaries: Sequence[Summary], groups: Sequence[Sequence[str]]) -> None:
    """Draw each group's bar right of the intervals, in as few columns as keep bars from touching."""
    rows = {item.candidate: row for row, item in enumerate(summaries)}
    low = min(item.accuracy_low for item in summaries)
    high = max(item.accuracy_high for item in summaries)
    span = max(high - low, 0.02)
    columns: list[int] = []
    for group in groups:
        first, last = rows[group[0]], rows[group[-1]]
        column = next((i for i, end in enumerate(columns) if end < first), len(columns))
        columns[column : column + 1] = [last]
        x = high + span * _BAR_STEP * (column + 1.2)
        axes.plot(
            [x, x], [first - 0.22, last + 0.22], color=palette.INK, linewidth=3.2, solid_capstyle="butt", zorder=3
        )
        inside = [rows[name] for name in group]
        axes.plot([x] * len(inside), inside, "_", color=palette.BACKGROUND, markersize=5, zorder=4)
    axes.set_xlim(low - 0.03 * span, high + span * _BAR_STEP * (len(columns) + 2))


def _add_texts(axes: Axes, summaries: Sequence[Summary], choice: ChoiceRecord, t: Translator) -> None:
    entries = _legend(summaries, choice, t)
    title = t.gettext("Who is really better? {n:,d} test products", n=choice.n_test)
    pad = 28 if len(entries) <= _LEGEND_COLUMNS else 46
    axes.set_title(title, loc="left", fontsize=12, color=palette.INK, pad=pad)
    axes.set_xlabel(t.gettext("test accuracy"), color=palette.INK, fontsize=9)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _position: t.number(round(value, 3), "g")))
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2, "handletextpad": 0.6}
    axes.legend(handles=entries, ncols=_LEGEND_COLUMNS, **place, **_LEGEND)


def _legend(summaries: Sequence[Summary], choice: ChoiceRecord, t: Translator) -> list[Line2D]:
    """Return an entry for each thing that is in the picture."""
    present = {item.mode for item in summaries if item.candidate != BASELINE}
    entries = [
        palette.legend_entry(palette.mode_title(mode, t), colour)
        for mode, colour in palette.MODES.items()
        if mode in present
    ]
    if any(item.candidate == BASELINE for item in summaries):
        entries.append(palette.legend_entry(t.gettext("baseline (TensorFlow)"), palette.BASELINE))
    if choice.best:
        ring = palette.legend_entry(t.gettext("the answer"), palette.INK, hollow=True)
        ring.set_markersize(10)
        entries.append(ring)
    if choice.exclusions:
        entries.append(palette.legend_entry(t.gettext("hollow: excluded"), palette.SOFT, hollow=True))
    if choice.indistinguishable:
        entries.append(Line2D([], [], color=palette.INK, linewidth=3.2, label=t.gettext("cannot be told apart")))
    return entries
