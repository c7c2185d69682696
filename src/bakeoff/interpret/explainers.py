"""The methods that explain a photo, and which explainer a candidate gets; torch is imported only where it made it."""

from typing import TYPE_CHECKING, Any, TypeAlias

from bakeoff.interpret.generic import GenericExplainer
from bakeoff.interpret.params import InterpretParams

if TYPE_CHECKING:
    from bakeoff.interpret.captum_attributions import CaptumExplainer

Explainer: TypeAlias = "GenericExplainer | CaptumExplainer"
METHODS = {"integrated_gradients": "Integrated Gradients", "occlusion": "Occlusion"}
"""An explainer's methods, and the titles over their panels; figures, records and progress follow from this table.

Each takes an image (H, W, 3) float32 in [0, 1] and a class index, and returns a signed map (H, W) or (H, W, 3) float32.
"""


def open_explainer(environment: str, predictor: Any, params: InterpretParams) -> Explainer:
    """Return Captum's explainer for `torch`, the framework-free one for `tf`."""
    if environment == "tf":
        return GenericExplainer(predictor, params)
    from bakeoff.interpret.captum_attributions import CaptumExplainer

    return CaptumExplainer(predictor.module, params)
