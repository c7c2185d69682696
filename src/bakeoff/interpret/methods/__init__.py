"""The methods of explanation, by the names that `interpret.methods` takes; the only place that lists them."""

from bakeoff.interpret.methods import (
    gradient_shap,
    integrated_gradients,
    kernel_shap,
    lime,
    occlusion,
    smoothgrad,
)

METHODS = {
    "integrated_gradients": integrated_gradients,
    "smoothgrad": smoothgrad,
    "gradient_shap": gradient_shap,
    "occlusion": occlusion,
    "kernel_shap": kernel_shap,
    "lime": lime,
}
