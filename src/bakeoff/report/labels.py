"""Where the names of a scatter's points go so that none covers another name or a point: adjustText's places, in px."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from adjustText import adjust_text
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox

from bakeoff.data.figures import Figure

_POINT_PX, _LINE_PX, _STEP_PX, _START_PX, _LEADER_PX = 8.0, 3.0, 8.0, 11.0, 20.0
_ITERATIONS = 100
_FROM_POINTS, _FROM_TEXTS = (0.5, 0.6), (0.3, 0.5)
_DPI = 72  # A point of type is a px


def place_labels(
    names: Sequence[str],
    points: np.ndarray,
    bounds: tuple[float, float, float, float],
    *,
    font_px: float,
    line: np.ndarray | None = None,
) -> np.ndarray:
    """Return (N, 4) px, the x0, y0, x1, y1 of each point's name; the same input gives the same places.

    Of N points (N, 2) px, within `bounds` x0, y0, x1, y1 px, off a `line` (P, 2) px through its corners where possible.
    """
    low, size = np.array(bounds[:2]), np.array(bounds[2:]) - bounds[:2]
    figure = Figure(figsize=tuple(size / _DPI), dpi=_DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, size[0]), ylim=(0, size[1]))
    at = points - low
    texts = [
        axes.text(x + _START_PX, y, name, fontsize=font_px, va="center") for name, (x, y) in zip(names, at, strict=True)
    ]
    crossed = [] if line is None else along(line - low)
    squares = [*((point, _POINT_PX) for point in at), *((point, _LINE_PX) for point in crossed)]
    adjust_text(
        texts,
        target_x=at[:, 0],
        target_y=at[:, 1],
        objects=[Bbox([centre - half_px, centre + half_px]) for centre, half_px in squares],
        ax=axes,
        avoid_self=False,
        iter_lim=_ITERATIONS,  # and no limit of time, so that the places do not depend on the machine
        force_static=_FROM_POINTS,
        force_text=_FROM_TEXTS,
    )
    extents = [text.get_window_extent() for text in texts]
    return np.array([[box.x0, box.y0, box.x1, box.y1] for box in extents]).reshape(-1, 4) + np.tile(low, 2)


def leader(point: np.ndarray, box: np.ndarray) -> np.ndarray | None:
    """Return (2, 2) px, a line from beside the point to its label's box; None where the box is near."""
    nearest = np.clip(point, box[:2], box[2:])
    distance = float(np.hypot(*(nearest - point)))
    return np.stack([point + (nearest - point) * 10 / distance, nearest]) if distance > _LEADER_PX else None


def along(corners: np.ndarray) -> np.ndarray:
    """Return (M, 2) px, a point about every 8 px along the line through `corners` (P, 2)."""
    counts = [(start, end, max(2, int(np.hypot(*(end - start)) / _STEP_PX))) for start, end in pairwise(corners)]
    return np.concatenate([np.zeros((0, 2)), *(np.linspace(*one) for one in counts)])
