"""GradientSHAP: Integrated Gradients averaged over train photos as baselines, at random points on the way."""

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
        gradients: Erion et al. 2021, doi:10.1038/s42256-021-00343-w. Captum's draws depend on how many fit in a batch.
    """
    generator = np.random.default_rng(0)
    starts = subject.background[generator.integers(len(subject.background), size=settings.samples)]
    way = generator.random((settings.samples, 1, 1, 1), dtype=np.float32)
    maps = np.zeros(images.shape[:3], dtype=np.float32)
    for place, (image, target) in enumerate(zip(images, targets, strict=True)):
        for part in subject.parts(settings.samples):
            points = starts[part] + way[part] * (image - starts[part])
            slopes = subject.gradients(points, np.full(len(points), target, dtype=np.int64))
            maps[place] += ((image - starts[part]) * slopes).sum(axis=(0, 3))
    return maps / settings.samples
