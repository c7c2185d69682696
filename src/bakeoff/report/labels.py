"""Where the names of a scatter's points go so that none covers another name or a point: adjustText's places, in px."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from adjustText import adjust_text
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox

from bakeoff.data.figures import Figure

_POINT_PX, _LINE_PX, _STEP_PX = 8.0, 3.0, 8.0
_START_PX = 11.0
_LEADER_PX = 20.0
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
    """Return where each point's name goes; the same input gives the same places.

    Args:
        names: N labels.
        points: (N, 2) px.
        bounds: x0, y0, x1, y1 in px that labels stay within.
        font_px: size of the type.
        line: (P, 2) px, corners of a line that labels had better not cross.

    Returns:
        (N, 4) px, the boxes' x0, y0, x1, y1.
    """
    low, size = np.array(bounds[:2]), np.array(bounds[2:]) - bounds[:2]
    figure = Figure(figsize=tuple(size / _DPI), dpi=_DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, size[0]), ylim=(0, size[1]))
    at = points - low
    texts = [
        axes.text(x + _START_PX, y, name, fontsize=font_px, va="center") for name, (x, y) in zip(names, at, strict=True)
    ]
    obstacles = [_square(point, _POINT_PX) for point in at]
    obstacles += [_square(point, _LINE_PX) for point in ([] if line is None else along(line - low))]
    adjust_text(
        texts,
        target_x=at[:, 0],
        target_y=at[:, 1],
        objects=obstacles,
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
    parts = [np.zeros((0, 2))]
    for start, end in pairwise(corners):
        parts.append(np.linspace(start, end, max(2, int(np.hypot(*(end - start)) / _STEP_PX))))
    return np.concatenate(parts)


def _square(centre: np.ndarray, half_px: float) -> Bbox:
    return Bbox([centre - half_px, centre + half_px])
