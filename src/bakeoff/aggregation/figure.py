"""The dot plot of several splits: each split's accuracy, and the mean with its corrected interval."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bakeoff.aggregation.table import study_title
from bakeoff.core.translation import Translator
from bakeoff.data.figures import Figure

_DOT, _LINE = "#0072B2", "#D55E00"  # Okabe and Ito's palette, distinguishable to colour-blind eyes
_ROW_INCHES = 0.42


def draw_splits(studies: Sequence[Mapping[str, Any]], path: Path, t: Translator) -> None:
    """Write one panel per study: candidates from top to bottom by mean, then those without a rank, hollow."""
    heights = [max(2, len(study["candidates"])) for study in studies]
    figure = Figure(figsize=(9, 1.1 * len(studies) + _ROW_INCHES * sum(heights)), dpi=130, layout="constrained")
    panels = figure.subplots(len(studies), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axes, study in zip(panels, studies, strict=True):
        _draw_study(axes, study)
        axes.xaxis.set_major_formatter(lambda value, _: t.number(value, ".3f"))
        axes.set_title(study_title(study, t), loc="left", fontsize=11)
    panels[-1].set_xlabel(t.gettext("test accuracy (dots: splits; line: mean and 95% interval, corrected)"))
    figure.savefig(path)


def _draw_study(axes: Any, study: Mapping[str, Any]) -> None:
    rows = study["candidates"]
    for position, row in enumerate(rows):
        offsets = [0.13 * ((index % 3) - 1) for index in range(len(row["values"]))]
        axes.scatter(row["values"], [position + shift for shift in offsets], s=22, color=_DOT, alpha=0.6, zorder=2)
        if row["low"] is not None:
            axes.plot([row["low"], row["high"]], [position, position], color=_LINE, linewidth=2, zorder=3)
        ranked = row["mean_rank"] is not None
        colours = {"color": _LINE, "edgecolor": "white"} if ranked else {"facecolor": "white", "edgecolor": _LINE}
        axes.scatter([row["mean"]], [position], marker="D", s=40, zorder=4, **colours)
    axes.set_yticks(range(len(rows)), [row["candidate"] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="x", color="#dddddd", linewidth=0.8, zorder=0)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
