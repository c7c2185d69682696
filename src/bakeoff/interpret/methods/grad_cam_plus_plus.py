"""Grad-CAM++: the last map's channels, weighted by their positive gradients, each place by its own share."""

import numpy as np

from bakeoff.core.section import Section
from bakeoff.interpret.subject import Subject
from bakeoff.interpret.upsample import upsampled

TITLE = "Grad-CAM++"
Settings = Section


def attribute(subject: Subject, images: np.ndarray, targets: np.ndarray, settings: Settings) -> np.ndarray:
    """Return ReLU(sum_k w_k A_k) of the last map A with gradient g, (N, H, W) float32.

    w_k sums a ReLU(g) over the places, a = g² / (2 g² + g³ times the sum of A_k). The paper explains exp(score), whose
    w_k are larger by that one factor for all.

    Source:
        Chattopadhyay et al.: Grad-CAM++: Improved Visual Explanations for Deep Convolutional Networks, WACV 2018,
        eq. 19, arXiv:1710.11063.
    """
    maps, slopes = subject.feature_map(images, targets)
    positive = np.maximum(slopes, 0)
    shares = 2 + positive * maps.sum(axis=(2, 3), keepdims=True)  # over g²
    parts = np.divide(positive, shares, out=np.zeros_like(positive), where=shares != 0)
    combined = (parts.sum(axis=(2, 3), keepdims=True) * maps).sum(axis=1)
    return upsampled(np.maximum(combined, 0), subject.image_size)
