"""calibration.png: how often the classifier is right when it says how sure it is, before and after the temperature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

_BEFORE, _AFTER = "#0072B2", "#D55E00"  # Okabe and Ito, told apart by every kind of colour vision


def draw_calibration(record: dict[str, Any], path: Path, *, title: str) -> None:
    """Draw reliability with Wilson's intervals before and after, and the histograms of confidence beneath.

    Args:
        record: calibration.json.
        path: PNG to write.
        title: first line.
    """
    figure = Figure(figsize=(9.6, 6.0), layout="constrained")
    grid = figure.subplots(2, 2, sharex="col", sharey="row", height_ratios=(3, 1))
    temperature = record["temperature"]
    panels = (("before", "as predicted", _BEFORE), ("after", f"after temperature {temperature:.2f}", _AFTER))
    for column, (name, heading, colour) in enumerate(panels):
        values = record["test"][name]
        _draw_reliability(grid[0, column], values, colour)
        grid[0, column].set_title(_heading(heading, values), fontsize=10)
        _draw_histogram(grid[1, column], values["reliability"], colour)
    grid[0, 0].set_ylabel("share that is right")
    grid[1, 0].set_ylabel("photos")
    figure.suptitle(title, fontsize=11)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


def _heading(heading: str, values: dict[str, Any]) -> str:
    error, low, high = values["ece_equal_width"], values["ece_low"], values["ece_high"]
    return f"{heading}\ncalibration error {error:.3f} (95 %: {low:.3f} to {high:.3f})"


def _draw_reliability(axes: Any, values: dict[str, Any], colour: str) -> None:
    """Draw the accuracy of each bin against its mean confidence; above the diagonal is more right than it says."""
    bins = [row for row in values["reliability"] if row["n"]]
    confidence, accuracy = [row["confidence"] for row in bins], [row["accuracy"] for row in bins]
    axes.plot([0, 1], [0, 1], color="#707070", linestyle="--", linewidth=1, label="confidence = share that is right")
    ends = [
        [row["accuracy"] - row["accuracy_low"] for row in bins],
        [row["accuracy_high"] - row["accuracy"] for row in bins],
    ]
    axes.plot(confidence, accuracy, color=colour, linewidth=1, alpha=0.35)  # faint: few photos make it jump
    axes.errorbar(
        *(confidence, accuracy),
        yerr=ends,
        color=colour,
        fmt="o",
        markersize=5,
        elinewidth=1,
        capsize=2,
        label="bin of photos, 95 % interval",
    )
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.02))
    axes.grid(color="#e0e0e0", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(loc="upper left", fontsize=8, framealpha=0.85, edgecolor="none")


def _draw_histogram(axes: Any, bins: list[dict[str, Any]], colour: str) -> None:
    width = bins[0]["high"] - bins[0]["low"]
    axes.bar(
        [row["low"] for row in bins],
        [row["n"] for row in bins],
        width=width,
        align="edge",
        color=colour,
        edgecolor="white",
    )
    axes.set(xlim=(0, 1), xlabel="confidence: probability of the predicted class")
    axes.yaxis.get_major_locator().set_params(integer=True)
