"""reports/differences.png: accuracies with intervals, and bars that join what the paired test cannot tell apart."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from bakeoff.core.translation import Translator
from bakeoff.decision.choice_record import ChoiceRecord
from bakeoff.decision.summary import Summary
from bakeoff.records.candidate import BASELINE
from bakeoff.report import palette

_ROW_IN = 0.31
_LEGEND_COLUMNS = 4
_BAR_STEP = 0.035  # share of the axes' width between two bars


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
            "tell apart;\nit compares them photo by photo, so it may separate candidates whose intervals overlap."
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
    title = t.gettext("Who is really better? {n:,d} test photos", n=choice.n_test)
    pad = 28 if len(entries) <= _LEGEND_COLUMNS else 46
    axes.set_title(title, loc="left", fontsize=12, color=palette.INK, pad=pad)
    axes.set_xlabel(t.gettext("test accuracy"), color=palette.INK, fontsize=9)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _position: t.number(round(value, 3), "g")))
    axes.legend(
        handles=entries, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=_LEGEND_COLUMNS, frameon=False,
        fontsize=8.5, labelcolor=palette.INK, columnspacing=1.2, handletextpad=0.6, borderaxespad=0.2,
    )  # fmt: skip


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
