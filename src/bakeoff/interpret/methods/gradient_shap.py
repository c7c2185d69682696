"""GradientSHAP: Integrated Gradients averaged over train photos as baselines, at random points on the way."""

from typing import Any

import numpy as np

from bakeoff.core.section import PositiveInt, Section
from bakeoff.interpret.subject import Subject

TITLE = "GradientSHAP"


class Settings(Section):
    """Pairs of a baseline and a point on the way that are drawn."""

    samples: PositiveInt


def attribute(subject: Subject, images: np.ndarray, targets: np.ndarray, settings: Settings) -> np.ndarray:
    """Return each pixel's expected share of the score's difference to a train photo's, (N, H, W) float32.

    Source:
        Lundberg, Lee: A Unified Approach to Interpreting Model Predictions, NeurIPS 2017, arXiv:1705.07874; as expected
        gradients: Erion et al. 2021, doi:10.1038/s42256-021-00343-w.
    """
    from captum.attr import GradientShap

    from bakeoff.interpret.tensors import photo_by_photo, planes

    method, background = GradientShap(subject.differentiable), planes(subject.background)
    parts = np.array_split(np.arange(settings.samples), -(-settings.samples // subject.batch_images))

    def share(photo: Any, target: int) -> Any:
        means = (method.attribute(photo, background, n_samples=len(one), stdevs=0.0, target=target) for one in parts)
        return sum(len(one) * mean for one, mean in zip(parts, means, strict=True)) / settings.samples

    return photo_by_photo(share, images, targets).sum(axis=3)
