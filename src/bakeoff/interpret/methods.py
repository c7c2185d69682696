"""The methods that explain a photo: one entry each; figures, records and progress follow from this table."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bakeoff.interpret.explainers import Explainer


class Method(NamedTuple):
    """A way of saying which pixels speak for a class."""

    name: str
    title: str
    """Over its panel of the figure."""
    attribute: Callable[[Explainer, np.ndarray, int], np.ndarray]
    """Explainer, image (H, W, 3) float32 in [0, 1] and class index to a map (H, W) or (H, W, 3) float32, signed."""
    environments: tuple[str, ...] = ("torch", "tf")
    """Whose candidates it can explain."""


METHODS = (
    Method("integrated_gradients", "Integrated Gradients", lambda one, *what: one.integrated_gradients(*what)),
    Method("occlusion", "Occlusion", lambda one, *what: one.occlusion(*what)),
)


def methods_of(environment: str) -> list[Method]:
    """Return the methods that explain an environment's candidates."""
    return [method for method in METHODS if environment in method.environments]
