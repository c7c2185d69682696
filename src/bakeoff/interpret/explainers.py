"""Which explainer a framework's candidates get; torch is imported only where torch made the candidate."""

from typing import Any, Protocol

import numpy as np

from bakeoff.core.errors import EvaluationError
from bakeoff.interpret.generic import AttributionSettings, GenericExplainer
from bakeoff.interpret.params import InterpretParams


class Explainer(Protocol):
    """Heat maps of one photo for one class."""

    scores: dict[str, str]
    """Method -> what it explains: `logit` or `probability`."""

    def integrated_gradients(self, image: np.ndarray, target: int) -> np.ndarray:
        """Return (H, W, 3) float32 for (H, W, 3) float32 in [0, 1]."""
        ...

    def occlusion(self, image: np.ndarray, target: int) -> np.ndarray:
        """Return (H, W) float32 for (H, W, 3) float32 in [0, 1]."""
        ...


def open_explainer(framework: str, predictor: Any, params: InterpretParams) -> Explainer:
    """Return Captum's explainer for `torch`, the framework-free one for `tf`."""
    choices = {"torch": _captum, "tf": GenericExplainer}
    if framework not in choices:
        raise EvaluationError(f"framework must be one of {', '.join(choices)}, got {framework!r}.")
    settings = AttributionSettings(
        steps=params.integrated_gradients_steps,
        window_px=params.occlusion_window_px,
        stride_px=params.occlusion_stride_px,
    )
    return choices[framework](predictor, settings)


def _captum(predictor: Any, settings: AttributionSettings) -> Explainer:
    from bakeoff.interpret.captum_attributions import CaptumExplainer

    return CaptumExplainer(predictor, settings)
