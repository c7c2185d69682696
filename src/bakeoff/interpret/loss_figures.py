"""Pictures of what changed photos cost: parts taken from other photos, and corruptions."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from bakeoff.data.figures import Figure, new_sheet, paste
from bakeoff.interpret.robustness import CORRUPTIONS, corrupt
from bakeoff.records.interpretation import Lost, PartImportance, PartsFound, RobustnessFound

_BLUE, _INK = "#0072B2", "#202020"
_LINES = {"#0072B2": "o", "#D55E00": "s", "#009E73": "^", "#CC79A7": "D", "#E69F00": "v", "#56B4E9": "P", _INK: "X"}
"""Okabe and Ito's colours, told apart by every kind of colour vision, each with a marker of its own."""
_CELL_IN, _LABEL_IN = 1.3, 1.1


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
            _draw_regions(axes, parts, top=max(5, *ends))
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
    figure.suptitle(f"{heading}\n{scores}; {shuffles}, 95 % intervals over photos", fontsize=10)
    figure.savefig(path, dpi=130)


def _draw_bars(axes: Axes, parts: Mapping[str, PartImportance]) -> None:
    places = np.arange(len(parts))
    accuracies, macro_f1s = ([getattr(part, name) for part in parts.values()] for name in ("accuracy", "macro_f1"))
    axes.barh(places - 0.12, _means(accuracies), height=0.5, color=_BLUE, alpha=0.75, label="accuracy")
    whisker = {"fmt": "none", "ecolor": _INK, "elinewidth": 1.3, "capsize": 3}
    axes.errorbar(_means(accuracies), places - 0.12, xerr=_whiskers(accuracies), **whisker)
    point = {"fmt": "D", "color": _INK, "mfc": "white", "ms": 4, "elinewidth": 0.8, "label": "macro F1"}
    axes.errorbar(_means(macro_f1s), places + 0.28, xerr=_whiskers(macro_f1s), **point)
    axes.set_yticks(places, [name.replace("_", " ") for name in parts], fontsize=9)
    axes.invert_yaxis()
    axes.axvline(0, color=_INK, lw=0.8)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_regions(axes: Axes, parts: Mapping[str, PartImportance], *, top: float) -> None:
    """Draw the nine regions' losses of accuracy where they lie in a photo."""
    lost = [part.accuracy for part in parts.values()]
    axes.imshow(np.reshape(_means(lost), (3, 3)), cmap="Blues", vmin=0, vmax=top)
    for place, one in enumerate(lost):
        ink = "white" if 100 * one.mean > 0.6 * top else _INK
        text = f"{100 * one.mean:.1f}\n({100 * one.low:.1f} to {100 * one.high:.1f})"
        axes.text(place % 3, place // 3, text, ha="center", va="center", color=ink, fontsize=7)
    axes.set(xticks=[], yticks=[], xlabel="accuracy")


def _means(lost: Sequence[Lost]) -> list[float]:
    return [100 * one.mean for one in lost]


def _whiskers(lost: Sequence[Lost]) -> np.ndarray:
    """Return how far the ends lie from the means, (2, n), points."""
    return 100 * np.array([[one.mean - one.low for one in lost], [one.high - one.mean for one in lost]])


def draw_robustness(found: RobustnessFound, path: Path, *, title: str) -> None:
    """Draw accuracy by strength, a line for each corruption, with 95 % intervals of what is lost."""
    figure = Figure(figsize=(7.6, 4.4), layout="constrained")
    axes = figure.add_subplot()
    axes.axhline(found.accuracy, color=_INK, lw=1, ls="--", label="as they are")
    names = list(found.corruptions)
    for place, ((name, known), (colour, marker)) in enumerate(zip(found.corruptions.items(), _LINES.items())):  # noqa: B905
        strengths = np.array([one.strength for one in known]) + 0.04 * (place - (len(names) - 1) / 2)
        accuracies = [one.accuracy for one in known]
        axes.errorbar(
            strengths,
            accuracies,
            yerr=_whiskers([one.lost for one in known])[::-1] / 100,
            color=colour,
            marker=marker,
            ms=5,
            lw=1.4,
            elinewidth=0.7,
            label=name,
        )
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
    width, height = _LABEL_IN + _CELL_IN * (1 + len(strengths)), (_CELL_IN + 0.18) * len(found.corruptions) + 0.6
    figure, sheet = new_sheet(width, height)
    for row, name in enumerate(found.corruptions):
        bottom = height - 0.55 - (row + 1) * (_CELL_IN + 0.18)
        sheet.text(
            0.08,
            bottom + _CELL_IN / 2,
            f"{name}\n{CORRUPTIONS[name].unit}".replace(", ", ",\n"),
            fontsize=7,
            va="center",
        )
        for column, strength in enumerate((0, *strengths)):
            shown = corrupt(photo[None], name, strength, numbers=np.array([0]))[0] if strength else photo
            left = _LABEL_IN + column * _CELL_IN
            paste(sheet, np.rint(255 * shown).astype(np.uint8), left=left + 0.04, bottom=bottom, side=_CELL_IN - 0.08)
            told = f"{CORRUPTIONS[name].strengths[strength - 1]:g}" if strength else "as it is"
            sheet.text(left + _CELL_IN / 2, bottom + _CELL_IN - 0.03, told, ha="center", fontsize=7)
    figure.suptitle(f"{title}: corruptions of one photo at strengths {', '.join(map(str, strengths))}", fontsize=10)
    figure.savefig(path, dpi=120)
