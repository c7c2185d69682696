"""A PyTorch candidate as a `Subject`."""

from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from bakeoff.backbones.inference import for_cpu_gradients
from bakeoff.data.products import Products
from bakeoff.interpret.layers import attention, feature_map
from bakeoff.interpret.subject import NotExplainable, Subject
from bakeoff.interpret.tensors import arrays
from bakeoff.predictors.torch_predictor import TorchPredictor
from bakeoff.training.module import photo_tensor


class TorchSubject(Subject):
    """Asks the plain network for its maps, and copies of it for gradients by photos and for many photos."""

    score = "logit"

    def __init__(
        self,
        predictor: TorchPredictor,
        *,
        batch_px: int,
        has_gradients: bool = True,
        fresh: Callable[[int], TorchPredictor] | None = None,
    ) -> None:
        """Take a candidate; `fresh` returns the same network with weights drawn by a seed."""
        super().__init__(predictor.title, predictor.labels, predictor.preprocessing, batch_px=batch_px)
        self._predictor, self._fresh, self._batch_px, self._has_gradients = predictor, fresh, batch_px, has_gradients
        self.module = predictor.module.requires_grad_(False)
        self._device = self.module.mean.device
        predictor.speed_up(n_trials=0)
        self._fast = predictor.module

    @cached_property
    def _sloped(self) -> nn.Module:
        """The network for gradients by photos, of the first order."""
        return for_cpu_gradients(self.module) if self._device.type == "cpu" else self.module

    def images(self, products: Products) -> np.ndarray:
        """Return the products' photos as the network sees them, (N, H, W, 3) float32."""
        return self._predictor.images(products)

    def scores(self, images: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 logits by the plain network."""
        return self._logits(self.module, images)

    def masked_scores(self, images: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 logits by the fastest copy."""
        return self._logits(self._fast, images)

    @torch.inference_mode()
    def _logits(self, network: nn.Module, images: np.ndarray) -> np.ndarray:
        parts = self.parts(len(images))
        return np.concatenate([network(photo_tensor(images[one], self._device)).float().cpu().numpy() for one in parts])

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities, rows sum to 1, by the fastest copy."""
        return np.concatenate([self._predictor.forward(images[part]) for part in self.parts(len(images))])

    def features(self, images: np.ndarray) -> np.ndarray:
        """Return the backbone's pooled features, (N, D) float32."""
        return self._predictor.classify_with_features(images)[1]

    def gradients(self, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return d logit[target] / d image, (N, H, W, 3) float32."""
        found = []
        for batch, chosen in self._batches(images, targets):
            batch.requires_grad_(True)
            found.append(arrays(_slopes(self._sloped(batch), chosen, batch)))
        return np.concatenate(found)

    def feature_map(self, images: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the last map before pooling and the logit's gradient by it, both (N, C, h, w) float32."""
        found = []
        for batch, chosen in self._batches(images, targets):
            logits, activations = feature_map(self.module, batch)
            both = torch.stack([activations.detach(), _slopes(logits, chosen, activations)])
            found.append(both.float().cpu().numpy())
        maps, slopes = np.concatenate(found, axis=1)
        return maps, slopes

    def attention(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return each block's attention, heads averaged, (N, blocks, T, T), and the head's own, (N, T), float32."""
        batches = (photo_tensor(images[part], self._device) for part in self.parts(len(images)))
        found = [[one.cpu().numpy() for one in attention(self.module, batch)] for batch in batches]
        blocks, read = map(np.concatenate, zip(*found, strict=True))
        return blocks, read

    def randomised(self, seed: int) -> "TorchSubject":
        """Return the network with fresh weights, drawn by `seed` as for a random start."""
        self._need_gradients()
        if self._fresh is None:
            raise NotExplainable("it was not opened from a training, so there is nothing to draw anew.")
        return TorchSubject(self._fresh(seed), batch_px=self._batch_px, fresh=self._fresh)

    @property
    def differentiable(self) -> Callable[[Tensor], Tensor]:
        """The network, tensors (N, 3, H, W) in [0, 1] to logits (N, K) on the CPU, with gradients."""
        self._need_gradients()
        return lambda images: self._sloped(images.to(self._device)).cpu()

    def _need_gradients(self) -> None:
        if not self._has_gradients:
            raise NotExplainable("it needs gradients, which this head has not.")

    def _batches(self, images: np.ndarray, targets: np.ndarray) -> Iterator[tuple[Tensor, Tensor]]:
        self._need_gradients()
        for part in self.parts(len(images)):
            yield photo_tensor(images[part], self._device), torch.from_numpy(targets[part]).to(self._device)


def _slopes(logits: Tensor, targets: Tensor, by: Tensor) -> Tensor:
    """Return d logit[target] / d `by`, of the shape of `by`."""
    return torch.autograd.grad(logits.gather(1, targets[:, None]).sum(), by)[0]
