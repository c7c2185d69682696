"""LIME: a sparse linear model of the score near the photo, over its superpixels."""

import numpy as np

from bakeoff.interpret.subject import Subject
from bakeoff.interpret.superpixels import SuperpixelSettings, fit

TITLE = "LIME"
Settings = SuperpixelSettings


def attribute(subject: Subject, images: np.ndarray, targets: np.ndarray, settings: Settings) -> np.ndarray:
    """Return each superpixel's weight in the linear model spread evenly over its pixels, (N, H, W) float32.

    Raises:
        NotExplainable: a photo is a single superpixel.

    Source:
        Ribeiro, Singh, Guestrin: "Why Should I Trust You?", KDD 2016, doi:10.1145/2939672.2939778.
    """
    from captum.attr import Lime

    return fit(Lime, subject, images, targets, settings)
