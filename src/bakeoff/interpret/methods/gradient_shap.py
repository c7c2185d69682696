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
        gradients: Erion et al. 2021, doi:10.1038/s42256-021-00343-w.
    """
    import torch
    from captum.attr import GradientShap

    from bakeoff.interpret.tensors import arrays, planes, seeded

    method, background = GradientShap(subject.differentiable), planes(subject.background)
    sizes = [
        len(part) for part in np.array_split(np.arange(settings.samples), -(-settings.samples // subject.batch_images))
    ]
    maps = []
    for image, target in zip(images, targets, strict=True):
        batch, total = planes(image[None]), torch.zeros(())
        with seeded():
            for n in sizes:
                total = total + n * method.attribute(batch, background, n_samples=n, stdevs=0.0, target=int(target))
        maps.append(arrays(total / settings.samples).sum(axis=3)[0])
    return np.stack(maps)
