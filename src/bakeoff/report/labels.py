"""Where the names of a scatter's points go so that none covers another name or a point."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

_DISTANCES_PX = (11.0, 18.0, 32.0, 50.0, 72.0, 100.0, 135.0)
_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
_POINT_PX = 8.0
_LINE_PX = 3.0
_MARGIN_PX = 2.0
_LEADER_PX = 20.0
_STEP_PX = 8.0
_MISREAD_PX2 = 150.0
"""A label that stands nearer to another point than to its own is as bad as this much overlap."""


def place_labels(
    points: np.ndarray,
    sizes: np.ndarray,
    bounds: tuple[float, float, float, float],
    *,
    lines: np.ndarray | None = None,
) -> np.ndarray:
    """Return where each label's box goes: the nearest free place around its point, in the given order.

    Greedy and deterministic. Where no place is free the one with the least overlap is taken.

    Args:
        points: (N, 2) px, the points.
        sizes: (N, 2) px, width and height of each label.
        bounds: x0, y0, x1, y1 in px that labels stay within.
        lines: (M, 2) px, points along lines that labels had better not cross.

    Returns:
        (N, 2) px, the lower left corner of each label.
    """
    obstacles = [np.concatenate([point - _POINT_PX, point + _POINT_PX]) for point in points]
    if lines is not None:
        obstacles += [np.concatenate([point - _LINE_PX, point + _LINE_PX]) for point in lines]
    corners = np.zeros((len(points), 2))
    for index in range(len(points)):
        places = _places(points[index], sizes[index])
        boxes = np.concatenate([places - _MARGIN_PX, places + sizes[index] + _MARGIN_PX], axis=1)
        others = np.array(obstacles)
        cost = _overlap_px2(boxes, others).sum(axis=1) + 10 * _outside_px2(boxes, bounds)
        cost = cost + _MISREAD_PX2 * _nearer_to_another(boxes, points, index)
        best = int(np.argmin(cost))
        corners[index] = places[best]
        obstacles.append(boxes[best])
    return corners


def leader(point: np.ndarray, corner: np.ndarray, size: np.ndarray) -> np.ndarray | None:
    """Return (2, 2) px, a line from beside the point to its label's box; None where the box stands near."""
    nearest = np.clip(point, corner, corner + size)
    distance = float(np.hypot(*(nearest - point)))
    return np.stack([point + (nearest - point) * 10 / distance, nearest]) if distance > _LEADER_PX else None


def along(corners: np.ndarray) -> np.ndarray:
    """Return (M, 2) px, a point about every 8 px along the line through `corners` (P, 2)."""
    parts = [np.zeros((0, 2))]
    for start, end in pairwise(corners):
        parts.append(np.linspace(start, end, max(2, int(np.hypot(*(end - start)) / _STEP_PX))))
    return np.concatenate(parts)


def _places(point: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return (P, 2) candidate corners, nearest first."""
    places = []
    for distance in _DISTANCES_PX:
        for x, y in _DIRECTIONS:
            centre = point + np.array([x * (distance + size[0] / 2), y * (distance + size[1] / 2)])
            if x and y:  # a diagonal starts at the point's corner, closer than on an axis
                centre = point + np.array([x * (0.4 * distance + size[0] / 2), y * (distance + size[1] / 2)])
            places.append(centre - size / 2)
    return np.array(places)


def _overlap_px2(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return (P, M) areas shared by (P, 4) boxes and (M, 4) others."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.clip(high - low, 0, None).prod(axis=2)


def _nearer_to_another(boxes: np.ndarray, points: np.ndarray, index: int) -> np.ndarray:
    """Return (P,) bool: which of the (P, 4) boxes lie nearer to another point than to the point `index`."""
    nearest = np.clip(points[None, :, :], boxes[:, None, :2], boxes[:, None, 2:])
    distances = np.hypot(*np.moveaxis(nearest - points[None, :, :], 2, 0))
    return (distances < distances[:, [index]]).any(axis=1)


def _outside_px2(boxes: np.ndarray, bounds: tuple[float, float, float, float]) -> np.ndarray:
    """Return (P,) areas that stick out of the bounds."""
    whole = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return whole - _overlap_px2(boxes, np.array([bounds]))[:, 0]
