"""Occlusion: how much the score falls where a window of the photo is covered."""

import numpy as np

from bakeoff.core.section import PositiveInt, Section
from bakeoff.interpret.baselines import BaselineName, baselines
from bakeoff.interpret.subject import NotExplainable, Subject

TITLE = "Occlusion"


class Settings(Section):
    """The window's side and step, px, and what covers it."""

    window_px: PositiveInt
    stride_px: PositiveInt
    baseline: BaselineName


def attribute(subject: Subject, images: np.ndarray, targets: np.ndarray, settings: Settings) -> np.ndarray:
    """Return each pixel's mean drop of the score over the windows that cover it, (N, H, W) float32.

    Windows at the right and lower edge are cut there.

    Raises:
        NotExplainable: the stride leaves gaps, or the window is larger than the photo.

    Source:
        Zeiler, Fergus: Visualizing and Understanding Convolutional Networks, ECCV 2014,
        doi:10.1007/978-3-319-10590-1_53.
    """
    import torch
    from captum.attr import Occlusion

    from bakeoff.interpret.tensors import arrays, masked_function, planes

    window, stride = settings.window_px, settings.stride_px
    if not stride <= window <= min(images.shape[1:3]):
        raise NotExplainable(
            f"window_px = {window} and stride_px = {stride} do not fit a photo of {images.shape[2]} x "
            f"{images.shape[1]} px: expected stride <= window <= photo; change them in conf/profile/."
        )
    method, maps = Occlusion(masked_function(subject)), []
    for image, target in zip(images, targets, strict=True):
        drops = method.attribute(
            planes(image[None]),
            sliding_window_shapes=(3, window, window),
            strides=(3, stride, stride),
            baselines=planes(baselines(settings.baseline, subject, image[None])),
            target=torch.tensor([target]),
            perturbations_per_eval=subject.batch_images,
        )
        maps.append(arrays(drops)[0, ..., 0])  # the window covers all channels, so they are alike
    return np.stack(maps)
