"""Integrated Gradients: the gradients along the way from a baseline to the photo, times that way."""

from typing import Any

import numpy as np

from bakeoff.core.section import PositiveInt
from bakeoff.interpret.baselines import BaselineSettings, baselines
from bakeoff.interpret.subject import Subject

TITLE = "Integrated Gradients"
adds_up_from = baselines
"""A map's sum leads from their scores to the photos' own."""


class Settings(BaselineSettings):
    """Points on the way (Gauss-Legendre), and where it begins."""

    steps: PositiveInt


def attribute(subject: Subject, images: np.ndarray, targets: np.ndarray, settings: Settings) -> np.ndarray:
    """Return each pixel's share of the score's difference to the baseline's, (N, H, W) float32, channels summed.

    Source:
        Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks, ICML 2017, eq. 1, arXiv:1703.01365.
    """
    from captum.attr import IntegratedGradients

    from bakeoff.interpret.tensors import arrays, photo_by_photo, planes

    method = IntegratedGradients(subject.differentiable)

    def shares(photo: Any, target: int) -> Any:
        start = planes(baselines(subject, arrays(photo), settings))
        given = {"n_steps": settings.steps, "method": "gausslegendre", "internal_batch_size": subject.batch_images}
        return method.attribute(photo, baselines=start, target=target, **given)

    return photo_by_photo(shares, images, targets).sum(axis=3)
