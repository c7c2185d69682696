"""calibration.png: how often the classifier is right when it says how sure it is, before and after the temperature."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.data.figures import Figure
from bakeoff.records.evaluation import Calibration, CalibrationRecord, ReliabilityBin

_BEFORE, _AFTER = "#0072B2", "#D55E00"  # Okabe and Ito, told apart by every kind of colour vision


def draw_calibration(record: CalibrationRecord, path: Path, *, title: str) -> None:
    """Draw reliability with Wilson's intervals before and after, and the histograms of confidence beneath."""
    figure = Figure(figsize=(9.6, 6.0), layout="constrained")
    grid = figure.subplots(2, 2, sharex="col", sharey="row", height_ratios=(3, 1))
    after = f"after temperature {record.temperature:.2f}"
    panels = ((record.test.before, "as predicted", _BEFORE), (record.test.after, after, _AFTER))
    for column, (values, heading, colour) in enumerate(panels):
        _draw_reliability(grid[0, column], values, colour)
        error = f"{values.ece_equal_width:.3f} (approximate 95%: {values.ece_low:.3f} to {values.ece_high:.3f})"
        grid[0, column].set_title(f"{heading}\ncalibration error {error}", fontsize=10)
        _draw_histogram(grid[1, column], values.reliability, colour)
    grid[0, 0].set_ylabel("share that is right")
    grid[1, 0].set_ylabel("photos")
    figure.suptitle(title, fontsize=11)
    figure.savefig(path, dpi=130)


def _draw_reliability(axes: Any, values: Calibration, colour: str) -> None:
    """Draw the accuracy of each bin against its mean confidence; above the diagonal is more right than it says."""
    bins = [row for row in values.reliability if row.n]
    accuracy, low, high, confidence = (
        np.array([getattr(row, name) for row in bins])
        for name in ("accuracy", "accuracy_low", "accuracy_high", "confidence")
    )
    axes.plot([0, 1], [0, 1], color="#707070", linestyle="--", linewidth=1, label="confidence = share that is right")
    axes.plot(confidence, accuracy, color=colour, linewidth=1, alpha=0.35)  # faint: few photos make it jump
    axes.errorbar(
        *(confidence, accuracy),
        yerr=[accuracy - low, high - accuracy],
        color=colour,
        fmt="o",
        markersize=5,
        elinewidth=1,
        capsize=2,
        label="bin of photos, 95% interval",
    )
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.02))
    axes.grid(color="#e0e0e0", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(loc="upper left", fontsize=8, framealpha=0.85, edgecolor="none")


def _draw_histogram(axes: Any, bins: Sequence[ReliabilityBin], colour: str) -> None:
    axes.bar(
        [row.low for row in bins],
        [row.n for row in bins],
        width=bins[0].high - bins[0].low,
        align="edge",
        color=colour,
        edgecolor="white",
    )
    axes.set(xlim=(0, 1), xlabel="confidence: probability of the predicted class")
    axes.yaxis.get_major_locator().set_params(integer=True)
