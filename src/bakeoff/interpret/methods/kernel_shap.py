"""KernelSHAP: the Shapley value of each superpixel, estimated from photos with some of them covered."""

import numpy as np

from bakeoff.interpret.baselines import baselines
from bakeoff.interpret.subject import Subject
from bakeoff.interpret.superpixels import SuperpixelSettings, fit

TITLE = "KernelSHAP"
Settings = SuperpixelSettings
adds_up_from = baselines
"""A map's sum leads from their scores to the photos' own."""


def attribute(subject: Subject, images: np.ndarray, targets: np.ndarray, settings: Settings) -> np.ndarray:
    """Return each superpixel's Shapley value spread evenly over its pixels, (N, H, W) float32.

    Raises:
        NotExplainable: a photo is a single superpixel.

    Source:
        Lundberg, Lee: A Unified Approach to Interpreting Model Predictions, NeurIPS 2017, section 4.1,
        arXiv:1705.07874.
    """
    from captum.attr import KernelShap

    return fit(KernelShap, subject, images, targets, settings)
