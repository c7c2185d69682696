"""A classifier that takes photos as they are stored: normalisation is part of the network."""

import numpy as np
import torch
from torch import Tensor, nn

from bakeoff.backbones.classifier import Classifier
from bakeoff.learning.normalisation import GREY_LEVEL
from bakeoff.records.settings import Preprocessing


class PhotoClassifier(nn.Module):
    """A `Classifier` behind its preprocessing's mean and standard deviation."""

    mean: Tensor
    std: Tensor

    def __init__(self, classifier: Classifier, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.classifier = classifier
        self.channel_order, self.per_image = preprocessing.channel_order, preprocessing.per_image
        self.register_buffer("mean", torch.tensor(preprocessing.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(preprocessing.std).view(1, 3, 1, 1), persistent=False)

    def normalise(self, images: Tensor) -> Tensor:
        """Return RGB images (N, 3, H, W), uint8 in 0-255 or float32 in [0, 1], normalised, float32.

        Mean and standard deviation are the preprocessing's, or with `per_image` those of each photo's channel, whose
        deviation counts as a grey level at least: a photo of one colour becomes zeros.
        """
        unit = images.float() / 255 if images.dtype == torch.uint8 else images
        if self.channel_order == "bgr":
            unit = unit.flip(1)
        if self.per_image:
            std, mean = torch.std_mean(unit, dim=(2, 3), correction=0, keepdim=True)
            return (unit - mean) / std.clamp_min(GREY_LEVEL)
        return (unit - self.mean) / self.std

    def features(self, images: Tensor) -> Tensor:
        """Return the backbone's pooled features (N, D)."""
        return self.classifier.features(self.normalise(images))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, K)."""
        return self.classifier(self.normalise(images))


def photo_tensor(images: np.ndarray, device: torch.device) -> Tensor:
    """Return photos (N, H, W, 3), uint8 or float32 in [0, 1], as (N, 3, H, W) on the device, channels last."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).to(device)
