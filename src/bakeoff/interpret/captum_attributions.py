"""Integrated Gradients and Occlusion by Captum, for torch candidates; the only module here that imports torch."""

from contextlib import AbstractContextManager

import numpy as np
import torch
from captum.attr import IntegratedGradients, Occlusion

from bakeoff.core.errors import EvaluationError
from bakeoff.interpret.generic import BATCH_IMAGES, GREY, occlusion_windows
from bakeoff.interpret.params import InterpretParams
from bakeoff.learning.out_of_memory import out_of_memory_in_words


class CaptumExplainer:
    """Explains the logit of a class of a torch module, in eval mode and on the module's own device.

    The module takes (N, 3, H, W) float32 in [0, 1] to (N, K) logits, normalisation inside.
    """

    def __init__(self, module: torch.nn.Module, params: InterpretParams) -> None:
        self.module = module.eval().requires_grad_(False)
        self.params = params
        self.scores = {"integrated_gradients": "logit", "occlusion": "logit"}
        held = next(self.module.parameters(), None)
        self.device = held.device if held is not None else torch.device("cpu")

    def integrated_gradients(self, image: np.ndarray, target: int) -> np.ndarray:
        """Return (H, W, 3) float32 shares of logit `target` for (H, W, 3) `image`; Gauss-Legendre from mid-grey."""
        with self._in_words("Integrated Gradients", image):
            shares = IntegratedGradients(self.module, multiply_by_inputs=True).attribute(
                self._batch(image),
                baselines=GREY,
                target=int(target),
                n_steps=self.params.integrated_gradients_steps,
                method="gausslegendre",
                internal_batch_size=BATCH_IMAGES,
            )
            return self._array(shares)

    def occlusion(self, image: np.ndarray, target: int) -> np.ndarray:
        """Return (H, W) float32 drops of logit `target` for (H, W, 3) `image` under a mid-grey window."""
        window, stride = self.params.occlusion_window_px, self.params.occlusion_stride_px
        # One clear sentence before Captum's.
        next(occlusion_windows(image.shape[:2], window_px=window, stride_px=stride))
        with self._in_words("Occlusion", image):
            drops = Occlusion(self.module).attribute(
                self._batch(image),
                sliding_window_shapes=(3, window, window),
                strides=(3, stride, stride),
                baselines=GREY,
                target=int(target),
                perturbations_per_eval=BATCH_IMAGES,
            )
            return self._array(drops)[..., 0]  # the window covers all channels, so they are alike

    def _in_words(self, method: str, image: np.ndarray) -> AbstractContextManager[None]:
        """Tell in words that memory ran out, and what to set."""
        height, width = image.shape[:2]
        doing = f"{method} on {self.device.type} with up to {BATCH_IMAGES} photos of {width} x {height} px"
        remedies = "free the device's memory, lower the backbone's image_size, or set compute.device: cpu"
        return out_of_memory_in_words(EvaluationError, doing, remedies=remedies)

    def _batch(self, image: np.ndarray) -> torch.Tensor:
        """Return the photo as (1, 3, H, W) float32 on the module's device."""
        planes = np.ascontiguousarray(image.transpose(2, 0, 1)[None], dtype=np.float32)
        return torch.from_numpy(planes).to(self.device)

    def _array(self, values: torch.Tensor) -> np.ndarray:
        """Return (1, 3, H, W) as (H, W, 3) float32."""
        return values[0].detach().permute(1, 2, 0).cpu().numpy().astype(np.float32)
