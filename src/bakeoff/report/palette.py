"""Colours and manners that the figures under reports/ share."""

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bakeoff.core.translation import Translator
from bakeoff.data.figures import Figure
from bakeoff.decision.summary import Summary
from bakeoff.records.candidate import BASELINE as BASELINE_NAME

DPI = 130
BACKGROUND = "#ffffff"
INK = "#1d2733"
SOFT = "#7b8896"
FAINT = "#c9d1da"
FROZEN = "#0072b2"
FINETUNE = "#d55e00"
BASELINE = "#009e73"  # with the two above blue, orange and green of Okabe and Ito's colour-blind-safe set
MODES = {"frozen": FROZEN, "finetune": FINETUNE}


def colour_of(item: Summary) -> str:
    """Return a candidate's colour: by its mode, the baseline's own."""
    return BASELINE if item.candidate == BASELINE_NAME else MODES.get(item.mode, FROZEN)


def mode_title(mode: str, t: Translator) -> str:
    """Return what a mode is called; one that is neither frozen nor fine-tuned as it is."""
    return {"frozen": t.gettext("frozen"), "finetune": t.gettext("fine-tuned")}.get(mode, mode)


def open_figure(height_in: float) -> tuple[Figure, Axes]:
    """Return a figure 9.6 inches wide, and its axes: a light grid and two thin lines."""
    figure = Figure(figsize=(9.6, height_in), dpi=DPI, facecolor=BACKGROUND)
    axes = figure.add_subplot(facecolor=BACKGROUND)
    axes.grid(visible=True, color=FAINT, linewidth=0.6, alpha=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, which="both")
    return figure, axes


def say(axes: Axes, text: str) -> None:
    """Write what stands in place of a figure of nothing."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", color=INK)


def legend_entry(label: str, colour: str, marker: str = "o", *, hollow: bool = False) -> Line2D:
    """Return a point for a legend."""
    face = BACKGROUND if hollow else colour
    return Line2D([], [], linestyle="none", marker=marker, color=colour, markerfacecolor=face, label=label)
