"""The formulas of the training losses, by the name params.yaml gives them, and of probabilities."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return each row's cross-entropy, (N,) float32.

    Args:
        logits: (N, K) float.
        labels: (N,) int64 below K.
    """
    return F.cross_entropy(logits.float(), labels, reduction="none")


def bce(logits: Tensor, labels: Tensor) -> Tensor:
    """Return each row's binary cross-entropy on one-hot targets, averaged over the K classes, (N,) float32.

    Args:
        logits: (N, K) float.
        labels: (N,) int64 below K.
    """
    targets = F.one_hot(labels, logits.shape[1]).float()
    return F.binary_cross_entropy_with_logits(logits.float(), targets, reduction="none").mean(dim=1)


def weighted_mean(losses: Tensor, weights: Tensor) -> Tensor:
    """Return the sum of weight times loss divided by the sum of the weights, () float32: the mean where all are alike.

    Args:
        losses: (N,) float32.
        weights: (N,) float32 above 0.
    """
    return (losses * weights).sum() / weights.sum()


LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy, "bce": bce}


def probabilities(logits: Tensor, kind: str) -> Tensor:
    """Return (N, K) float32 probabilities, rows sum to 1: `softmax`, or the sigmoids divided by their sum.

    Logits so low that every sigmoid underflows still divide: the division is a softmax over log-sigmoids.
    """
    scores = F.logsigmoid(logits.float()) if kind == "sigmoid_normalised" else logits.float()
    return torch.softmax(scores, dim=1)
