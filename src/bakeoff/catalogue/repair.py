"""Which steps a photo needs, by its measures: the same for a product of the catalogue and for a new photo."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bakeoff.catalogue.measures import AUDITED, Thumbnail, find_frame
from bakeoff.data.photo import Photo, as_image, open_packed
from bakeoff.records.catalogue import Repair


def find_steps(measures: Sequence[float], encoded: bytes, repair: Repair) -> str:
    """Return the steps of a new photo, from its original's `bakeoff.catalogue.measures.AUDITED` and what is stored."""
    kept = np.asarray(measures, dtype=np.float32).astype(float)  # as measures.parquet has them
    plan = plan_steps(dict(zip(AUDITED, kept, strict=True)), repair)
    return settle_crop(plan, open_packed(encoded), repair) if plan else plan


def plan_steps(measures: Mapping[str, Any], repair: Repair) -> str:
    """Return the steps that a photo needs, `crop` still without its box, by its original's AUDITED, in float32."""
    wanted = {
        "crop": repair.crop_border and measures["border"] > 0,
        f"saturation={repair.saturation}": (limit := repair.dominance_above) and measures["dominance"] > limit,
        "equalise": (limit := repair.equalise_below) and measures["contrast"] < limit,
        "sharpen": (limit := repair.sharpen_below) and measures["sharpness"] < limit,
    }
    return " ".join(step for step, is_wanted in wanted.items() if is_wanted)


def settle_crop(steps: str, photo: Photo, repair: Repair) -> str:
    """Return the steps with the box that a photo's frame leaves, without `crop` where it has no frame as it is stored.

    Of the largest share of a side that is cropped, half is at each end.
    """
    names = steps.split()
    if "crop" not in names:
        return steps
    image, margins = as_image(photo), []
    thumbnail = Thumbnail(image)
    for share, length, shown in zip(find_frame(thumbnail), image.size, thumbnail.image.size, strict=True):
        blurred = -(-length // shown) - 1  # px of the frame's last, mixed pixel in the thumbnail
        limit = int((repair.crop_border or 0) / 2 * length)
        margins.append(min(round(share * length) + blurred, limit) if share else 0)
    (left, top), (width, height) = margins, image.size
    box = f"crop={left},{top},{width - left},{height - top}"
    return " ".join([box] * any(margins) + names[1:])
