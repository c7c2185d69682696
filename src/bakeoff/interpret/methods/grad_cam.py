"""Grad-CAM: the last map's channels, weighted by their mean gradient."""

import numpy as np

from bakeoff.core.section import Section
from bakeoff.interpret.subject import Subject
from bakeoff.interpret.upsample import upsampled

TITLE = "Grad-CAM"
Settings = Section


def attribute(subject: Subject, images: np.ndarray, targets: np.ndarray, settings: Settings) -> np.ndarray:
    """Return ReLU(sum_k a_k A_k) of the last map A, a_k the mean of d score / d A_k, (N, H, W) float32.

    Source:
        Selvaraju et al.: Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, ICCV 2017,
        eq. 1 and 2, doi:10.1109/ICCV.2017.74.
    """
    maps, slopes = subject.feature_map(images, targets)
    return upsampled(np.maximum((slopes.mean(axis=(2, 3), keepdims=True) * maps).sum(axis=1), 0), subject.image_size)
