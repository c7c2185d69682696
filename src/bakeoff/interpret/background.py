"""How much a candidate relies on what lies round the object, where the object's box is known."""

from collections.abc import Sequence

import numpy as np

from bakeoff.interpret.baselines import GREY
from bakeoff.records.interpretation import BackgroundReliance, GreyedAccuracy, OutsideShare
from bakeoff.statistics.bootstrap import mean_interval


def cover(boxes: np.ndarray, side: int) -> np.ndarray:
    """Return how much of each pixel boxes (N, 4) px cover, (N, side, side) float32 in [0, 1]; NaN for no box."""
    pixels = np.arange(side)
    starts, ends = boxes[:, :2, None], boxes[:, 2:, None]
    covered = np.clip(np.minimum(pixels + 1, ends) - np.maximum(pixels, starts), 0, 1).astype(np.float32)
    return covered[:, 1, :, None] * covered[:, 0, None, :]


def show_alone(images: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Return images (N, H, H, 3) float32 in [0, 1] with mid-grey where `shown` (N, H, H) in [0, 1] is 0."""
    return shown[..., None] * images + (1 - shown[..., None]) * np.float32(GREY)


def outside_shares(maps: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how much of each map speaks for the class from outside the box, and how much of the photo lies there.

    From signed maps (N, H, H) and boxes (N, 4) px of them to two shares (N,) float64 in [0, 1]: of the positive
    attribution, and of the area, which is what a map that knows nothing has. The first is NaN where a map has nothing
    positive or is not known (NaN), both are where the box is not known.
    """
    covered = cover(boxes, maps.shape[1]).astype(np.float64)
    positive = np.maximum(maps, 0).astype(np.float64)
    total = positive.sum(axis=(1, 2))
    inside = (positive * covered).sum(axis=(1, 2))
    shares = np.divide(inside, total, out=np.full(len(maps), np.nan), where=total > 0)
    return 1 - shares, 1 - covered.mean(axis=(1, 2))


def rely(maps: np.ndarray, boxes: np.ndarray, targets: np.ndarray, labels: Sequence[str]) -> BackgroundReliance | None:
    """Return what one method's maps (N, H, H) of the classes `targets` (N,) say of the background.

    Photos without a box (4,) or with a map of nothing positive are left out; None where none is left.
    """
    outside, expected = outside_shares(maps, boxes)
    known = np.flatnonzero(np.isfinite(outside))
    if not len(known):
        return None

    def share(rows: np.ndarray) -> OutsideShare:
        return OutsideShare(n=len(rows), outside=float(outside[rows].mean()), expected=float(expected[rows].mean()))

    classes = {labels[int(one)]: share(known[targets[known] == one]) for one in np.unique(targets[known])}
    return BackgroundReliance(**dict(share(known)), classes=classes)


def compare_greyed(predicted: np.ndarray, label_ids: np.ndarray) -> GreyedAccuracy:
    """Return the accuracy of classes predicted (3, N) for photos as they are, object alone and background alone."""
    correct = (predicted == label_ids).astype(np.float64)
    as_it_is, alone, without = correct.mean(axis=1).tolist()
    drops = [(lost.low, lost.high) for lost in (mean_interval(correct[0] - changed, None) for changed in correct[1:])]
    return GreyedAccuracy(
        n=len(label_ids),
        accuracy=as_it_is,
        object_alone=alone,
        background_alone=without,
        object_alone_drop=drops[0],
        background_alone_drop=drops[1],
    )
