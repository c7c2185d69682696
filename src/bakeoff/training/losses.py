"""The formulas of the training losses, by the name params.yaml gives them, and of probabilities."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bakeoff.learning.balance import WeightsByName, class_weights
from bakeoff.learning.losses import CrossEntropy, Focal, LossParams

Loss = Callable[[Tensor, Tensor], Tensor]
"""From logits (N, K) float and targets to each row's loss, (N,) float32.

Targets are class indices (N,) int64 below K, or soft: (N, K) float32, rows sum to 1.
"""


def cross_entropy(logits: Tensor, targets: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    """Return each row's cross-entropy, (N,) float32, with this share of its target spread evenly over the classes."""
    return F.cross_entropy(logits.float(), targets, reduction="none", label_smoothing=label_smoothing)


def bce(logits: Tensor, targets: Tensor) -> Tensor:
    """Return each row's binary cross-entropy on one-hot or soft targets, averaged over the K classes, (N,) float32."""
    soft = _soft(targets, logits.shape[1])
    return F.binary_cross_entropy_with_logits(logits.float(), soft, reduction="none").mean(dim=1)


def focal(logits: Tensor, targets: Tensor, *, gamma: float = 2.0, alpha: Tensor | None = None) -> Tensor:
    """Return each row's sum over classes of target · alpha (K,) · (1 - p)^gamma · -log p, (N,) float32; alpha or 1.

    Source:
        Lin et al. 2017, arXiv:1708.02002, equation 5, with p of a softmax where the paper has a sigmoid per class.
    """
    log_p = F.log_softmax(logits.float(), dim=1)
    # At p = 1 the power's slope is infinite for gamma below 1, and its gradient would be 0 · inf.
    modulating = (-torch.expm1(log_p)).clamp_min(torch.finfo(torch.float32).eps) ** gamma
    terms = _soft(targets, logits.shape[1]) * modulating * -log_p
    return (terms if alpha is None else terms * alpha.to(logits.device)).sum(dim=1)


LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy, "bce": bce, "focal": focal}


def build_loss(params: LossParams, train_labels: np.ndarray, n_classes: int, *, training: bool) -> Loss:
    """Return the loss with its parameters; `train_labels` (N,) int64 are those that `alpha: balanced` counts.

    Labels are smoothed in `training` alone: validation and predictions are judged by their labels as they are.
    """
    if isinstance(params, CrossEntropy) and training:
        return partial(cross_entropy, label_smoothing=params.label_smoothing)
    if isinstance(params, Focal):
        alpha = params.alpha
        if alpha == "balanced":
            alpha = class_weights(train_labels, n_classes, WeightsByName(name="balanced"))
        return partial(focal, gamma=params.gamma, alpha=None if alpha is None else torch.as_tensor(alpha))
    return LOSSES[params.name]


def probabilities(logits: Tensor, kind: str) -> Tensor:
    """Return (N, K) float32 probabilities, rows sum to 1: `softmax`, or the sigmoids divided by their sum.

    Logits so low that every sigmoid underflows still divide: the division is a softmax over log-sigmoids.
    """
    scores = F.logsigmoid(logits.float()) if kind == "sigmoid_normalised" else logits.float()
    return torch.softmax(scores, dim=1)


def _soft(targets: Tensor, n_classes: int) -> Tensor:
    return F.one_hot(targets, n_classes).float() if targets.dim() == 1 else targets
