"""Occlusion: how much the score falls where a window of the photo is covered."""

from typing import Any

import numpy as np

from bakeoff.core.section import PositiveInt
from bakeoff.interpret.baselines import BaselineSettings, baselines
from bakeoff.interpret.subject import NotExplainable, Subject

TITLE = "Occlusion"


class Settings(BaselineSettings):
    """The window's side and step, px, and what covers it."""

    window_px: PositiveInt
    stride_px: PositiveInt


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

    from bakeoff.interpret.tensors import arrays, photo_by_photo, planes

    window, stride = settings.window_px, settings.stride_px
    if not stride <= window <= min(images.shape[1:3]):
        raise NotExplainable(
            f"window_px = {window} and stride_px = {stride} do not fit a photo of {images.shape[2]} x "
            f"{images.shape[1]} px: expected stride <= window <= photo; change them in conf/profile/."
        )
    method = Occlusion(lambda photos: torch.from_numpy(subject.masked_scores(arrays(photos))))
    shape, step, n = (3, window, window), (3, stride, stride), subject.batch_images

    def drops(photo: Any, target: int) -> Any:
        covered = planes(baselines(subject, arrays(photo), settings))
        return method.attribute(photo, shape, step, baselines=covered, target=target, perturbations_per_eval=n)

    return photo_by_photo(drops, images, targets)[..., 0]  # the window covers all channels, so they are alike
