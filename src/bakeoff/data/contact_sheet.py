"""Photos on one sheet, placed by hand: a plot for each photo takes ten times as long to lay out and draw."""

import numpy as np
from matplotlib.axes import Axes

from bakeoff.data.figures import Figure


def new_sheet(width_in: float, height_in: float) -> tuple[Figure, Axes]:
    """Return an empty figure and the axes that fill it, whose units are inches from the lower left corner."""
    figure = Figure(figsize=(width_in, height_in))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, width_in), ylim=(0, height_in), autoscale_on=False)
    return figure, axes


def paste(axes: Axes, photo: np.ndarray, *, left: float, bottom: float, side: float) -> None:
    """Show a photo, (H, W, 3) uint8, in the middle of a square of `new_sheet`, in inches, as large as that lets it."""
    height, width = photo.shape[:2]
    across, up = side * width / max(width, height), side * height / max(width, height)
    x, y = left + (side - across) / 2, bottom + (side - up) / 2
    axes.imshow(photo, extent=(x, x + across, y, y + up), aspect="auto")
