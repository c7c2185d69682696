"""SmoothGrad: how strongly the score reacts to each pixel, averaged over noisy copies of the photo."""

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from bakeoff.core.section import PositiveInt, Section
from bakeoff.interpret.subject import Subject

TITLE = "SmoothGrad"


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

    from bakeoff.interpret.tensors import arrays, planes, seeded

    method, maps = NoiseTunnel(Saliency(subject.differentiable)), []
    for image, target in zip(images, targets, strict=True):
        with seeded():
            mean: Any = method.attribute(
                planes(image[None]),
                nt_samples=settings.samples,
                nt_samples_batch_size=min(settings.samples, subject.batch_images),
                stdevs=settings.noise * float(np.ptp(image)),
                target=int(target),
                abs=False,
            )
        maps.append(np.abs(arrays(mean)).sum(axis=3)[0])
    return np.stack(maps)
