"""SmoothGrad: how strongly the score reacts to each pixel, averaged over noisy copies of the photo."""

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from bakeoff.core.section import PositiveInt, Section
from bakeoff.interpret.subject import Subject

TITLE = "SmoothGrad (unsigned)"


class Settings(Section):
    """Noisy copies of each photo, and the noise's standard deviation as a share of the photo's range."""

    samples: PositiveInt
    noise: Annotated[float, Field(gt=0, le=1)]


def attribute(subject: Subject, images: np.ndarray, targets: np.ndarray, settings: Settings) -> np.ndarray:
    """Return the magnitude of the mean gradient, (N, H, W) float32 from 0, summed over the channels.

    It tells where the score is sensitive, not what speaks for or against the class.

    Source:
        Smilkov et al.: SmoothGrad: removing noise by adding noise, 2017, eq. 1, arXiv:1706.03825.
    """
    from captum.attr import NoiseTunnel, Saliency

    from bakeoff.interpret.tensors import photo_by_photo

    method, n = NoiseTunnel(Saliency(subject.differentiable)), settings.samples
    given = {"nt_samples": n, "nt_samples_batch_size": min(n, subject.batch_images), "abs": False}

    def mean(photo: Any, target: int) -> Any:
        return method.attribute(photo, stdevs=settings.noise * float(photo.max() - photo.min()), target=target, **given)

    return np.abs(photo_by_photo(mean, images, targets)).sum(axis=3)
