"""Photos that say nothing, to which a photo is compared."""

from typing import Literal

import numpy as np
from scipy.ndimage import gaussian_filter

from bakeoff.core.section import Section
from bakeoff.interpret.subject import Subject

GREY = 0.5
_BLUR = 0.1


class BaselineSettings(Section):
    """What a photo is compared to."""

    baseline: Literal["grey", "black", "blurred", "mean"]


def baselines(subject: Subject, images: np.ndarray, settings: BaselineSettings) -> np.ndarray:
    """Return a baseline of each image (N, H, W, 3): mid-grey, black, blurred by 10 % of its side, the train mean.

    The last is the mean colour of the catalogue's train photos. Why the choice matters: Sturmfels, Lundberg and Lee,
    Visualizing the Impact of Feature Attribution Baselines, Distill 2020, doi:10.23915/distill.00022.
    """
    if settings.baseline == "blurred":
        sigma = _BLUR * images.shape[1]
        return gaussian_filter(images, (0, sigma, sigma, 0)).astype(np.float32)
    colour = {"grey": GREY, "black": 0.0, "mean": subject.background.mean(axis=(0, 1, 2))}[settings.baseline]
    return np.broadcast_to(np.asarray(colour, dtype=np.float32), images.shape).copy()
