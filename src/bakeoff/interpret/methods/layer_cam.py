"""Layer-CAM: each place of the last map, weighted by its own positive gradient."""

import numpy as np

from bakeoff.core.section import Section
from bakeoff.interpret.subject import Subject
from bakeoff.interpret.upsample import upsampled

TITLE = "Layer-CAM"
Settings = Section


def attribute(subject: Subject, images: np.ndarray, targets: np.ndarray, settings: Settings) -> np.ndarray:
    """Return ReLU(sum_k ReLU(d score / d A_k) A_k) of the last map A, (N, H, W) float32.

    Source:
        Jiang et al.: LayerCAM: Exploring Hierarchical Class Activation Maps for Localization, IEEE Transactions on
        Image Processing 2021, eq. 5 to 7, doi:10.1109/TIP.2021.3089943.
    """
    maps, slopes = subject.feature_map(images, targets)
    return upsampled(np.maximum((np.maximum(slopes, 0) * maps).sum(axis=1), 0), subject.image_size)
