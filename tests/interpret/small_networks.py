"""Networks in eval mode behind their preprocessing, and one small enough to know its maps by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from bakeoff.backbones.classifier import Classifier
from bakeoff.predictors.torch_predictor import TorchPredictor
from bakeoff.records.recipe import HeadParams
from bakeoff.records.settings import CandidateSettings, Preprocessing
from bakeoff.training.module import PhotoClassifier

N_CLASSES = 3


def settings(side: int, **changes: Any) -> CandidateSettings:
    """Return a timm candidate's settings; photos reach the network as they are."""
    plain: Any = {"crop_mode": "center", "interpolation": "bilinear", "mean": (0.0,) * 3, "std": (1.0,) * 3}
    given: Any = {
        "model": "resnet18",
        "name": "resnet18",
        "source": "timm",
        "weights_id": None,
        "licence_code": "Apache-2.0",
        "licence_weights": "Apache-2.0",
        "commercial_use": True,
        "preprocessing": Preprocessing(image_size=side, crop_pct=1.0, **plain),
        "head": HeadParams(hidden=[], batch_norm=False, dropout=0.0),
        "architecture": "ResNet",
    }
    return CandidateSettings(**given | changes)


def photo_classifier(classifier: Classifier, side: int) -> PhotoClassifier:
    """Return the classifier as interpretation gets it: in eval mode, no parameter takes a gradient."""
    return PhotoClassifier(classifier, settings(side).preprocessing).eval().requires_grad_(False)


def subject(module: PhotoClassifier, side: int) -> Any:
    """Return the real subject of a network."""
    from bakeoff.interpret.torch_subject import TorchSubject

    labels = [f"class {number}" for number in range(N_CLASSES)]
    predictor = TorchPredictor(
        module, settings(side), labels=labels, probability_kind="softmax", scan=None, title="small"
    )
    return TorchSubject(predictor, batch_px=2 * side**2)


class RedAndGreen(nn.Module):
    """A backbone whose last map is a photo's red and green, which it averages: (N, 3, H, W) to (N, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.global_pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, images: Tensor) -> Tensor:
        """Return the means of red and green."""
        return self.global_pool(images[:, :2]).flatten(1)


def red_and_green(weights: np.ndarray) -> PhotoClassifier:
    """Return the classifier whose logits are `weights` (K, 2) times the means of red and green, plus 0.3."""
    import torch

    head = nn.Linear(2, len(weights))
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weights))
        head.bias.fill_(0.3)
    return photo_classifier(Classifier(RedAndGreen(), head, 2), side=32)
