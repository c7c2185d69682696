"""Integrated Gradients: the gradients along the way from a baseline to the photo, times that way."""

import numpy as np

from bakeoff.core.section import PositiveInt, Section
from bakeoff.interpret.baselines import BaselineName, baselines
from bakeoff.interpret.subject import Subject

TITLE = "Integrated Gradients"


class Settings(Section):
    """Points on the way (Gauss-Legendre), and where it begins."""

    steps: PositiveInt
    baseline: BaselineName


def adds_up_from(subject: Subject, images: np.ndarray, settings: Settings) -> np.ndarray:
    """Return the photos (N, H, W, 3) from whose scores a map's sum leads to the photo's own."""
    return baselines(settings.baseline, subject, images)


def attribute(subject: Subject, images: np.ndarray, targets: np.ndarray, settings: Settings) -> np.ndarray:
    """Return each pixel's share of the score's difference to the baseline's, (N, H, W) float32, channels summed.

    Source:
        Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks, ICML 2017, eq. 1, arXiv:1703.01365.
    """
    import torch
    from captum.attr import IntegratedGradients

    from bakeoff.interpret.tensors import arrays, planes

    shares = IntegratedGradients(subject.differentiable).attribute(
        planes(images),
        baselines=planes(baselines(settings.baseline, subject, images)),
        target=torch.from_numpy(targets),
        n_steps=settings.steps,
        method="gausslegendre",
        internal_batch_size=subject.batch_images,
    )
    return arrays(shares).sum(axis=3)
