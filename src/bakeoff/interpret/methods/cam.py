"""CAM: the head's weights laid over the last map, where the head is linear on that map's average."""

import numpy as np

from bakeoff.core.section import Section
from bakeoff.interpret.subject import NotExplainable, Subject
from bakeoff.interpret.upsample import upsampled

TITLE = "CAM"
Settings = Section
_ROUNDING = 1e-4


def attribute(subject: Subject, images: np.ndarray, targets: np.ndarray, settings: Settings) -> np.ndarray:
    """Return sum_k w_k A_k of the last map A, (N, H, W) float32; its mean is the score less the head's bias.

    w is read from the gradient, h·w d score / d A. A head is linear on the average if that is the same at every place
    and for another photo, the negative of the first.

    Raises:
        NotExplainable: it is not.

    Source:
        Zhou et al.: Learning Deep Features for Discriminative Localization, CVPR 2016, eq. 2,
        doi:10.1109/CVPR.2016.319.
    """
    maps, slopes = subject.feature_map(images, targets)
    _, others = subject.feature_map(1 - images[:1], targets[:1])
    mean = slopes.mean(axis=(2, 3), keepdims=True)
    error = max(np.abs(slopes - mean).max(), np.abs(others - mean[:1]).max())
    if error > _ROUNDING * np.abs(mean).max():
        raise NotExplainable("the head is not linear on the average of the last map, which this method needs.")
    return upsampled((slopes.sum(axis=(2, 3), keepdims=True) * maps).sum(axis=1), subject.image_size)
