"""Where the objects lie in a catalogue's photos as a network sees them: packed, repaired, resized and cropped."""

from collections.abc import Sequence

import numpy as np

from bakeoff.data.decode import stored_size
from bakeoff.data.photo import crop_of
from bakeoff.data.table import Catalogue
from bakeoff.data.transforms import box_in_view
from bakeoff.records.settings import Geometry


def boxes_in_view(catalogue: Catalogue, positions: np.ndarray | Sequence[int], used: Geometry) -> np.ndarray:
    """Return the boxes of the objects at `positions` in the squares that a network of this geometry gets.

    (N, 4) float64 left, top, right, bottom px, half-open, clipped; NaN where none is known or nothing of it is left.
    """
    boxes = catalogue.boxes(positions)
    products = catalogue.products.iloc[np.asarray(positions, dtype=np.int64)]
    for place in np.flatnonzero(np.isfinite(boxes).all(axis=1)):
        product = products.iloc[int(place)]
        original = (int(product["width"]), int(product["height"]))
        stored = stored_size(original, catalogue.dataset.prepare.store_px)
        left, top, right, bottom = crop_of(catalogue.repairs.get(int(product["image"]))) or (0, 0, *stored)
        box = boxes[place] * np.tile(np.divide(stored, original), 2) - (left, top, left, top)
        boxes[place] = box_in_view(box, (right - left, bottom - top), used)
    return boxes
