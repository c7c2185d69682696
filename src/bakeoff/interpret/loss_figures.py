"""Pictures of what changed photos cost: parts taken from other photos, and corruptions."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from bakeoff.data.figures import Figure
from bakeoff.interpret.overview_figures import Row, draw_rows
from bakeoff.interpret.robustness import CORRUPTIONS, corrupt
from bakeoff.records.interpretation import Lost, PartImportance, PartsFound, RobustnessFound

_BLUE, _INK = "#0072B2", "#202020"
_LINES = {"#0072B2": "o", "#D55E00": "s", "#009E73": "^", "#CC79A7": "D", "#E69F00": "v", "#56B4E9": "P", _INK: "X"}
"""Okabe and Ito's colours, told apart by every kind of colour vision, each with a marker of its own."""


def draw_parts(found: PartsFound, path: Path, *, title: str) -> None:
    """Draw the accuracy and macro F1 lost by part, a panel per group: bars, for nine regions a grid of numbers."""
    n_columns = min(3, len(found.parts))
    n_rows = -(-len(found.parts) // n_columns)
    figure = Figure(figsize=(max(6.4, 4.4 * n_columns), 1.2 + 2.3 * n_rows), layout="constrained")
    panels = list(figure.subplots(n_rows, n_columns, squeeze=False).flat)
    shown = [part for group in found.parts.values() for part in group.values()]
    ends = [100 * end for part in shown for one in (part.accuracy, part.macro_f1) for end in (one.low, one.high)]
    for axes, (group, parts) in zip(panels, found.parts.items(), strict=False):
        if group == "regions":
            _draw_regions(axes, [part.accuracy for part in parts.values()], top=max(5, *ends))
        else:
            _draw_bars(axes, parts)
            axes.set_xlim(min(-2, *ends), max(5, *ends))
        axes.set_title(group, fontsize=10)
    for axes in panels[len(found.parts) :]:
        axes.set_axis_off()
    if bars := [axes for axes in panels if axes.get_legend_handles_labels()[0]]:
        figure.legend(*bars[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
    shuffles = "1 shuffle" if found.repeats == 1 else f"{found.repeats} shuffles"
    heading = f"{title}: points lost where a part comes from another photo"
    scores = f"{found.n} test photos as they are: accuracy {found.accuracy:.3f}, macro F1 {found.macro_f1:.3f}"
    figure.suptitle(f"{heading}\n{scores}\n{shuffles}, 95 % intervals over photos", fontsize=10)
    figure.savefig(path, dpi=130)


def _draw_bars(axes: Axes, parts: Mapping[str, PartImportance]) -> None:
    places, (means, whiskers) = np.arange(len(parts)), _points([part.accuracy for part in parts.values()])
    axes.barh(places - 0.12, means, height=0.5, color=_BLUE, alpha=0.75, label="accuracy")
    axes.errorbar(means, places - 0.12, xerr=whiskers, fmt="none", ecolor=_INK, elinewidth=1.3, capsize=3)
    means, whiskers = _points([part.macro_f1 for part in parts.values()])
    point = {"fmt": "D", "color": _INK, "mfc": "white", "ms": 4, "elinewidth": 0.8, "label": "macro F1"}
    axes.errorbar(means, places + 0.28, xerr=whiskers, **point)
    axes.set_yticks(places, [name.replace("_", " ") for name in parts], fontsize=9)
    axes.invert_yaxis()
    axes.axvline(0, color=_INK, lw=0.8)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_regions(axes: Axes, lost: Sequence[Lost], *, top: float) -> None:
    """Draw the nine regions' losses of accuracy where they lie in a photo."""
    axes.imshow(_points(lost)[0].reshape(3, 3), cmap="Blues", vmin=0, vmax=top)
    for place, one in enumerate(lost):
        ink = "white" if 100 * one.mean > 0.6 * top else _INK
        text = f"{100 * one.mean:.1f}\n({100 * one.low:.1f} to {100 * one.high:.1f})"
        axes.text(place % 3, place // 3, text, ha="center", va="center", color=ink, fontsize=7)
    axes.set(xticks=[], yticks=[], xlabel="accuracy")


def _points(lost: Sequence[Lost]) -> tuple[np.ndarray, np.ndarray]:
    """Return the means (n,) and how far the ends lie from them, (2, n), points."""
    low, mean, high = 100 * np.array([(one.low, one.mean, one.high) for one in lost]).T
    return mean, np.stack([mean - low, high - mean])


def draw_robustness(found: RobustnessFound, path: Path, *, title: str) -> None:
    """Draw accuracy by strength, a line for each corruption, with 95 % intervals of what is lost."""
    figure = Figure(figsize=(7.6, 4.4), layout="constrained")
    axes = figure.add_subplot()
    axes.axhline(found.accuracy, color=_INK, lw=1, ls="--", label="as they are")
    styles = {"ms": 5, "lw": 1.4, "elinewidth": 0.7}
    for place, ((name, known), (colour, marker)) in enumerate(zip(found.corruptions.items(), _LINES.items())):  # noqa: B905
        beside = 0.04 * (place - (len(found.corruptions) - 1) / 2)
        strengths, accuracies = [one.strength + beside for one in known], [one.accuracy for one in known]
        whiskers = _points([one.lost for one in known])[1][::-1] / 100
        axes.errorbar(strengths, accuracies, yerr=whiskers, color=colour, marker=marker, label=name, **styles)
    axes.set_xticks(sorted({one.strength for known in found.corruptions.values() for one in known}))
    axes.set(xlabel="strength", ylabel="accuracy", ylim=(0, 1.02))
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right center", fontsize=9, frameon=False)
    mean = found.mean_lost
    lost = f"{100 * mean.mean:.1f} points lost on average ({100 * mean.low:.1f} to {100 * mean.high:.1f})"
    figure.suptitle(f"{title}: {found.n} test photos, {lost}", fontsize=11)
    figure.savefig(path, dpi=130)


def draw_corruptions(photo: np.ndarray, found: RobustnessFound, path: Path, *, title: str) -> None:
    """Draw a photo (H, W, 3) float32 in [0, 1] under each corruption at each strength."""
    strengths = [one.strength for one in next(iter(found.corruptions.values()))]
    rows = []
    for name in found.corruptions:
        known = CORRUPTIONS[name]
        cells = [
            (corrupt(photo[None], name, one, numbers=np.zeros(1))[0], f"{known.strengths[one - 1]:g}")
            for one in strengths
        ]
        rows.append(Row(name, known.unit.replace(", ", ",\n"), [(photo, "as it is"), *cells]))
    heading = f"{title}: corruptions of one photo at strengths {', '.join(map(str, strengths))}"
    columns = {place: f"strength {one}" for place, one in enumerate(strengths, start=1)}
    draw_rows(rows, columns, title=heading, foot="").savefig(path, dpi=120)
