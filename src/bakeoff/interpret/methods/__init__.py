"""The methods of explanation, by the names that `interpret.methods` takes; the only place that lists them."""

from bakeoff.interpret.methods import (
    attention_rollout,
    cam,
    grad_cam,
    grad_cam_plus_plus,
    gradient_shap,
    integrated_gradients,
    kernel_shap,
    layer_cam,
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
    "cam": cam,
    "grad_cam": grad_cam,
    "grad_cam_plus_plus": grad_cam_plus_plus,
    "layer_cam": layer_cam,
    "attention_rollout": attention_rollout,
}
